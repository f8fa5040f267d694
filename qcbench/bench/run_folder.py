"""The folder of a run: made, opened to be read or gone on with, and what it lacks then."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from qcbench.bench import manifest as manifests
from qcbench.bench.folders import absent_folders, make_folder, remove_empty, stem_of
from qcbench.bench.manifest import Manifest
from qcbench.bench.run_names import HEADS
from qcbench.bench.store import PARTS, RunStore
from qcbench.bench.trial import Trial
from qcbench.errors import InputError
from qcbench.files import write_durable
from qcbench.locks import take_lock
from qcbench.storage import mirror
from qcbench.storage.places import shown_path

LOCK = "run.lock"
"""Held while a process writes; it goes with the process, so a killed one blocks nobody."""

PROBE_BYTES = 1 << 20
"""What must fit before a run starts; a suite's table is about this large."""


def create_run(
    runs: Path,
    suite: Mapping[str, Any],
    trials: Sequence[Trial],
    *,
    track: str,
    keep_records: bool = False,
    command: str | None = None,
    now: datetime | None = None,
) -> RunStore:
    """Make the folder of a new run below `runs` and open it for writing.

    Args:
        runs: folder of all runs; made where absent.
        suite: the resolved suite as plain JSON data.
        trials: the expanded suite, in order of `ordinal`.
        track: kind of decision.
        keep_records: whether each trial's records are stored.
        command: that runs the same suite again; empty where there is none, None where the suite
            alone says it.
        now: time in the run's name; the present where None. UTC.

    Raises:
        InputError: no trials, one listed twice, or a place that is full or cannot be written; then
            nothing is left behind.
    """
    ordered = tuple(sorted(trials, key=lambda trial: trial.ordinal))
    manifests.check_trials(ordered)
    absent = absent_folders(runs)

    def manifest_of(run_id: str) -> Manifest:
        return Manifest(
            run_id=run_id,
            suite=suite,
            trials=ordered,
            track=track,
            keep_records=keep_records,
            provenance=provenance,
        )

    def fill(draft: Path) -> None:
        for part in PARTS:
            (draft / part).mkdir()
        _probe(draft)

    provenance = manifests.provenance(command)
    folder = make_folder(
        runs,
        stem_of(ordered[0].suite, "suite", now),
        HEADS["run"],
        lambda run_id: manifests.dump(manifest_of(run_id)),
        fill,
    )
    try:
        return _writing(folder, manifest_of(folder.name), (folder, *absent))
    except BaseException:
        mirror.discard(folder)
        shutil.rmtree(folder, ignore_errors=True)
        remove_empty(absent)
        raise


def open_run(folder: Path, *, write: bool = False) -> RunStore:
    """Open a run for reading, or with `write` for continuing it.

    Raises:
        InputError: no run, one that another process writes, one that this version of qcbench would
            continue with other numbers, or a place that is full or cannot be written.
    """
    path = folder / HEADS["run"]
    mirror.pull(folder, without="records")
    if not path.is_file():
        raise InputError(f"{shown_path(folder)}: is no run; it has no manifest.json")
    manifest = manifests.load(path)
    if not write:
        return RunStore(folder, manifest, None)
    if manifest.mismatch:
        raise InputError(continuable(folder, manifest.mismatch))
    return _writing(folder, manifest)


def _writing(folder: Path, manifest: Manifest, made: Sequence[Path] = ()) -> RunStore:
    """Open a run for writing; `made` are the folders that were made for it, the innermost first."""
    lock = mirror.hold(folder, lambda: take_lock(folder / LOCK, f"{folder}: is being written"))
    try:
        _probe(folder)
        for part in PARTS:
            (folder / part).mkdir(exist_ok=True)
        return RunStore(folder, manifest, lock, made)
    except BaseException:
        lock.close()
        raise


def _probe(folder: Path) -> None:
    """Write and delete a file, so that a full or read-only place shows before any trial runs."""
    probe = folder / "probe"
    write_durable(probe, bytes(PROBE_BYTES))
    probe.unlink()


def missing(
    trials: Sequence[Trial], store: RunStore, *, retry_failed: bool = False, facts: bool = False
) -> list[Trial]:
    """Return the trials that have no row yet, in order.

    A trial whose records should have been kept but are gone counts as missing; so does, with
    `facts`, one that was to bring those of its world along where they are not here; and with
    `retry_failed` one that failed.

    Raises:
        InputError: the manifest says another id of one than its config gives.
    """
    finished, failed = store.finished, store.failed
    keep = store.manifest.keep_records
    complete = finished - failed if retry_failed else finished
    if facts:
        complete = complete - (store.lacking - failed)

    def lost(trial_id: str) -> bool:
        return trial_id not in failed and not store.records_path(trial_id).is_file()

    found = [
        trial
        for trial in trials
        if trial.trial_id not in complete or (keep and lost(trial.trial_id))
    ]
    if not store.is_new and (mismatch := manifests.edited(found)):
        raise InputError(continuable(store.folder, mismatch))
    return found


def continuable(folder: Path, mismatch: str) -> str:
    """Return what is said of a run that cannot be continued."""
    place = shown_path(folder)
    return f"{place}: cannot be continued: {mismatch}; its results stay readable, start a new run"
