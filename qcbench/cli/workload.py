"""`qcbench workload`: the packaged circuits, and task files."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.cli.arguments import Parser
from qcbench.errors import InputError
from qcbench.files import check_writable
from qcbench.workload.algorithms import ALGORITHMS, FAMILIES, MAX_QUBITS, MIN_QUBITS
from qcbench.workload.formats.names import FORMATS

if TYPE_CHECKING:
    from qcbench.workload.task_set import TaskSet


def build(output: Path | None) -> None:
    """Rebuild the table of circuits, with a line of progress; the packaged one where None."""
    from qcbench.workload.circuits.build import build_table  # noqa: PLC0415 - needs mqt.bench and qiskit
    from qcbench.workload.circuits.table import PACKAGED  # noqa: PLC0415

    output = output or PACKAGED
    check_writable(output)
    began = time.monotonic()
    on_terminal = sys.stderr.isatty()

    def progress(line: str) -> None:
        if on_terminal:
            print(f"\r{line:<79}", end="", file=sys.stderr, flush=True)

    build_table(output, progress=progress)
    if on_terminal:
        print(file=sys.stderr)
    print(f"wrote {output} in {time.monotonic() - began:.0f} s")


def generate(options: argparse.Namespace) -> None:
    """Draw subsets and write them."""
    import numpy as np  # noqa: PLC0415 - after the help

    from qcbench.workload.circuits.published_set import draw_published_set  # noqa: PLC0415
    from qcbench.workload.config import MqtCircuits  # noqa: PLC0415
    from qcbench.workload.formats.task_files import write_task_set  # noqa: PLC0415

    if options.seed < 0:
        raise InputError(f"--seed: {options.seed}; must be 0 or more")
    if options.large is not None:
        generate_large(options)
        return
    if options.subsets < 1:
        raise InputError(f"--subsets: {options.subsets}; must be at least 1")
    circuits = MqtCircuits(
        algorithms=options.algorithms.split(",") if options.algorithms else list(ALGORITHMS),
        min_qubits=options.min_qubits,
        max_qubits=options.max_qubits,
    )
    content = draw_published_set(
        np.random.default_rng(options.seed), options.subsets, circuits, options.arrivals
    )
    write_task_set(content, options.output, extra_families=_families(options))
    print(f"wrote {len(content)} tasks in {options.subsets} subsets to {options.output}")


def generate_large(options: argparse.Namespace) -> None:
    """Draw jobs like those of the allocation study and write them as a job file."""
    import numpy as np  # noqa: PLC0415 - after the help

    from qcbench.workload.circuits.large import large_tasks  # noqa: PLC0415
    from qcbench.workload.config import LargeCircuits  # noqa: PLC0415
    from qcbench.workload.formats.task_files import format_of, write_task_set  # noqa: PLC0415
    from qcbench.workload.task_set import TaskSet  # noqa: PLC0415

    if options.large < 1:
        raise InputError(f"--large: {options.large}; must be at least 1")
    kind = format_of(options.output)
    if kind not in ("csv", "json"):
        raise InputError(f"{options.output}: job files end in .csv or .json")
    circuits = LargeCircuits(small_share=options.small_share)
    tasks = large_tasks(np.random.default_rng(options.seed), options.large, circuits)
    names = [str(number) for number in range(1, len(tasks) + 1)]
    write_task_set(TaskSet(tasks, job_id=names), options.output, f"jobs_{kind}")
    print(f"wrote {len(tasks)} jobs to {options.output}")


def convert(options: argparse.Namespace) -> None:
    """Read one format and write another."""
    from qcbench.workload.formats.task_files import (  # noqa: PLC0415 - after the help
        format_of,
        left_out,
        write_task_set,
    )

    content = _read(options.input, options)
    write_task_set(
        content,
        options.output,
        options.output_format,
        extra_families=_families(options),
        any_algorithm=options.any_algorithm,
    )
    lost = left_out(content, format_of(options.output, options.output_format), _families(options))
    for note in (*content.notes, *lost):
        print(f"note: {note}")
    print(f"wrote {len(content)} tasks to {options.output}")


def show(options: argparse.Namespace) -> None:
    """Print a summary of a file, or of the packaged circuits."""
    from qcbench.workload.circuits.table import load_circuits  # noqa: PLC0415 - after the help
    from qcbench.workload.summary import compare, describe  # noqa: PLC0415
    from qcbench.workload.task_set import TaskSet  # noqa: PLC0415

    packaged = options.path is None
    content = TaskSet(load_circuits().tasks) if packaged else _read(options.path, options)
    print("\n".join(describe(content)))
    if options.compare:
        print()
        print("\n".join(compare(content)))


def _read(path: Path, options: argparse.Namespace) -> "TaskSet":
    from qcbench.workload.formats.task_files import read_task_set, select_subset  # noqa: PLC0415

    content = read_task_set(
        path, options.format, shots=options.shots, any_algorithm=options.any_algorithm
    )
    return content if options.subset is None else select_subset(content, options.subset, path)


def _families(options: argparse.Namespace) -> list[str]:
    return [name for name in options.families.split(",") if name]


def _reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, help="of the input; by its name if not given")
    parser.add_argument("--subset", type=int, help="use this subset only")
    parser.add_argument("--shots", type=int, default=1024, help="where the format has none")
    parser.add_argument(
        "--any-algorithm",
        action="store_true",
        help="accept unpublished algorithms in a CSV, read or written",
    )


def _writing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--families",
        default="",
        help="further families for CSV, comma-separated, such as ibmq133,ibmq156",
    )


def _parser() -> Parser:
    parser = Parser(prog="qcbench workload", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    building = verbs.add_parser("build", help="rebuild the packaged circuits with mqt.bench")
    building.add_argument("--output", type=Path, help="instead of the packaged")

    generating = verbs.add_parser("generate", help="write a task set like the published one")
    generating.add_argument("output", type=Path, metavar="OUT", help=".csv, .json or .parquet")
    generating.add_argument("--subsets", type=int, default=1900, help="of 26 tasks each")
    generating.add_argument("--seed", type=int, default=0)
    generating.add_argument(
        "--arrivals",
        choices=("none", "minute", "qsimpy"),
        default="none",
        help="also write arrival times: a minute a subset, or those that QSimPy would draw",
    )
    generating.add_argument(
        "--large",
        type=int,
        metavar="JOBS",
        help="instead a job file (.csv, .json) with so many large circuits, as in QCloudSim",
    )
    generating.add_argument(
        "--small-share", type=float, default=0.0, help="share of small circuits among them"
    )
    generating.add_argument("--algorithms", help=f"comma-separated, of {', '.join(ALGORITHMS)}")
    generating.add_argument("--min-qubits", type=int, default=MIN_QUBITS)
    generating.add_argument("--max-qubits", type=int, default=MAX_QUBITS)
    _writing(generating)

    converting = verbs.add_parser("convert", help="read one format, write another")
    converting.add_argument("input", type=Path, metavar="IN", help="file, or folder of OpenQASM")
    converting.add_argument(
        "output", type=Path, metavar="OUT", help=".csv .json .parquet .swf .csv.gz"
    )
    converting.add_argument("--output-format", choices=[f for f in FORMATS if f != "qasm"])
    _reading(converting)
    _writing(converting)

    showing = verbs.add_parser("show", help=f"summarise a file, or {len(FAMILIES)} families' table")
    showing.add_argument(
        "path", type=Path, nargs="?", metavar="PATH", help="the packaged circuits if not given"
    )
    showing.add_argument(
        "--compare", action="store_true", help="set depths against the packaged circuits'"
    )
    _reading(showing)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `qcbench workload build|generate|convert|show`; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        match options.verb:
            case "build":
                build(options.output)
            case "generate":
                generate(options)
            case "convert":
                convert(options)
            case _:
                show(options)
    except InputError as error:
        print(f"qcbench workload: {error}", file=sys.stderr)
        return 2
    return 0
