"""What a task file holds, in a few figures."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.workload.circuits.selection import SUBSET_TASKS
from qcbench.workload.circuits.table import load_circuits
from qcbench.workload.task_set import TaskSet


@dataclass(frozen=True)
class DepthRange:
    """Depths of the circuits that fit; least, mean and greatest are NaN where none does."""

    tasks: int
    least: float
    mean: float
    greatest: float


def depth_range(depth: IntArray) -> DepthRange:
    """Return the range of depths of the circuits that fit (depth at least 0)."""
    fits = depth[depth >= 0]
    if not len(fits):
        return DepthRange(0, np.nan, np.nan, np.nan)
    return DepthRange(len(fits), float(fits.min()), float(fits.mean()), float(fits.max()))


def describe(content: TaskSet) -> Iterator[str]:
    """Give the lines of a summary: tasks, widths, arrivals, algorithms, and depths per family."""
    tasks = content.tasks
    subsets = content.subset_ids()
    yield f"{'tasks':<14}{len(tasks)}" + (f" in {len(subsets)} subsets" if subsets else "")
    if content.subset is not None:
        _, distinct = np.unique(content.subset[content.is_new()], return_counts=True)
        taken = f"of which a run takes {SUBSET_TASKS} or all"
        yield f"{'distinct':<14}{_range(distinct)} a subset, {taken}"
    yield f"{'qubits':<14}{_range(tasks.qubits)}"
    yield f"{'shots':<14}{_range(tasks.shots)}"
    if content.arrival_s is not None:
        yield f"{'arrivals':<14}{content.arrival_s.min():g} to {content.arrival_s.max():g} s"
    if tasks.duration_s is not None:
        yield (
            f"{'durations':<14}{tasks.duration_s.min():g} to {tasks.duration_s.max():g} s, mean "
            f"{tasks.duration_s.mean():g} s"
        )
    counted = Counter(tasks.algorithm).most_common()
    shown = [f"{name} {count}" for name, count in counted[:15]]
    if len(counted) > len(shown):
        shown.append(f"and {len(counted) - len(shown)} more")
    yield f"{'algorithms':<14}{', '.join(shown)}"
    for note in content.notes:
        yield f"{'note':<14}{note}"
    yield ""
    yield f"{'depth':<14}{'tasks':>8}{'least':>8}{'mean':>9}{'greatest':>10}"
    for name, depth in {"original": tasks.depth, **_depths(content)}.items():
        found = depth_range(depth)
        if not found.tasks:
            yield f"{name:<14}{0:>8}"
        else:
            yield (
                f"{name:<14}{found.tasks:>8}{found.least:>8.0f}{found.mean:>9.1f}"
                f"{found.greatest:>10.0f}"
            )


def compare(content: TaskSet) -> Iterator[str]:
    """Give lines that set a file's depths against the packaged ones of the same circuits.

    Same circuits are those of equal algorithm and width; each distinct one counts once.
    """
    distinct = TaskSet(content.tasks).collapse().tasks
    table = load_circuits().tasks
    keys = zip(table.algorithm, table.qubits.tolist(), strict=True)
    position = {key: row for row, key in enumerate(keys)}
    wanted = zip(distinct.algorithm, distinct.qubits.tolist(), strict=True)
    rows = np.array([position.get(key, -1) for key in wanted])
    known = np.flatnonzero(rows >= 0)
    yield f"{len(known)} of {len(distinct)} distinct circuits are packaged"
    if not len(known):
        return
    yield f"{'depth':<14}{'circuits':>9}{'file':>9}{'packaged':>10}{'median ratio':>14}{'equal':>8}"
    theirs = {"original": distinct.depth} | {f: c.depth for f, c in distinct.compiled.items()}
    ours = {"original": table.depth} | {f: c.depth for f, c in table.compiled.items()}
    for name in [name for name in theirs if name in ours]:
        left, right = theirs[name][known], ours[name][rows[known]]
        both = (left > 0) & (right > 0)
        if both.any():
            yield _comparison(name, left[both].astype(float), right[both].astype(float))


def _comparison(name: str, theirs: FloatArray, ours: FloatArray) -> str:
    return (
        f"{name:<14}{len(theirs):>9}{theirs.mean():>9.1f}{ours.mean():>10.1f}"
        f"{np.median(ours / theirs):>14.3f}{(ours == theirs).sum():>8}"
    )


def _depths(content: TaskSet) -> dict[str, IntArray]:
    return {family: compiled.depth for family, compiled in content.tasks.compiled.items()}


def _range(values: IntArray) -> str:
    least, greatest = int(values.min()), int(values.max())
    return str(least) if least == greatest else f"{least} to {greatest}"
