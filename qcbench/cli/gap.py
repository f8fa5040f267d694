"""`qcbench gap`: the gap between simulation and what replays measured, as a report."""

from collections.abc import Sequence

from qcbench.cli.arguments import Parser, named_run
from qcbench.cli.stages import next_step
from qcbench.commands import command
from qcbench.errors import InputError

SUMMARY = (
    "Write the gap report of a replay: HTML, Parquet, figures, and a run in MLflow. Names or paths"
    " of replays, those of all repetitions of one, stand before or after what is overridden; the"
    " latest replay if none."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(prog="qcbench gap", description=SUMMARY)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="replay or override",
        help="name or path of a replay; tracking=none, tracking.uri=...",
    )
    parser.add_argument("--replays-dir", default="replays", help="folder of all replays")
    parser.add_argument("--seed", type=int, default=0, help="of the resamples")
    options = parser.parse_intermixed_args(arguments)
    names = [word for word in options.words if named_run([word])[0] is not None]
    overrides = [word for word in options.words if named_run([word])[0] is None]
    for text in overrides:
        if not text.startswith("tracking"):
            raise InputError(f"gap: {text}: only tracking=... and tracking.KEY=... are known here")
    from qcbench.api import compose_resume  # noqa: PLC0415 - after the help
    from qcbench.hardware.results import gap_of, keep_together  # noqa: PLC0415

    tracking = compose_resume(overrides).tracking
    measured = gap_of(names, options.replays_dir, options.seed)
    if len(names) > 1:
        keep_together(measured)

    from qcbench.hardware.accounts import unfinished_in_words  # noqa: PLC0415
    from qcbench.hardware.gap.report import headline, write_gap  # noqa: PLC0415 - matplotlib

    written = write_gap(measured)
    if unfinished := unfinished_in_words(measured.table):
        print(unfinished)
    print(f"{measured.gap.label}: {headline(measured.gap)}")
    print(written.page)
    if tracking.enabled:
        from qcbench.hardware.gap.mlflow_run import publish_gap  # noqa: PLC0415

        print(f"MLflow run {publish_gap(measured, tracking)}")
    next_step(command("calibrate", *measured.names))
    return 0
