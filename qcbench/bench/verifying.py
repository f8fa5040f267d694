"""Trials of a stored run, run again: whether they give what is stored, to the last bit."""

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import zip_longest
from math import isnan
from typing import Any

import polars as pl

from qcbench.bench import manifest as manifests
from qcbench.bench.changes import between_versions
from qcbench.bench.drawn import policy_of, world_of
from qcbench.bench.ledger import by_world
from qcbench.bench.outcome import Outcome, Value, attempt_trial
from qcbench.bench.run import run_recorded_trial, run_trial
from qcbench.bench.store import TABLE, RunStore
from qcbench.bench.trial import MODEL_VERSION, Trial
from qcbench.errors import InputError
from qcbench.kernels import engine
from qcbench.parquet import frame_at

OTHERWISE = ("trial_id", "engine")
"""Columns in which a trial on the other engine has to differ."""


@dataclass(frozen=True)
class Difference:
    """A number that is another one here.

    Attributes:
        what: a column of the result table, or of the records with its row.
        stored, found: in the run, and here.
    """

    what: str
    stored: Value
    found: Value

    def __str__(self) -> str:
        """Say by how much."""
        told = f"{self.what}: {_told(self.stored)} stored, {_told(self.found)} here"
        if isinstance(self.stored, int | float) and isinstance(self.found, int | float):
            apart = self.found - self.stored
            share = f", {apart / self.stored:+.3g} of it" if self.stored else ""
            return f"{told} ({apart:+.3g}{share})"
        return told


