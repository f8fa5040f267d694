"""`qcbench doctor`: what this machine and this installation lack, and what to do about it."""

from collections.abc import Sequence

from qcbench.cli.arguments import Parser, as_option
from qcbench.errors import one_line


def main(arguments: Sequence[str]) -> int:
    """Run the verb; 1 where there is a fault."""
    parser = Parser(
        prog="qcbench doctor",
        description="Look at versions, extras, Ray, disk, ports, credentials and compiled kernels."
        " Credentials are looked for by their names and never shown.",
    )
    parser.add_argument("--runs-dir", default="runs", help="folder of all runs (default: runs)")
    parser.add_argument("--ray", action="store_true", help="start a Ray and stop it: seconds")
    options = parser.parse_args([as_option(text) for text in arguments])
    from qcbench.bench.doctor import examine  # noqa: PLC0415 - after the help

    faults = 0
    for found in examine(options.runs_dir, ray=options.ray):
        faults += found.state == "fault"
        print(f"{found.state:<5}  {found.subject:<15}  {one_line(found.text)}", flush=True)
    if faults:
        print(f"{faults} {'fault' if faults == 1 else 'faults'}: do what is said behind it")
    return 1 if faults else 0
