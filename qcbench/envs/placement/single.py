"""`qcbench/Placement-v1`: choose the QPU of a task, on the SimPy cloud."""

from typing import Any, ClassVar

from gymnasium import spaces

from qcbench.envs.options import check_hindsight
from qcbench.envs.single import CloudEnv
from qcbench.policies.features.hindsight import remaining_s
from qcbench.policies.features.rewards import LEGACY_VIOLATION, cost_reward, legacy_reward
from qcbench.tracks import Track


class PlacementEnv(CloudEnv):
    """The agent chooses the QPU of each task.

    Action: index of a QPU. An action that the mask forbids is a violation, as it is to every
    policy: nothing is placed, and the task comes back after the delay that the rules say.
    """

    track: ClassVar[Track] = "placement"

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Discrete(len(self.fleet))

    def _decide(self, action: Any) -> tuple[float, bool]:
        qpu = self._whole(action)
        violation = self._forbidden(qpu)
        reward = self._violated() if violation else self._placed(qpu)
        self._cloud.answer(qpu)  # type: ignore[union-attr]
        return reward, violation

    def _delay_s(self) -> float:
        rules = self._cloud.cloud.scenario.rules  # type: ignore[union-attr]
        return rules.rescheduling.delay_s

    def _violated(self) -> float:
        config = self.options.reward
        if config.kind == "legacy":
            return LEGACY_VIOLATION
        delay_s = self._delay_s()
        self._account.charge(self._view.row, delay_s)  # type: ignore[union-attr]
        return -(config.per_second * delay_s + config.violation)

    def _placed(self, qpu: int) -> float:
        config, view = self.options.reward, self._view
        wait_s = max(float(view.free_at_s[qpu]) - view.now_s, 0.0)
        exec_s = float(view.exec_s[qpu])
        if config.kind == "legacy":
            arrival_s = self._account.execution(view.row).arrival_s  # type: ignore[union-attr]
            return legacy_reward(view.now_s - arrival_s, wait_s, exec_s)
        time_s = wait_s + exec_s
        if config.kind == "hindsight":
            time_s = self._against_earliest_s(qpu, time_s)
        else:
            self._account.charge(view.row, time_s)  # type: ignore[union-attr]
        promised = self._account.promise(view.row, view.now_s + time_s)  # type: ignore[union-attr]
        return -promised + cost_reward(
            time_s,
            float(view.fidelity[qpu]),
            float(view.price[qpu]),
            config.per_second,
            config.fidelity,
            config.price,
        )

    def _against_earliest_s(self, qpu: int, completion_s: float) -> float:
        """Return what a placement costs against earliest completion, see `features.hindsight`."""
        view, world = self._view, self._cloud.cloud.world  # type: ignore[union-attr]
        check_hindsight(world.rules)
        arrival_s = world.workload.arrival_s.tolist()
        exec_s = world.estimates.exec_s.ravel().tolist()
        free_s = view.free_at_s.tolist()
        tasks, qpus = world.estimates.exec_s.shape
        before_s = remaining_s(
            view.row, tasks, qpus, arrival_s, 0, exec_s, 0, qpus, free_s, 0, [0.0] * qpus
        )
        free_s[qpu] = view.now_s + completion_s
        after_s = remaining_s(
            view.row + 1, tasks, qpus, arrival_s, 0, exec_s, 0, qpus, free_s, 0, [0.0] * qpus
        )
        return completion_s + after_s - before_s