@dataclass(frozen=True)
class Repeated:
    """A trial that was run again.

    Attributes:
        trial: as it is stored.
        engines: that it ran on.
        differences: by engine; none where all is equal.
        uncompared: columns that only the stored row has, or only that of this version.
    """

    trial: Trial
    engines: tuple[str, ...]
    differences: Mapping[str, tuple[Difference, ...]]
    uncompared: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether every engine gave what is stored."""
        return not any(self.differences.values())


@dataclass(frozen=True)
class Verification:
    """What came of it.

    Attributes:
        run: its id.
        notes: what is otherwise here than where it was run; that alone is no difference.
        problems: of its files, one line each.
        repeated: trials.
    """

    run: str
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    repeated: tuple[Repeated, ...]

    @property
    def equal(self) -> bool:
        """Whether all is as it is stored."""
        return not self.problems and all(each.equal for each in self.repeated)


def notes_of(store: RunStore) -> tuple[str, ...]:
    """Say what is otherwise here than where the run was run: model, packages, commit."""
    manifest, found = store.manifest, []
    if manifest.model_version != MODEL_VERSION:
        found.append(
            f"model version {manifest.model_version} ran it, here is {MODEL_VERSION}: numbers may"
            " differ"
        )
    found += manifests.said_of_uncorrected(manifest)
    found += [
        f"{change.where} {change.key}: {change.first} ran it, here is {change.second}"
        for change in between_versions(manifest.provenance, manifests.provenance())
    ]
    failed = len(store.failed)
    if failed:
        found.append(f"{failed} trials failed and have no numbers to compare")
    return tuple(found)


def problems_of(store: RunStore, table: pl.DataFrame) -> tuple[str, ...]:
    """Say what is wrong with the files of a run.

    Args:
        store: the run.
        table: that its shards make.
    """
    found = list(store.warnings)
    if changed := manifests.edited(store.trials):
        found.append(changed)
    path = store.folder / TABLE
    if path.is_file():
        try:
            same = frame_at(path).equals(table, null_equal=True)
        except (Exception, pl.exceptions.PanicException):  # as of a damaged shard
            same = False
        if not same:
            found.append(f"{path}: is not the table that the shards of the run make")
    return tuple(found)


def chosen(store: RunStore, sample: int | None, seed: int) -> list[Trial]:
    """Return trials that are done, the same ones for the same seed; those of a world together.

    Every scenario and policy has its turn before one has a second. A larger sample has those of a
    smaller one.

    Args:
        sample: how many; all where None.
        seed: which.

    Raises:
        InputError: no trial has numbers.
    """
    with_numbers = store.finished - store.failed
    done = [trial for trial in store.trials if trial.trial_id in with_numbers]
    if not done:
        raise InputError(f"run {store.folder.name}: no trial has numbers yet to compare with")
    if sample is None:
        return by_world(done)

    def rank(trial: Trial) -> str:
        return sha256(f"{seed}:{trial.trial_id}".encode()).hexdigest()

    kinds: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in sorted(done, key=rank):
        kinds[trial.scenario, trial.policy].append(trial)
    turns = [trial for turn in zip_longest(*kinds.values()) for trial in turn if trial is not None]
    return by_world(turns[:sample])


def repeat(store: RunStore, table: pl.DataFrame, trials: Sequence[Trial]) -> Iterator[Repeated]:
    """Run trials again, each on the engine that it is stored from, and on the other one.

    On the compiled one only policies that have a compiled twin.
    """
    rows = dict(zip(table["trial_id"], table.iter_rows(named=True), strict=True))
    for trial in trials:
        stored = rows[trial.trial_id]
        outcomes = {on: _run(store, trial, on) for on in (trial.engine, *_other(trial))}
        found = {on: tuple(_differences(store, stored, out)) for on, out in outcomes.items()}
        row = outcomes[trial.engine].row
        # Where a column is of others alone, such as of another fleet's, the stored row has nothing.
        apart = [name for name in stored if stored[name] is not None and name not in row]
        apart = [] if outcomes[trial.engine].failed else apart
        apart += [name for name in row if row[name] is not None and name not in stored]
        yield Repeated(trial, tuple(outcomes), found, tuple(apart))


def _run(store: RunStore, trial: Trial, on: str) -> Outcome:
    again = trial if on == trial.engine else replace(trial, engine=on)
    kept = store.manifest.keep_records and store.records_path(trial.trial_id).is_file()
    function = run_recorded_trial if kept else run_trial
    return attempt_trial(function, again, store.manifest.track, "")


def _other(trial: Trial) -> tuple[str, ...]:
    if trial.engine == "compiled":
        return ("simpy",)
    scenario = world_of(trial, shared=True).scenario
    if engine.hindrance(scenario.track, scenario.rules):
        return ()
    from qcbench.kernels import twins  # noqa: PLC0415 - numba, where there is one

    return ("compiled",) if policy_of(trial).name in twins.names(scenario.track) else ()


def _differences(
    store: RunStore, stored: Mapping[str, Value], outcome: Outcome
) -> Iterator[Difference]:
    if outcome.failed:
        yield Difference("status", stored["status"], f"failed: {outcome.error}")
        return
    for name in stored:
        if name in outcome.row and name not in OTHERWISE:
            values = stored[name], outcome.row[name]
            if not _same(*values):
                yield Difference(name, *values)
    if outcome.records is not None:
        yield from _in_records(store.records(str(stored["trial_id"])), outcome.records)


def _in_records(stored: pl.DataFrame, found: pl.DataFrame) -> Iterator[Difference]:
    """Give the first row of each column in which records differ."""
    if stored.height != found.height:
        yield Difference("rows of the records", stored.height, found.height)
        return
    for name in stored.columns:
        if name == "trial_id" or (name in found.columns and stored[name].equals(found[name])):
            continue
        if name not in found.columns:
            yield Difference(f"records.{name}", "there", "absent")
            continue
        before, after = stored[name].to_list(), found[name].to_list()
        pairs = enumerate(zip(before, after, strict=True))
        row, values = next(((r, v) for r, v in pairs if not _same(*v)), (0, ("", "")))
        yield Difference(f"records.{name}, row {row}", *values)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal to the last bit; the table keeps whole numbers as floats."""
    if not (isinstance(one, int | float) and isinstance(other, int | float)):
        return bool(one == other)
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    pair = float(one), float(other)
    if any(map(isnan, pair)):
        return all(map(isnan, pair))
    return struct.pack("<d", pair[0]) == struct.pack("<d", pair[1])


def _told(value: Value) -> str:
    return "nothing" if value is None else str(value)
