"""The arrays that the allocation kernel works on, allocated once.

Worlds are what was drawn: jobs, fleets, failures; the first axis is the world. The state is what
changes; its first axis is the environment, and every environment refers to a world. One world and
one environment make a trial.
"""

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.cloud import Streams
from qcbench.cloud.execution import draw_slowdown
from qcbench.cloud.rules import Rules
from qcbench.cloud.scenario import Scenario
from qcbench.kernels.admission import BUCKET, bucket_rates, number_users
from qcbench.kernels.allocation.regions import ROWS, neighbours_of
from qcbench.kernels.failures import FailureTimes
from qcbench.kernels.rules import Limits, due_of, latest_of, limits_of, value_of

Rows: TypeAlias = npt.NDArray[np.void]
"""An array of rows with named columns."""
Row: TypeAlias = Any
"""One such row, or a row of them, as compiled functions see it."""

TASK = np.dtype(
    [
        ("arrival_s", "f8"),
        ("slowdown", "f8"),  # real over estimated execution time
        ("due_s", "f8"),  # infinite where it has no due time
        ("latest_s", "f8"),  # when a decision must be due lest it is dropped, or infinite
        ("value", "f8"),  # of its job, as a share of the highest
        ("qubits", "i8"),
        ("depth", "i8"),
        ("shots", "i8"),
        ("two_qubit_gates", "i8"),
        ("user", "i8"),  # of its job, where users have quotas
    ],
    align=True,
)
CLOUD = np.dtype(
    [
        ("world", "i8"),
        ("now_s", "f8"),
        ("number", "i8"),  # of the latest event, as SimPy counts them
        ("arrived", "i8"),
        ("arrival_number", "i8"),
        ("left", "i8"),  # jobs that are not done
        ("over_number", "i8"),  # of the last event, `NOT_YET` where it is not on its way
        ("horizon_passed", "i8"),
        ("decisions", "i8"),
        ("valid_decisions", "i8"),
        ("truncated", "i8"),
        ("first", "i8"),  # first and last task that wait, -1 where none
        ("last", "i8"),
        ("waiting", "i8"),
        ("running", "i8"),
        ("free", "i8"),  # qubits of all QPUs together
        ("down", "i8"),  # QPUs that do not work
        ("change_qpu", "i8"),  # which of them fails or is repaired next, -1 where none ever
        ("asking", "i8"),  # the queue is being gone through
        ("task", "i8"),  # where in it, -1 at the end
        ("passed", "i8"),  # tasks that wait before it
        ("done", "i8"),  # jobs, and the sum of their completion times
        ("completion_s", "f8"),
        ("ending", "i8"),  # one of them is about to be done, after so long
        ("ending_s", "f8"),
        ("late_s", "f8"),  # how much later than charged tasks ended; environments set it back
        ("dropped", "i8"),  # jobs that were not admitted or are too late; likewise
        ("failed", "i8"),  # tasks that were given up; likewise
        ("lost", "i8"),  # tasks of which it is not known yet that they were given up
        ("lost_number", "i8"),
        ("present", "i8"),  # admitted jobs that are not done, and the integral of their number
        ("present_since_s", "f8"),
        ("present_area_s", "f8"),
        ("warm", "i8"),  # the warm-up has ended, with these integrals
        ("warm_present_area_s", "f8"),
        ("warm_busy_s", "f8"),
    ],
    align=True,
)
QPU = np.dtype(
    [
        ("capacity", "i8"),
        ("held", "i8"),
        ("up", "i8"),
        ("busy_s", "f8"),
        ("change_s", "f8"),  # its next failure or repair
        ("change_number", "i8"),
        ("changes", "i8"),  # how many there were
    ],
    align=True,
)
RUNNING = np.dtype(
    [
        ("task", "i8"),
        ("order", "i8"),
        ("parts", "i8"),
        ("start_s", "f8"),
        ("comm_s", "f8"),
        ("exec_s", "f8"),
    ],
    align=True,
)
END = np.dtype([("key", "f8"), ("tie", "i8"), ("item", "i8")], align=True)
"""Of what runs: when it ends, the number of that event, and its slot."""
OUTCOME = np.dtype(
    [
        ("start_s", "f8"),
        ("finish_s", "f8"),
        ("exec_s", "f8"),
        ("comm_s", "f8"),
        ("estimated_wait_s", "f8"),
        ("estimated_exec_s", "f8"),
        ("order", "i8"),
        ("restarts", "i8"),
        ("status", "i8"),
        ("parts", "i8"),
    ],
    align=True,
)


