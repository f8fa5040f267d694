"""What a batch of compiled clouds keeps, as arrays of records that are allocated once.

A *world* is what a scenario fixes: jobs, their operations, estimates. A *cloud* is the state of one
simulation of a world. Arrays have the world or the cloud as leading axis, so that many clouds can
share worlds and one function advances any of them in place.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qcbench.kernels.admission import BUCKET
from qcbench.kernels.rules import Limits
from qcbench.kernels.twins import Twin, no_twin

Array = npt.NDArray[Any]

NONE = -1
"""No job, no QPU, no task."""

BLOCK = 8
"""Waiting tasks that are compared and moved at once."""
MARGIN = BLOCK + 1
"""So many places at either end of the queue's array are never used: blocks reach over its ends."""

NOTHING, HORIZON, WARM_UP, ARRIVAL, TIMER, READY, LOST, OVER, NEVER = range(9)
"""Kinds of the next event that is no completion; `NOTHING` where it has to be found."""

DECIDE, ENDED, STUCK, NEED_GAPS, NEED_DRAWS = range(5)
"""Why a kernel returns: a decision is due, the trial has ended, nothing is left to happen, the
drawn times of failures are used up, or the drawn numbers of the policy are."""


def _records(*fields: tuple[str, str]) -> np.dtype[Any]:
    return np.dtype(list(fields), align=True)


RULES = _records(
    ("workers", "i8"),
    ("speed", "f8"),
    ("cold", "b1"),
    ("image_pull_s", "f8"),
    ("boot_s", "f8"),
    ("keep_alive_s", "f8"),
    ("warm_pool", "i8"),
    ("per_job", "b1"),  # a row for a job, not one for an execution
    ("quality", "b1"),  # fidelity and cost are added up
    ("jobs", "i8"),
    ("qpus", "i8"),
    ("widest", "i8"),
    ("alike", "b1"),  # every task fits every QPU
    ("highest_priority", "i8"),
)
"""One a world."""

JOB = _records(
    ("arrival_s", "f8"),
    ("due_s", "f8"),
    ("value", "f8"),  # as a share of the highest
    ("priority", "i8"),
    ("user", "i8"),
    ("bucket", "i8"),
    ("begin", "i8"),  # its operations: begin..end
    ("end", "i8"),
    ("first_task", "i8"),
    ("quantum_s", "f8"),  # of all its executions, the mean over the QPUs that fit
)
"""One a job of a world."""

OPERATION = _records(
    ("work", "f8"),  # of a classical one
    ("task", "i8"),  # of a quantum one
    ("back", "i8"),  # the last one of a repetition: where that begins,
    ("times", "i8"),  # and how often it is gone through; else 0
    ("alone_s", "f8"),  # time of a classical one that has the pool for itself
)

TASK = _records(("qubits", "i8"), ("mean_s", "f8"), ("best_s", "f8"), ("slowdown", "f8"))

DEVICE = _records(("qubits", "i8"), ("price_per_s", "f8"))
"""One a QPU of a world."""

