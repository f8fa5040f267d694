"""`qcbench runs`: what runs, trainings, sweeps and replays there are."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench.cli.arguments import Parser, as_option
from qcbench.cli.stages import next_step
from qcbench.errors import InputError, nearest

if TYPE_CHECKING:
    from qcbench.bench.listing import Listed

FORMATS = ("auto", "table", "csv", "json")
SORTED_BY = ("began", "id", "kind", "subject", "state", "trials", "version")
WIDTH = 160


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(
        prog="qcbench runs",
        description="List runs, trainings, sweeps and replays, the latest last.",
    )
    parser.add_argument("--runs-dir", default="runs", help="folder of all runs (default: runs)")
    parser.add_argument("--replays-dir", default="replays", help="folder of all replays")
    parser.add_argument(
        "--sort", default="began", help=f"by {', '.join(SORTED_BY)}; -KEY the other way round"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="auto", help="auto: a table, CSV in a pipe"
    )
    options = parser.parse_args([as_option(text) for text in arguments])
    key = options.sort.removeprefix("-")
    if key not in SORTED_BY:
        raise InputError(f"runs: sort={options.sort}: no such column{nearest(key, SORTED_BY)}")
    from qcbench.bench.listing import list_all  # noqa: PLC0415 - after the help
    from qcbench.bench.run_names import none_yet, told_name  # noqa: PLC0415
    from qcbench.storage.places import runs_folder  # noqa: PLC0415

    runs = runs_folder(options.runs_dir)
    by_age = list_all(runs, Path(options.replays_dir))
    backwards = options.sort.startswith("-")
    found = sorted(by_age, key=lambda each: _sortable(getattr(each, key)), reverse=backwards)
    for each in found:
        if each.problem:
            print(f"qcbench: {each.problem}", file=sys.stderr)
        if each.left:
            print(f"qcbench: {each.id}: {each.left}", file=sys.stderr)
    kind = options.format
    if kind == "auto":
        kind = "table" if sys.stdout.isatty() else "csv"
    if kind == "table" and not found:
        print(none_yet("run", runs))
    elif kind == "table":
        _show(found)
        latest = next((each for each in reversed(by_age) if each.kind == "run"), by_age[-1])
        next_step(f"qcbench show {told_name(latest.folder)}")
    else:
        _write(found, kind)
    return 0


def _sortable(value: Any) -> tuple[bool, Any]:
    """Sort what is not known first."""
    return value is not None, "" if value is None else value


def _show(found: "Sequence[Listed]") -> None:
    from qcbench.cli.tables import print_columns  # noqa: PLC0415 - rich

    columns: dict[str, list[str]] = {
        "run": [each.id for each in found],
        "state": [_state(each) for each in found],
        "trials": [_trials(each) for each in found],
        "kind": [each.kind for each in found],
        "suite or scenario": [each.subject for each in found],
        "began (UTC)": [f"{each.began:%Y-%m-%d %H:%M}" if each.began else "" for each in found],
        "qcbench": [each.version for each in found],
        "policies": [_policies(each.policies) for each in found],
    }
    print_columns(columns, WIDTH, right=("trials",))


def _state(each: "Listed") -> str:
    return f"{each.state}, {each.failed} failed" if each.failed else each.state


def _trials(each: "Listed") -> str:
    if each.trials is None:
        return ""
    if each.done is None or each.failed is None:
        return f"?/{each.trials:,}"
    return f"{each.done + each.failed:,}/{each.trials:,}"


def _policies(labels: Sequence[str]) -> str:
    """Name a few of them."""
    return ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")


def _write(found: "Sequence[Listed]", kind: str) -> None:
    from qcbench.files import to_json  # noqa: PLC0415 - after the help
    from qcbench.storage.places import shown_path  # noqa: PLC0415

    rows: list[dict[str, Any]] = [
        {
            "id": each.id,
            "kind": each.kind,
            "subject": each.subject,
            "state": each.state,
            "trials": each.trials,
            "done": each.done,
            "failed": each.failed,
            "policies": list(each.policies),
            "began": each.began and f"{each.began:%Y-%m-%dT%H:%M:%SZ}",
            "version": each.version,
            "folder": shown_path(each.folder),
        }
        for each in found
    ]
    if kind == "json":
        print(to_json(rows, "the list", indent=2))
        return
    import polars as pl  # noqa: PLC0415

    from qcbench.report.spreadsheets import escaped  # noqa: PLC0415

    counts = dict.fromkeys(("trials", "done", "failed"), pl.Int64)
    names = ("id", "kind", "subject", "state", *counts, "policies", "began", "version", "folder")
    flat = [{**row, "policies": ";".join(row["policies"])} for row in rows]
    frame = pl.DataFrame(flat, schema={name: counts.get(name, pl.String) for name in names})
    sys.stdout.write(escaped(frame).write_csv())