class Settings(NamedTuple):
    """The rules, as numbers.

    Attributes:
        limits: what all tracks have.
        depth: how many behind the first may overtake.
        search_steps: bound on the search for connected qubits; -1 where any qubits will do.
        keep: outcomes are written, task by task.
        charge: what of `State.paid_s` was wrong is added up.
    """

    limits: Limits
    depth: int
    time_per_qubit_s: float
    search_steps: int
    keep: bool
    charge: bool


class Worlds(NamedTuple):
    """What was drawn.

    Attributes:
        jobs: of each world, shape (worlds,).
        tasks: `TASK` rows, shape (worlds, most jobs).
        exec_s: estimated execution times, shape (worlds, most jobs, QPUs).
        capacity: qubits, shape (worlds, QPUs).
        gap_s: see `qcbench.kernels.failures.FailureTimes`.
        neighbours: of every qubit, see `regions.neighbours_of`; nothing where any qubits will do.
        tokens_per_s: of each user's bucket, shape (worlds, most users); nothing where users have
            no quotas.
    """

    jobs: IntArray
    tasks: Rows
    exec_s: FloatArray
    capacity: IntArray
    gap_s: FloatArray
    neighbours: npt.NDArray[np.int32]
    tokens_per_s: FloatArray


class State(NamedTuple):
    """What changes; the first axis is the environment.

    Attributes:
        clouds: `CLOUD` rows, shape (environments,).
        qpus: `QPU` rows, shape (environments, QPUs).
        free: qubits that a part may have on each QPU, shape (environments, QPUs).
        running: `RUNNING` rows of what holds qubits, shape (environments, slots).
        parts: their QPUs and qubits, shape (environments, slots, 2, QPUs).
        ends: `END` rows, a heap by time and number of the event, shape (environments, slots).
        slots: the free slots, after as many as are running, shape (environments, slots).
        neighbours: task before and behind each one that waits, shape (environments, jobs, 2).
        chain_qpu, chain_qubits: the split that is decided on, shape (environments, QPUs).
        ranking, share: working space, shape (environments, QPUs).
        paid_s: completion time that was charged for each task before it ended, shape
            (environments, jobs); nothing where none is.
        owner: slot that holds each qubit, shape (environments, QPUs, most qubits); nothing where
            any qubits will do.
        space: working space of `regions`.
        buckets: `BUCKET` rows, shape (environments, users).
    """

    clouds: Rows
    qpus: Rows
    free: IntArray
    running: Rows
    parts: npt.NDArray[np.int32]
    ends: Rows
    slots: npt.NDArray[np.int32]
    neighbours: npt.NDArray[np.int32]
    chain_qpu: IntArray
    chain_qubits: IntArray
    ranking: IntArray
    share: FloatArray
    paid_s: FloatArray
    owner: npt.NDArray[np.int32]
    space: npt.NDArray[np.int32]
    buckets: Rows


class Outcomes(NamedTuple):
    """What became of every task: `OUTCOME` rows, and parts as in `State`."""

    tasks: Rows
    parts: npt.NDArray[np.int32]


def settings_of(
    rules: Rules, time_per_qubit_s: float, most_jobs: int, *, keep: bool, charge: bool = False
) -> Settings:
    """Return the rules of a scenario as numbers.

    Args:
        most_jobs: of any world; as many may overtake where the rules do not say.
    """
    dispatch = rules.dispatch
    depth = 0
    if dispatch.order == "backfill":
        depth = most_jobs if dispatch.backfill_depth is None else dispatch.backfill_depth
    return Settings(
        limits=limits_of(rules),
        depth=depth,
        time_per_qubit_s=time_per_qubit_s,
        search_steps=dispatch.search_steps if dispatch.connected else -1,
        keep=keep,
        charge=charge,
    )