STATE = _records(
    ("world", "i8"),
    ("now_s", "f8"),
    ("number", "i8"),  # put on the clock so far: ties are broken by it
    ("arrived", "i8"),
    ("arrival_number", "i8"),
    ("left", "i8"),
    ("dropped", "i8"),  # jobs with a task that were turned away, or are too late
    ("over_number", "i8"),
    ("horizon_s", "f8"),
    ("warm_up_s", "f8"),
    ("other", "i8"),  # the next event that is no completion: kind, time, QPU
    ("other_s", "f8"),
    ("other_qpu", "i8"),
    # The classical pool.
    ("sharing", "i8"),
    ("virtual", "f8"),
    ("changed_s", "f8"),
    ("alarm_s", "f8"),
    ("alarm_number", "i8"),
    ("ties", "i8"),
    ("pool_area", "f8"),
    ("starting", "i8"),
    ("warm_containers", "i8"),
    ("busy_of_pool", "i8"),
    ("idle_containers", "i8"),
    ("image_s", "f8"),
    # The broker.
    ("head", "i8"),
    ("waiting", "i8"),
    ("held", "i8"),  # lost tasks that wait for the repair of their QPU
    ("idle_qpus", "i8"),
    ("tickets", "i8"),
    ("stamps_s", "f8"),
    ("decisions", "i8"),
    ("placed", "i8"),
    ("truncated", "b1"),
    ("lost", "i8"),
    ("deciding", "i8"),  # the QPU that a decision is due for
    ("fitting", "i8"),  # how many fit it, -1 where all of those that wait do
    ("executed", "i8"),  # the job that goes on after the decision
    ("rows", "i8"),
    # Jobs that are there.
    ("present", "i8"),
    ("present_since_s", "f8"),
    ("present_area_s", "f8"),
    # Areas at the end of the warm-up.
    ("warm_s", "f8"),
    ("warm_jobs", "f8"),
    ("warm_classical", "f8"),
    ("warm_pending", "f8"),
    ("warm_running", "f8"),
    ("ranked", "b1"),  # the queue is in the order of the policy's figures
)
"""One a cloud."""

QPU = _records(
    ("alarm_s", "f8"),
    ("alarm_number", "i8"),
    ("running", "i8"),
    ("held", "i8"),
    ("busy_s", "f8"),
    ("change_s", "f8"),
    ("change_number", "i8"),
    ("changes", "i8"),  # how many of its times have been used
    ("up", "b1"),
)
"""One a QPU of a cloud."""

PROGRESS = _records(
    ("at", "i4"),
    ("times", "i4"),
    ("status", "i4"),
    ("finish_s", "f8"),
    # What policies see of its task in the queue.
    ("task", "i4"),
    ("qubits", "i4"),
    ("joined_s", "f8"),
    ("mean_exec_s", "f8"),
    ("ticket", "i4"),
    ("attained_s", "f8"),
    ("remaining_s", "f8"),
    # Its latest execution, and the sums over all.
    ("row", "i4"),
    ("submit_s", "f8"),
    ("start_s", "f8"),
    ("exec_s", "f8"),
    ("qpu", "i4"),
    ("held_qubits", "i4"),
    ("restarts", "i4"),
    ("estimated_wait_s", "f8"),
    ("estimated_exec_s", "f8"),
    ("order", "i4"),
    ("executions", "i4"),
    ("first_start_s", "f8"),
    ("waited_s", "f8"),
    ("executed_s", "f8"),
    ("cost", "f8"),
    ("fidelity", "f8"),
)
"""One a job of a cloud."""

ROW = _records(
    ("job", "i8"),
    ("task", "i8"),
    ("arrival_s", "f8"),
    ("start_s", "f8"),
    ("finish_s", "f8"),
    ("exec_s", "f8"),
    ("qpu", "i8"),
    ("held_qubits", "i8"),
    ("restarts", "i8"),
    ("estimated_wait_s", "f8"),
    ("estimated_exec_s", "f8"),
    ("order", "i8"),
    ("status", "i8"),
)
"""One an execution, where the records are of executions."""

SHARE = _records(("key", "f8"), ("tie", "i8"), ("item", "i8"))
"""The job of a task in the pool; the key is the virtual time at which it is done."""

BOOTING = _records(("key", "f8"), ("tie", "i8"), ("item", "i8"))
"""A job that waits for its container; the key is the time at which that is ready."""

PENDING_LOSS = _records(("number", "i8"), ("job", "i8"), ("status", "i8"))


class Worlds(NamedTuple):
    """What scenarios fix; leading axis: world."""

    limits: Limits
    """The rules, the same for all."""
    rules: Array
    jobs: Array
    operations: Array
    tasks: Array
    devices: Array
    estimate_s: Array
    """Shape (worlds, tasks, QPUs)."""
    fidelity: Array
    """The same shape where a world adds up fidelities."""
    tokens_per_s: Array
    """Of each user's bucket, see `qcbench.kernels.admission.bucket_rates`."""
    gap_s: Array
    """See `qcbench.kernels.failures.FailureTimes`."""


