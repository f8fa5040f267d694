"""What stored replays have measured, at their end or so far."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.errors import InputError
from qcbench.files import write_text
from qcbench.fleet.load import load_fleet
from qcbench.hardware.design import Kept, kept
from qcbench.hardware.gap.analysis import Gap, analyse
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.manifest import TABLE, ReplayFolder, find_replay
from qcbench.hardware.plan import compiled_earlier, make_world
from qcbench.hardware.replay_config import identity
from qcbench.hardware.stored_tables import anchors_of, check_rows, read_table
from qcbench.hardware.stream import PLAYING
from qcbench.hardware.table import task_table

if TYPE_CHECKING:
    import polars as pl

POOLED = "pooled.json"


@dataclass(frozen=True)
class Measured:
    """One replay, or several of the same tasks.

    Attributes:
        replay: where the report of it lies; several have a folder of their own.
        table: all rows, with the number of each replay, from 1, as `repetition`.
        gap: what they say together.
        plan: what became of the plan.
        names: of the replays, as `qcbench gap` takes them.
    """

    replay: ReplayFolder
    table: "pl.DataFrame"
    gap: Gap
    plan: Kept
    names: tuple[str, ...]


def table_of(replay: ReplayFolder) -> "pl.DataFrame":
    """Return the table of a replay; of one that is not at its end, what its ledger says by now.

    Rows that are not at their end have the states `pending`, `planned`, `waiting`, `submitted`.

    Raises:
        InputError: it has placed no task yet, or its files cannot be read.
    """
    if replay.ledger.is_file():
        with JobLedger(replay.ledger, reading=True) as ledger:
            playing = ledger.get(PLAYING)
            # What was played before this was noted has a table at its end.
            if playing == "1" or (playing is None and not replay.table.is_file()):
                if not ledger.decisions():
                    raise InputError(
                        f"{replay.folder}: has placed no task yet; run the same `qcbench replay`"
                    )
                return task_table(
                    make_world(replay.config),
                    compiled_earlier(ledger.circuits()),
                    ledger,
                    replay=replay.replay,
                    label=replay.label,
                    finished=False,
                )
    table = read_table(replay.table)
    check_rows(replay.table, table, replay)
    return table


def gap_of(names: Sequence[str] = (), replays_dir: str = "replays", seed: int = 0) -> Measured:
    """Return the gap of replays by name; of the latest where none is named.

    Raises:
        InputError: there is no such replay, it is not at its end, or they are not repetitions of
            one replay.
    """
    import polars as pl  # noqa: PLC0415

    replays = [find_replay(name, replays_dir) for name in names] or [find_replay(None, replays_dir)]
    _check_alike(replays)
    table = pl.concat(
        [
            table_of(replay).with_columns(repetition=pl.lit(number), begun=pl.lit(replay.date[:10]))
            for number, replay in enumerate(replays, 1)
        ],
        how="diagonal_relaxed",
    )
    _check_no_copies(replays, table)
    anchors = [
        found.with_columns(repetition=pl.lit(number))
        for number, replay in enumerate(replays, 1)
        if (found := anchors_of(replay)) is not None
    ]
    drifts = pl.concat(anchors) if anchors else None
    fleet = load_fleet(replays[0].config.scenario.fleet)
    gap = analyse(
        table,
        fleet,
        seed,
        anchors=drifts,
        waits_of_policies=replays[0].config.waits,
    )
    plan = kept([(one.folder, one.date, one.label) for one in replays], table, drifts)
    folders = tuple(str(replay.folder) for replay in replays)
    return Measured(_together(replays, replays_dir), table, gap, plan, folders)


def _check_alike(replays: Sequence[ReplayFolder]) -> None:
    """Refuse to put together what are no repetitions of one replay."""
    first = replays[0]
    seen = {first.replay}
    for other in replays[1:]:
        if other.replay in seen:
            raise InputError(f"{other.folder}: is named twice")
        seen.add(other.replay)
        one, two = (
            identity(replace(replay.config, repetition=None, repeat=1)) for replay in (first, other)
        )
        different = next((key for key in {**one, **two} if one.get(key) != two.get(key)), None)
        if different is not None:
            raise InputError(
                f"{other.folder}: is no repetition of {first.folder} ({different} differs); those"
                " of one command with repeat= are"
            )


FEWEST_EQUAL = 5
"""Fidelities that two repetitions must share to the last digit to be one and the same."""


def _check_no_copies(replays: Sequence[ReplayFolder], table: "pl.DataFrame") -> None:
    """Refuse repetitions that measured the very same noise: they say no more than one of them."""
    import polars as pl  # noqa: PLC0415

    measured = (
        table.filter((pl.col("fidelity") < 1) & (pl.col("fidelity_noise") > 0))
        .select("repetition", "qpu", "compiled", "fidelity")
        .unique(["repetition", "qpu", "compiled"], keep="first", maintain_order=True)
    )
    pairs = measured.join(measured, on=["qpu", "compiled"], suffix="_other").filter(
        pl.col("repetition") < pl.col("repetition_other")
    )
    same = (
        pairs.group_by("repetition", "repetition_other")
        .agg(n=pl.len(), same=(pl.col("fidelity") == pl.col("fidelity_other")).all())
        .filter(pl.col("same") & (pl.col("n") >= FEWEST_EQUAL))
        .sort("repetition", "repetition_other")
    )
    if same.height:
        first, second = (
            replays[same[name][0] - 1].folder for name in ("repetition", "repetition_other")
        )
        raise InputError(
            f"{second}: its {same['n'][0]} fidelities are those of {first} to the last digit, as"
            " an emulator gives that was started anew with the same seed and day; copies are no"
            " repetitions, leave one out or replay it anew"
        )


def _together(replays: Sequence[ReplayFolder], replays_dir: str) -> ReplayFolder:
    """Return where the report of several replays lies; that of one lies in its folder."""
    if len(replays) == 1:
        return replays[0]
    numbers = [replay.replay for replay in replays]
    name = hashlib.sha256(json.dumps(sorted(numbers)).encode()).hexdigest()[:12]
    folder = Path(replays_dir) / f"pooled-{name}"
    return replace(
        replays[0], folder=folder, replay=name, date=min(replay.date for replay in replays)
    )


def keep_together(measured: Measured) -> None:
    """Write the rows of several replays beside their report.

    Raises:
        InputError: the folder cannot be written.
    """
    folder = measured.replay.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror})") from error
    from qcbench.hardware.replay import write_table  # noqa: PLC0415

    write_table(measured.table, folder / TABLE)
    write_text(folder / POOLED, json.dumps({"replays": measured.names}, indent=1) + "\n")
