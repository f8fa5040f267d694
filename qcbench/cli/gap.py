"""`qcbench gap`: the gap between simulation and what a replay measured, as a report."""

from collections.abc import Sequence

from qcbench.cli.arguments import Parser, named_run
from qcbench.errors import InputError

SUMMARY = (
    "Write the gap report of a replay: HTML, Parquet, figures, and a run in MLflow. The first"
    " argument may be its name or path; the latest replay if none."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    named, rest = named_run(arguments)
    parser = Parser(prog="qcbench gap", description=SUMMARY)
    parser.add_argument("overrides", nargs="*", help="tracking=none, tracking.uri=...")
    parser.add_argument("--replays-dir", default="replays", help="folder of all replays")
    parser.add_argument("--seed", type=int, default=0, help="of the resamples")
    options = parser.parse_intermixed_args(rest)
    for text in options.overrides:
        if not text.startswith("tracking"):
            raise InputError(f"gap: {text}: only tracking=... and tracking.KEY=... are known here")
    from qcbench.api import compose_resume  # noqa: PLC0415 - after the help
    from qcbench.hardware.results import gap_of  # noqa: PLC0415

    tracking = compose_resume(options.overrides).tracking
    replay, table, gap = gap_of(named, options.replays_dir, options.seed)

    from qcbench.hardware.gap.report import headline, write_gap  # noqa: PLC0415 - matplotlib

    written = write_gap(replay, table, gap)
    print(f"{gap.label}: {headline(gap)}")
    print(written.page)
    if tracking.enabled:
        from qcbench.hardware.gap.mlflow_run import publish_gap  # noqa: PLC0415

        print(f"MLflow run {publish_gap(replay, gap, tracking)}")
    return 0
