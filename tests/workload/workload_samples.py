"""Random task sets, and what it means that two are the same."""

from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from qcbench.workload.algorithms import ALGORITHMS
from qcbench.workload.task_set import TaskSet
from qcbench.workload.workload import CompiledFeatures, Tasks

DEVICE_QUBITS = {"ibmq7": 7, "ibmq16": 16, "ibmq27": 27, "ibmq127": 127, "ibmq156": 156}
PUBLISHED = ("ibmq7", "ibmq16", "ibmq27", "ibmq127")
TIMES = st.floats(0, 1e9, allow_nan=False).map(abs)  # no negative zero
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)
COUNTS = st.integers(0, 2**31 - 1)


def same(left, right) -> bool:
    """Whether two columns, or optional columns, hold the same values."""
    if left is None or right is None:
        return left is right
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right)
    return list(left) == list(right)


def assert_same_tasks(left: Tasks, right: Tasks, families=None) -> None:
    for name in ("algorithm", "qubits", "depth", "shots", "two_qubit_gates", "duration_s"):
        assert same(getattr(left, name), getattr(right, name)), name
    families = list(left.compiled) if families is None else families
    assert list(right.compiled) == families
    for family in families:
        for name in ("depth", "one_qubit_gates", "two_qubit_gates", "measurements"):
            ours, theirs = getattr(left.compiled[family], name), right.compiled[family]
            assert same(ours, getattr(theirs, name)), f"{family} {name}"


def assert_same(left: TaskSet, right: TaskSet) -> None:
    assert_same_tasks(left.tasks, right.tasks)
    for name in ("arrival_s", "subset", "job_id", "priority", "user", "due_s", "value", "comments"):
        assert same(getattr(left, name), getattr(right, name)), name
    assert {k: list(v) for k, v in left.gates.items()} == {
        k: list(v) for k, v in right.gates.items()
    }


def _array(draw, values, count) -> np.ndarray:
    return np.array(draw(st.lists(values, min_size=count, max_size=count)), dtype=np.int64)


def _features(draw, qubits: np.ndarray, device: int) -> CompiledFeatures:
    count = len(qubits)
    fits = (qubits <= device) & np.array(
        draw(st.lists(st.booleans(), min_size=count, max_size=count))
    )
    return CompiledFeatures(
        np.where(fits, _array(draw, st.integers(0, 10**6), count), -1),
        *(np.where(fits, _array(draw, st.integers(0, 10**6), count), 0) for _ in range(3)),
    )


@st.composite
def task_sets(draw, published: bool = False, durations: bool | None = None) -> TaskSet:
    """A task set; `published` keeps to what the published CSV format can say."""
    count = draw(st.integers(1, 6))
    qubits = _array(draw, st.integers(1, 200), count)
    families = (
        PUBLISHED if published else draw(st.lists(st.sampled_from([*DEVICE_QUBITS]), unique=True))
    )
    optional = st.booleans() if not published else st.just(False)
    subset = _array(draw, st.integers(0, 2), count) if published or draw(st.booleans()) else None
    arrival_s = None
    if draw(st.booleans()) or durations:
        times = draw(st.lists(TIMES, min_size=count, max_size=count))
        arrival_s = np.sort(np.array(times, dtype=np.float64))
    if durations is None:
        durations = draw(optional)
    names = st.sampled_from([*ALGORITHMS]) if published else NAMES

    def numbers(values):
        return np.array(draw(st.lists(values, min_size=count, max_size=count)))

    def texts():
        return draw(st.lists(NAMES, min_size=count, max_size=count))

    return TaskSet(
        tasks=Tasks(
            algorithm=draw(st.lists(names, min_size=count, max_size=count)),
            qubits=qubits,
            depth=_array(draw, st.integers(0, 10**6), count),
            shots=np.full(count, 1024) if published else _array(draw, st.integers(1, 10**6), count),
            two_qubit_gates=_array(draw, COUNTS, count),
            compiled={f: _features(draw, qubits, DEVICE_QUBITS[f]) for f in families},
            duration_s=np.array(draw(st.lists(TIMES, min_size=count, max_size=count)))
            if durations
            else None,
        ),
        arrival_s=arrival_s,
        subset=subset,
        job_id=texts() if draw(optional) else (),
        priority=_array(draw, st.integers(-5, 5), count) if draw(optional) else None,
        user=texts() if draw(optional) else None,
        due_s=numbers(st.one_of(TIMES, st.just(np.inf))) if draw(st.booleans()) else None,
        value=numbers(TIMES) if draw(st.booleans()) else None,
        gates={f: texts() for f in families} if draw(optional) else {},
        comments=tuple(draw(st.lists(NAMES, max_size=2))) if draw(optional) else (),
    )


PUBLISHED_HEADER = ",".join(
    ["subset", "algorithm"]
    + [f"{p}_{part}" for p in ("original", *PUBLISHED) for part in ("width", "depth", "gates")]
    + ["arrival_time"]
)
PUBLISHED_ROWS = (
    "1,ghz,3,4,\"{'cx': 2, 'h': 1, 'measure': 3}\","
    "7,6,\"{'cx': 2, 'rz': 2, 'sx': 1, 'measure': 3}\","
    '16,6,{},27,6,{},127,6,"{""cx"": 2}",61.5',
    "1,qft,20,41,\"{'cp': 190}\",-1,-1,{},-1,-1,{},27,500,\"{'cx': 9}\",127,490,{},70",
    "2,dj,5,7,{},7,9,{},16,9,{},27,9,{},127,9,{},130.25",
)


def write_published(path: Path, header: str = PUBLISHED_HEADER, rows=PUBLISHED_ROWS) -> Path:
    """Write a small file in the published format."""
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path
