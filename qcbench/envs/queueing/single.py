"""`qcbench/Queueing-v1`: choose the next waiting task of a QPU, on the SimPy cloud."""

from typing import Any, ClassVar

from gymnasium import spaces

from qcbench.envs.accounts import Account
from qcbench.envs.rendering import MOST_BARS, Bar
from qcbench.envs.single import CloudEnv
from qcbench.envs.worlds import BEGINNINGS, Split, drawn_index
from qcbench.policies.features import queueing_relative
from qcbench.policies.features.hindsight import goes_before
from qcbench.policies.features.observers.queueing import notice
from qcbench.policies.features.rewards import cost_reward
from qcbench.sums import added
from qcbench.tracks import Track


class QueueingEnv(CloudEnv):
    """The agent chooses among the first waiting tasks, in order of arrival.

    Action: a place in the observation. At a place where no task waits, an action is a violation:
    the task that waits longest is taken, and the penalty is due.
    """

    track: ClassVar[Track] = "queueing"

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Discrete(self.options.slots)

    def _begin(self, split: Split, index: int) -> bool:
        """Build a world and go on to where the episode begins; return whether there is one."""
        self._ages = [0.0] * queueing_relative.MEMORY
        begun = super()._begin(split, index)
        if not begun or not self.options.begin_s:
            return begun
        drawn = drawn_index(self._seed or 0, -1 - self._episode, BEGINNINGS)
        begin_s = self.options.begin_s * (drawn / BEGINNINGS)
        self._watcher.observe(self._view, self._out)  # times count from the first decision
        while self._view is not None and self._view.now_s < begin_s:
            if self.options.remembers:
                self._watcher.observe(self._view, self._out)
            self._notice()
            self._cloud.answer(len(self._view.waiting) - 1)  # type: ignore[union-attr]
            self._view = self._cloud.view  # type: ignore[union-attr]
            self._come_due(self._account)  # type: ignore[arg-type]
        return self._view is not None

    def _decide(self, action: Any) -> tuple[float, bool]:
        place = self._whole(action)
        violation = self._forbidden(place)
        config, view, world = self.options.reward, self._view, self._cloud.cloud.world  # type: ignore[union-attr]
        place = 0 if violation else place
        row, job = view.waiting[place].row, view.waiting[place].job
        reward = cost_reward(
            self._delayed_s(place) if config.kind == "hindsight" else 0.0,
            float(world.estimates.fidelity[row, view.qpu]),
            float(world.estimates.price[row, view.qpu]),
            config.per_second,
            config.fidelity,
            config.price,
        )
        now_s, exec_s = view.now_s, view.exec_s_of(view.waiting[place])
        bar = Bar(view.qpu, job, now_s, now_s + exec_s)
        self._cloud.answer(place)  # type: ignore[union-attr]
        if job in world.late:  # dropped in the place of being started, so it has no price
            reward = 0.0
        elif self.render_mode:  # pictures show what is started, which rows of jobs do not
            self._log = [*self._log[1 - MOST_BARS :], bar]
        return reward - (config.violation if violation else 0.0), violation

    def _delayed_s(self, place: int) -> float:
        """Return what a choice delays the jobs that should go first, see `features.hindsight`."""
        view, patience_s = self._view, self._patience_s()
        chosen = view.waiting[place]
        before = added(
            goes_before(
                view.now_s - other.job_arrival_s,
                other.remaining_s,
                view.now_s - chosen.job_arrival_s,
                chosen.remaining_s,
                patience_s,
            )
            for other in view.waiting
        )
        return float(view.exec_s_of(chosen) * before / len(self.fleet))

    def _patience_s(self) -> float:
        """Return the age from which the oldest job goes first, at this decision."""
        reward = self.options.reward
        if reward.patience_ages is None:
            return reward.patience_s or 0.0
        self._notice()
        return queueing_relative.patience_s(reward.patience_ages, self._ages, 0)

    def _notice(self) -> None:
        """Remember what a patience in ages is counted in, whatever is observed."""
        if self.options.knows_ages:
            notice(self._view.waiting, len(self.fleet), self._ages)

    def _come_due(self, account: Account) -> float:
        return account.settle() + account.presence()
