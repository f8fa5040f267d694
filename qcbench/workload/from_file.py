"""The workload of one replicate out of a task file."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator

from qcbench.arrays import FloatArray, IntArray
from qcbench.content import check_meant
from qcbench.errors import InputError
from qcbench.files import at_home
from qcbench.workload.arrivals import processes
from qcbench.workload.arrivals.draw import draw_arrivals
from qcbench.workload.circuits.selection import SUBSET_TASKS
from qcbench.workload.config import (
    FileArrivals,
    FileCircuits,
    QsimpyArrivals,
    SpacedArrivals,
    WorkloadConfig,
)
from qcbench.workload.formats.task_files import content_hash, no_such_subset, read_task_set
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import Workload


@dataclass(frozen=True)
class TaskFile:
    """A file that has been read, and where its subsets are.

    Attributes:
        content: all of it.
        rows: the rows of each subset by its id, in the order of the file; empty without subsets.
        distinct: per subset, how many combinations of algorithm and width it has.
    """

    path: Path
    content: TaskSet
    rows: dict[int, IntArray]
    distinct: tuple[int, ...]

    def part(self, subset: int | None) -> TaskSet:
        """Return the tasks of a subset, or all where None.

        Raises:
            InputError: there is no such subset.
        """
        if subset is None:
            return self.content
        if subset not in self.rows:
            raise no_such_subset(self.path, subset, list(self.rows))
        return self.content.take(self.rows[subset])

    def taken(self, tasks: int, subset: int | None) -> int:
        """Return how many tasks of a subset run where so many are asked for, 0 for all.

        Subsets differ in how many distinct tasks they have, and one setting serves a whole file: a
        number means at most so many of each, as the published protocol takes 25 or what there is.

        Raises:
            InputError: a file that is used whole has fewer, or every subset has, even than the
                published number.
        """
        there = len(self.content) if subset is None else len(self.rows[subset])
        most = there
        if subset is not None:
            most = max(SUBSET_TASKS, *map(len, self.rows.values()))
        if tasks > most:
            has = f"has {there} tasks"
            if subset is not None:
                has = f"has no subset of more than {max(map(len, self.rows.values()))} tasks"
            raise InputError(f"workload.tasks: {tasks}; {self.path} {has} (0 takes them all)")
        return min(tasks or there, there)


def tasks_per_replicate(config: WorkloadConfig, circuits: FileCircuits) -> float:
    """Return how many tasks a replicate has, on average over the subsets that it may be."""
    file = load_file(circuits)
    if circuits.subset != "by_replicate":
        file.part(circuits.subset)  # there is one
        return float(file.taken(config.tasks, circuits.subset))
    if not file.rows:
        return float(file.taken(config.tasks, None))
    return float(np.mean([file.taken(config.tasks, subset) for subset in file.rows]))


def worlds_of_file(
    config: WorkloadConfig, circuits: FileCircuits
) -> list[tuple[IntArray, FloatArray]]:
    """Return, of each world that a file has, its rows and how often each of them is run.

    That is 1 where the first tasks run as they stand; where they are chosen by chance, the mean.
    """
    file = load_file(circuits)
    subsets: list[int | None] = [*file.rows] or [None]
    if circuits.subset != "by_replicate":
        file.part(circuits.subset)  # there is one
        subsets = [circuits.subset]
    worlds = []
    for subset in subsets:
        rows = np.arange(len(file.content)) if subset is None else file.rows[subset]
        if circuits.selection == "uniform":
            count = config.tasks or len(rows)
        else:
            count = file.taken(config.tasks, subset)
        if circuits.selection == "in_order":
            rows = rows[:count]
        worlds.append((rows, np.full(len(rows), count / len(rows))))
    return worlds


def resolve_file(circuits: FileCircuits, base_dir: Path | None = None) -> FileCircuits:
    """Return the source with the hash of its content, so that results are tied to the content.

    Raises:
        InputError: the file cannot be read, or is another one than the hash says.
    """
    path = _path(circuits, base_dir)
    sha256 = content_hash(path, circuits.format)
    check_meant(path, sha256, circuits.sha256)
    return replace(circuits, sha256=sha256)


def load_file(circuits: FileCircuits, base_dir: Path | None = None) -> TaskFile:
    """Read a file source, once for all replicates where its hash is known.

    Raises:
        InputError: the file cannot be used.
    """
    if not circuits.sha256:
        circuits = resolve_file(circuits, base_dir)
    return _load(
        _path(circuits, base_dir),
        circuits.format,
        circuits.shots,
        circuits.any_algorithm,
        circuits.duplicates == "collapse",
        circuits.sha256,
    )


@lru_cache(maxsize=4)
def _load(
    path: Path, format: str, shots: int, any_algorithm: bool, collapse: bool, sha256: str
) -> TaskFile:
    content = read_task_set(path, format, shots=shots, any_algorithm=any_algorithm)
    check_meant(path, content_hash(path, format), sha256)
    distinct = content.collapse()
    if content.subset is None or distinct.subset is None:
        return TaskFile(path, content, {}, ())  # as it stands: only subsets say a task twice
    if collapse and not len(content.job_id):
        content = distinct
    ids = content.subset_ids()
    rows = {name: np.flatnonzero(content.subset == name) for name in ids}
    counts = dict(zip(*np.unique(distinct.subset, return_counts=True), strict=True))
    return TaskFile(path, content, rows, tuple(int(counts[name]) for name in ids))


def file_workload(
    config: WorkloadConfig,
    circuits: FileCircuits,
    replicate: int,
    circuits_rng: Generator,
    arrivals_rng: Generator,
    base_dir: Path | None = None,
) -> Workload:
    """Make the workload of one replicate from a file; arguments as for `make_workload`."""
    file = load_file(circuits, base_dir)
    subset = _subset(file, circuits, replicate)
    content = file.part(subset)
    if circuits.selection == "uniform":
        count = config.tasks or len(content)
        if isinstance(config.arrivals, FileArrivals):
            raise InputError(
                "workload.arrivals: process file needs workload.circuits.selection in_order"
            )
        drawn = content.take(circuits_rng.integers(len(content), size=count))
        arrival_s = draw_arrivals(config.arrivals, count, arrivals_rng)
        return replace(drawn, job_id=()).workload(arrival_s)
    count = file.taken(config.tasks, subset)
    chosen = content.take(np.arange(count)) if count < len(content) else content
    if circuits.selection == "shuffled":
        if isinstance(config.arrivals, QsimpyArrivals):
            raise InputError(
                "workload.arrivals: process qsimpy needs workload.circuits.selection in_order"
            )
        order = circuits_rng.permutation(len(content))[:count]
        # The jobs change places, the times stay.
        chosen = content.take(order).with_arrivals(chosen.arrival_s)
    match config.arrivals:
        case QsimpyArrivals():
            arrival_s = _qsimpy(file, subset, count, config.arrivals.seed)
        case FileArrivals():
            if chosen.arrival_s is None:
                raise InputError(
                    f"{file.path}: has no arrival times, which workload.arrivals file needs"
                )
            arrival_s = chosen.arrival_s
        case SpacedArrivals():
            earliest_s = np.zeros(count) if chosen.arrival_s is None else chosen.arrival_s
            arrival_s = processes.spaced(earliest_s, config.arrivals.gap_s)
        case _:
            arrival_s = draw_arrivals(config.arrivals, count, arrivals_rng)
    try:
        return chosen.workload(arrival_s)
    except InputError as error:
        raise InputError(f"{file.path}: {error}") from error


def _qsimpy(file: TaskFile, subset: int | None, count: int, seed: int) -> FloatArray:
    if subset is None:
        raise InputError(f"{file.path}: has no subsets, which workload.arrivals qsimpy needs")
    place = list(file.rows).index(subset)
    if count > file.distinct[place]:
        raise InputError(
            f"workload.tasks: {count}; QSimPy's arrivals of subset {subset} are for its "
            f"{file.distinct[place]} distinct tasks (workload.circuits.duplicates collapse runs "
            "those)"
        )
    return processes.qsimpy(file.distinct, place, count, seed)


def _subset(file: TaskFile, circuits: FileCircuits, replicate: int) -> int | None:
    """Return the id of the subset to use, None where the file is used whole."""
    if circuits.subset != "by_replicate":
        return circuits.subset
    if not file.rows:
        return None
    ids = list(file.rows)
    if replicate >= len(ids):
        raise InputError(
            f"{file.path}: has {len(ids)} subsets, and replicate {replicate} needs one more; ask "
            f"for {len(ids)} replicates at most, or for one subset by its id"
        )
    return ids[replicate]


def _path(circuits: FileCircuits, base_dir: Path | None) -> Path:
    path = at_home(circuits.path)
    return path if base_dir is None else base_dir / path
