"""What a decision caused, as far as it shows only after it: the part of a reward that comes later.

`qcbench.policies.features.rewards` says when which cost is due.
"""

from collections.abc import Mapping
from math import inf

from qcbench.cloud.cloud import Cloud
from qcbench.cloud.execution import CENSORED, DONE, DROPPED, FAILED, Execution
from qcbench.errors import InputError
from qcbench.policies.features.deadlines import value_share
from qcbench.policies.features.rewards import Reward, late_cost
from qcbench.tracks import TRACKS

NO_DUE_TIMES = (
    "reward: tardiness, missed and value count due times, and the jobs have none; set "
    "workload.deadlines"
)


class Dues:
    """What the due times of jobs cost, besides what their decisions were charged."""

    def __init__(self, cloud: Cloud, reward: Reward, *, exact: bool) -> None:
        workload = cloud.scenario.workload
        if workload.due_s is None:
            raise InputError(NO_DUE_TIMES)
        highest = workload.highest_value()
        self._cloud = cloud
        self._due_s = workload.due_s.tolist()
        self._value = [value_share(value, highest) for value in workload.values().tolist()]
        self._weights = (
            workload.value_fades_s,
            reward.per_late_second,
            reward.missed,
            reward.value,
        )
        self._pulls = TRACKS[cloud.scenario.track].mode == "pull"
        self._promises = workload.phases is None and not self._pulls
        self._kept = exact and self._promises
        self._open: list[int] = []
        self._arrived = 0
        self._paid: dict[int, float] = {}

    def promise(self, job: int, finish_s: float) -> float:
        """See `Account`."""
        if not self._promises:
            return 0.0
        cost = self._cost(job, finish_s)
        self._paid[job] = self._paid.get(job, 0.0) + cost
        return cost

    def settle(self, latest: Mapping[int, Execution]) -> float:
        """Return what has come due of the jobs that have ended since the last call.

        Args:
            latest: execution of each task that was opened.
        """
        arrived, owed = self._cloud.arrived, 0.0
        self._open += range(self._arrived, arrived)
        self._arrived = arrived
        for job in list(self._open):
            status, finish_s = self._cloud.ended(job)
            if self._promises and job in latest and latest[job].status == DONE:
                # The one task of a job ends it, also where a broker is asked at this very instant,
                # before the job has heard of it.
                status, finish_s = DONE, latest[job].finish_s
            if job in self._cloud.world.late and not self._pulls:
                status = DROPPED
            if status == CENSORED:
                continue
            if status != DONE:
                owed += self._cost(job, inf) - self._paid.get(job, 0.0)
            elif not self._kept:
                owed += self._cost(job, finish_s) - self._paid.get(job, 0.0)
            self._open.remove(job)
        return owed

    def _cost(self, job: int, finish_s: float) -> float:
        return late_cost(finish_s, self._due_s[job], self._value[job], *self._weights)


class Account:
    """Watches the executions of one running cloud.

    Attributes:
        dropped: jobs that were turned away, or dropped for their due times, up to now.
        failed: tasks that were given up up to now.
    """

    def __init__(self, cloud: Cloud, reward: Reward) -> None:
        rules = cloud.scenario.rules
        self._cloud = cloud
        self._executions = cloud.world.executions
        self._reward = reward
        self._seen = 0
        self._uncertain = rules.failures is not None or rules.execution_sigma > 0
        self._latest: dict[int, Execution] = {}
        self._paid_s: dict[Execution, float] = {}
        """Completion time that was charged already, of tasks whose end is not certain."""
        self._area_s = 0.0
        self._late = cloud.world.late
        self._turned_away = 0
        self._charged = 0
        self.dropped = 0
        self.failed = 0
        self._dues = Dues(cloud, reward, exact=not self._uncertain) if reward.counts_due else None

    def execution(self, row: int) -> Execution:
        """Return the latest execution of a task."""
        self._look()
        return self._latest[row]

    def charge(self, row: int, time_s: float) -> None:
        """Note completion time of a task that is charged now."""
        if self._uncertain:
            execution = self.execution(row)
            self._paid_s[execution] = self._paid_s.get(execution, 0.0) + time_s

    def promise(self, job: int, finish_s: float) -> float:
        """Return what the due time of a job costs by an estimate, and note that it is charged."""
        return 0.0 if self._dues is None else self._dues.promise(job, finish_s)

    def settle(self) -> float:
        """Return what has come due since the last call: other ends than expected, drops."""
        self._look()
        due = 0.0 if self._dues is None else self._dues.settle(self._latest)
        return self._settle() - due

    def _settle(self) -> float:
        owed = self._reward.drop * (self.dropped - self._charged)
        self._charged = self.dropped
        for execution in [e for e in self._paid_s if e.status in (DONE, FAILED)]:
            paid_s = self._paid_s.pop(execution)
            if execution.status == DONE:
                late_s = execution.finish_s - execution.arrival_s - paid_s
                owed += self._reward.per_second * late_s
            else:
                self.failed += 1
                owed += self._reward.failure
        return -owed

    def presence(self) -> float:
        """Return the cost of the time since the last call, for every job that was present."""
        area_s = self._cloud.areas().jobs
        owed = self._reward.per_second * (area_s - self._area_s)
        self._area_s = area_s
        return -owed

    def _look(self) -> None:
        """Take note of the executions that were opened since the last look."""
        executions = self._executions
        while self._seen < len(executions):
            execution = executions[self._seen]
            self._latest[execution.row] = execution
            if execution.status == DROPPED and execution.job not in self._late:
                self._turned_away += 1
            self._seen += 1
        self.dropped = self._turned_away + len(self._late)