class Clouds(NamedTuple):
    """Running simulations; leading axis: cloud."""

    state: Array
    qpus: Array
    progress: Array
    rows: Array
    sharing: Array
    """A binary heap of tasks in the pool."""
    booting: Array
    """A binary heap of tasks that wait for their container."""
    idle_s: Array
    """When idle containers were given back."""
    waiting: Array
    """Jobs in the queue, in order of arrival or of the policy, from `head` on; see `queue`."""
    keys: Array
    """What they are sorted by, at the same places, where the order is that of a policy."""
    fits: Array
    """Places in the queue of the tasks that fit the deciding QPU."""
    lost: Array
    buckets: Array
    twin: Twin
    """That decides in the only cloud, if any does."""


class Sizes(NamedTuple):
    """How much of everything the largest world has."""

    jobs: int
    operations: int
    tasks: int
    qpus: int
    users: int
    executions: int


def empty_worlds(limits: Limits, count: int, sizes: Sizes, *, quality: bool) -> Worlds:
    """Allocate worlds to be filled."""
    table = (count, max(1, sizes.tasks), sizes.qpus)
    return Worlds(
        limits=limits,
        rules=np.zeros(count, RULES),
        jobs=np.zeros((count, max(1, sizes.jobs)), JOB),
        operations=np.zeros((count, max(1, sizes.operations)), OPERATION),
        tasks=np.zeros((count, max(1, sizes.tasks)), TASK),
        devices=np.zeros((count, sizes.qpus), DEVICE),
        estimate_s=np.zeros(table),
        fidelity=np.zeros(table if quality else (count, 1, 1)),
        tokens_per_s=np.zeros((count, 0)),
        gap_s=np.zeros((count, sizes.qpus, 0)),
    )


def empty_clouds(
    count: int, sizes: Sizes, *, cold: bool, drops: bool, twin: Twin | None = None
) -> Clouds:
    """Allocate clouds to be reset.

    Args:
        sizes: of the largest world; without `executions` there are no rows of executions.
        cold: classical tasks need containers.
        drops: tasks may be dropped for their due times.
        twin: that decides.
    """
    jobs = max(1, sizes.jobs)
    return Clouds(
        state=np.zeros(count, STATE),
        qpus=np.zeros((count, sizes.qpus), QPU),
        progress=np.zeros((count, jobs), PROGRESS),
        rows=np.empty((count, max(1, sizes.executions)), ROW),
        sharing=np.zeros((count, jobs), SHARE),
        booting=np.zeros((count, jobs if cold else 1), BOOTING),
        idle_s=np.zeros((count, jobs if cold else 1)),
        waiting=np.zeros((count, 2 * jobs + 2 * MARGIN), np.int32),
        keys=np.zeros((count, 2 * jobs + 2 * MARGIN if twin is not None else 1)),
        fits=np.zeros((count, jobs), np.int32),
        lost=np.zeros((count, sizes.qpus + (jobs if drops else 0)), PENDING_LOSS),
        buckets=np.zeros((count, max(1, sizes.users)), BUCKET),
        twin=no_twin() if twin is None else twin,
    )


class World(NamedTuple):
    """One world of `Worlds`; its rules are an array of one record."""

    limits: Limits
    rules: Array
    jobs: Array
    operations: Array
    tasks: Array
    devices: Array
    estimate_s: Array
    fidelity: Array
    tokens_per_s: Array
    gap_s: Array


class Cloud(NamedTuple):
    """One cloud of `Clouds`; its state is an array of one record."""

    state: Array
    qpus: Array
    progress: Array
    rows: Array
    sharing: Array
    booting: Array
    idle_s: Array
    waiting: Array
    keys: Array
    fits: Array
    lost: Array
    buckets: Array
    twin: Twin
