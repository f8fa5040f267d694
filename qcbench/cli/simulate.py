"""`qcbench simulate`: one trial, its records to standard output, CSV or Parquet."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.bench.overrides import nested
from qcbench.cli.arguments import parse, show
from qcbench.errors import InputError
from qcbench.files import check_writable

if TYPE_CHECKING:
    import polars as pl

    from qcbench.api import SimulateConfig

FORMATS = ("csv", "parquet", "json")
SUMMARY = "Run one trial and print its records, one row a task."


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    options = parse("simulate", SUMMARY, arguments)
    import polars as pl  # noqa: PLC0415 - after the help

    from qcbench.api import compose_simulate  # noqa: PLC0415
    from qcbench.bench.compose import known_policies  # noqa: PLC0415

    if options.show:
        for overrides in options.runs:
            show("simulate", options, known_policies(nested(overrides), options.config_dirs))
        return 0
    runs = [compose_simulate(overrides, options.config_dirs) for overrides in options.runs]
    targets = {(run.output, _format(run)) for run in runs}
    if len(targets) > 1:
        raise InputError("output: is not the same for all runs; they go into one table")
    output, kind = targets.pop()
    if output != "-":
        if not Path(output).absolute().parent.is_dir():
            raise InputError(f"output={output}: its folder does not exist")
        if Path(output).is_dir():
            raise InputError(f"output={output}: is a folder; name a file in it")
        check_writable(Path(output))
    _write(pl.concat([_simulate(run) for run in runs]), output, kind)
    return 0


def _format(run: "SimulateConfig") -> str:
    kind = run.format
    if kind == "auto":
        kind = "csv" if run.output == "-" else Path(run.output).suffix.removeprefix(".")
        if kind not in FORMATS:
            raise InputError(
                f"output={run.output}: its ending names no format; known: .csv, .parquet, .json"
            )
    if kind not in FORMATS:
        raise InputError(f"format: {kind!r}; it must be one of {', '.join(FORMATS)}")
    return kind


def _simulate(run: "SimulateConfig") -> "pl.DataFrame":
    from qcbench.api import trial_of  # noqa: PLC0415
    from qcbench.bench.run import row_of, simulate_trial  # noqa: PLC0415
    from qcbench.policies.protocol import PolicyError  # noqa: PLC0415

    trial = trial_of(run)
    try:
        records = simulate_trial(trial)
    except PolicyError as error:
        raise type(error)(f"policy {trial.policy}: {error}") from error
    row = row_of(trial, records)
    load, mean_s = trial.scenario_config["offered_load"], row["mean_completion_s"]
    print(
        f"{trial.scenario} · {trial.policy} · seed {trial.replicate}: {row['done']} of "
        f"{row['tasks']} tasks done, {row['violations']} violations"
        + ("" if mean_s is None else f", mean completion {mean_s:.3f} s")
        + ("" if load is None else f", offered load {load:.3g}"),
        file=sys.stderr,
    )
    return records.frame(trial.trial_id)


def _write(frame: "pl.DataFrame", output: str, kind: str) -> None:
    import polars as pl  # noqa: PLC0415

    if kind == "csv":
        lists = [name for name, type_ in frame.schema.items() if isinstance(type_, pl.List)]
        frame = frame.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join(";"))
        data = frame.write_csv().encode()
    elif kind == "json":
        data = frame.write_ndjson().encode()
    else:
        import io  # noqa: PLC0415

        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        data = buffer.getvalue()
    if output == "-":
        if (raw := getattr(sys.stdout, "buffer", None)) is not None:
            raw.write(data)
        else:  # somebody has put a text in its place
            sys.stdout.write(data.decode("utf-8", "backslashreplace"))
        sys.stdout.flush()
        return
    from qcbench.files import write_durable  # noqa: PLC0415

    write_durable(Path(output), data)
