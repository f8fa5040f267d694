"""What a decision caused, as far as it shows only after it: the part of a reward that comes later.

`qcbench.policies.features.rewards` says when which cost is due.
"""

from qcbench.cloud.cloud import Cloud
from qcbench.cloud.execution import DONE, DROPPED, FAILED, Execution
from qcbench.policies.features.rewards import Reward


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

    def execution(self, row: int) -> Execution:
        """Return the latest execution of a task."""
        self._look()
        return self._latest[row]

    def charge(self, row: int, time_s: float) -> None:
        """Note completion time of a task that is charged now."""
        if self._uncertain:
            execution = self.execution(row)
            self._paid_s[execution] = self._paid_s.get(execution, 0.0) + time_s

    def settle(self) -> float:
        """Return what has come due since the last call: other ends than expected, drops."""
        self._look()
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
