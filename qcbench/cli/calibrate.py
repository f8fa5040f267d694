"""`qcbench calibrate`: write the models fitted to a replay as a scenario."""

from collections.abc import Sequence
from pathlib import Path

from qcbench.cli.arguments import Parser
from qcbench.commands import command, override

SUMMARY = (
    "Fit time, spread and errors to a replay and write them as a scenario that simulate, run and"
    " train take with --config-dir."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(prog="qcbench calibrate", description=SUMMARY)
    parser.add_argument(
        "replay",
        nargs="*",
        help="name or path, of all repetitions of one; the latest replay if none",
    )
    parser.add_argument("--replays-dir", default="replays", help="folder of all replays")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("calibrated"),
        help="config folder (default: calibrated)",
    )
    parser.add_argument("--name", default="", help="of the scenario (default: calibrated/REPLAY)")
    parser.add_argument(
        "--fill",
        action="store_true",
        help="devices of whose times the replay says too little get the means of the others",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the resamples")
    options = parser.parse_args(arguments)
    from qcbench.hardware.calibrate import write_scenario  # noqa: PLC0415 - after the help
    from qcbench.hardware.results import gap_of  # noqa: PLC0415

    measured = gap_of(options.replay, options.replays_dir, options.seed)
    name = options.name or f"calibrated/{measured.replay.folder.name}"
    path = write_scenario(measured.replay, measured.gap, options.output, name, fill=options.fill)
    print(path)
    print(command("simulate", override("scenario", name), "--config-dir", str(options.output)))
    return 0
