"""Runs of toy trials: begun, driven to their end, and what of them has to be equal everywhere."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from s3_server import keys_of, object_of

from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import run_trials
from qcbench.bench.run_folder import create_run, open_run

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.bench.toys import FACTS, WORK, toy_trials  # noqa: E402 - found through the line above

SCRIPT = ROOT / "tests" / "bench" / "run_toys.py"
SHORT_CHUNKS = ClusterConfig(address="inline", chunk_s=0.01)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN = "toy-20260102-030405"
PARTS = ("shards", "worlds")
"""Folders whose files are cut as it happens."""


def drive(folder: Path) -> None:
    with open_run(folder, write=True) as store:
        run_trials(store.trials, WORK, store, SHORT_CHUNKS, facts=FACTS)


def begin(runs: Path, **behaviour: object) -> Path:
    with create_run(
        runs, {}, toy_trials(24, **behaviour), track="placement", keep_records=True, now=NOW
    ) as store:
        return store.folder


def in_a_folder(folder: Path, **behaviour: object) -> dict[str, bytes]:
    """The files of a run that is not disturbed, without those that say who made it."""
    run = begin(folder, **behaviour)
    drive(run)
    return files(run)


def files(run: Path) -> dict[str, bytes]:
    own = ("run.lock", "machine.json", "timings.parquet", "tables.json")
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in own and path.parent.name not in PARTS
    }


def stored(s3: str, bucket: str) -> dict[str, bytes]:
    """The objects of the only run in a bucket that `files` would return."""
    own = ("machine.json", "timings.parquet", "tables.json")
    keys = [
        key
        for key in keys_of(s3, bucket)
        if not key.endswith(own) and not any(f"/{part}/" in key for part in PARTS)
    ]
    return {key.removeprefix(f"runs/{RUN}/"): object_of(s3, bucket, key) for key in keys}