def make_worlds(
    scenarios: Sequence[Scenario],
    exec_s: Sequence[FloatArray],
    streams: Sequence[Streams],
    failures: FailureTimes,
) -> Worlds:
    """Put worlds of one fleet and the same rules one behind the other.

    Args:
        exec_s: estimates of each world, shape (tasks, QPUs).
        streams: of what is left to chance.
        failures: drawn for these worlds.
    """
    rules, fleet = scenarios[0].rules, scenarios[0].fleet
    workloads = [scenario.workload for scenario in scenarios]
    jobs = np.array([len(workload) for workload in workloads], dtype=np.int64)
    most, qpus = max(1, int(jobs.max())), len(fleet)
    tasks = np.zeros((len(jobs), most), dtype=TASK)
    times = np.zeros((len(jobs), most, qpus))
    for world, workload in enumerate(workloads):
        count, rows = len(workload), tasks[world]
        rows["arrival_s"] = inf
        rows["arrival_s"][:count] = workload.arrival_s
        factor = draw_slowdown(rules.execution_sigma, count, streams[world].execution)
        rows["slowdown"][:count] = 1.0 if factor is None else factor
        rows["user"][:count] = number_users(workload)[0]
        rows["due_s"][:count] = due_of(workload)
        rows["value"][:count] = value_of(workload)
        rows["latest_s"][:count] = latest_of(scenarios[world], exec_s[world])
        for name in ("qubits", "depth", "shots", "two_qubit_gates"):
            rows[name][:count] = getattr(workload.tasks, name)
        times[world, :count] = exec_s[world]
    none = np.zeros((qpus, 0, 0), dtype=np.int32)
    return Worlds(
        jobs=jobs,
        tasks=tasks,
        exec_s=times,
        capacity=np.array([fleet.qubits] * len(jobs), dtype=np.int64),
        gap_s=failures.gap_s,
        neighbours=neighbours_of(fleet) if rules.dispatch.connected else none,
        tokens_per_s=bucket_rates(rules.admission, workloads),
    )


def make_state(environments: int, worlds: Worlds, *, charge: bool = False) -> State:
    """Allocate the state of many environments; `charge` as in `Settings`."""
    jobs, qpus = worlds.exec_s.shape[1:]
    # No more can run side by side than the narrowest task fits into the fleet.
    widths = worlds.tasks["qubits"][np.arange(jobs) < worlds.jobs[:, np.newaxis]]
    narrowest = max(1, int(widths.min(initial=1 << 30)))
    slots = max(1, min(jobs, int(worlds.capacity.sum(axis=1).max()) // narrowest))
    whole = (environments, qpus)
    return State(
        clouds=np.zeros(environments, dtype=CLOUD),
        qpus=np.zeros(whole, dtype=QPU),
        free=np.zeros(whole, dtype=np.int64),
        running=np.zeros((environments, slots), dtype=RUNNING),
        parts=np.zeros((environments, slots, 2, qpus), dtype=np.int32),
        ends=np.zeros((environments, slots), dtype=END),
        slots=np.zeros((environments, slots), dtype=np.int32),
        neighbours=np.zeros((environments, jobs, 2), dtype=np.int32),
        chain_qpu=np.zeros(whole, dtype=np.int64),
        chain_qubits=np.zeros(whole, dtype=np.int64),
        ranking=np.zeros(whole, dtype=np.int64),
        share=np.zeros(whole),
        paid_s=np.zeros((environments, jobs if charge else 0)),
        owner=np.zeros((*whole, worlds.neighbours.shape[1]), dtype=np.int32),
        space=np.zeros((ROWS, worlds.neighbours.shape[1]), dtype=np.int32),
        buckets=np.zeros((environments, worlds.tokens_per_s.shape[1]), dtype=BUCKET),
    )


def make_outcomes(environments: int, worlds: Worlds, *, keep: bool = True) -> Outcomes:
    """Allocate the outcomes; next to nothing where none are kept."""
    jobs, qpus = worlds.exec_s.shape[1:] if keep else (0, 0)
    return Outcomes(
        tasks=np.zeros((environments, jobs), dtype=OUTCOME),
        parts=np.zeros((environments, jobs, 2, qpus), dtype=np.int32),
    )
