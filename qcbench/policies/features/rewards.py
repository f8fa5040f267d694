"""What a decision is rewarded with: the time, infidelity and price that it causes.

All rewards are costs with a minus sign, and add up over an episode to that of all its tasks or
jobs, so that an undiscounted return ranks policies as the benchmark's metrics do. When a cost is
due:

- placement and allocation: with the decision that starts or places the task, by the estimates.
  Where executions last otherwise (failures, uncertain times), the difference is due in the step in
  which the task ends. A violation costs the delay that it adds, and a penalty.
- allocation by `makespan`: a step costs the time from its decision to the next one, once, and a
  start the fidelity that the task loses against its best QPU alone. Added up that is the makespan
  plus the infidelity of all tasks, less a number that the world alone determines: no policy gains
  rank by it, and what a decision costs shows at once or soon.
- queueing: a step costs the time from its decision to the next one for every job that is present.
  Added up that is the sum of all job times, of jobs cut off by the horizon the part before it. By
  `hindsight` it costs what the decision delays the jobs that should have gone first.
"""

from typing import ClassVar, Literal

from qcbench.configs import NotNegative, Positive, config
from qcbench.errors import InputError

Kind = Literal["cost", "hindsight", "makespan", "legacy"]


@config
class Reward:
    """Weights of a reward.

    Attributes:
        kind: `cost` as the weights say; `hindsight` is the same with the time that a decision
            costs in the realised future, see `features.hindsight`: against earliest completion, for
            placement where times are exact; against the job that should have gone first, for
            queueing; both where the mask is kept to; `makespan`, for allocation,
            charges the time that passes, instead of completion times, and lost fidelity; `legacy`
            is QSimPy's, for placement only: 1 / (delay + wait + execution), and -10 for a
            violation.
        time: weight of completion times, or of the makespan, in units of `time_scale_s`.
        fidelity: weight of 1 - estimated fidelity.
        price: weight of the price.
        time_scale_s: completion time that costs 1 at weight 1.
        violation: penalty of an infeasible decision besides the delay that it adds.
        failure: penalty of a task that is given up after a failure of its QPU.
        drop: penalty of a job that is not admitted; without it turning jobs away would pay.
        patience_s: time from which a waiting job goes before all younger ones in hindsight.
    """

    WHERE: ClassVar[str] = "reward"
    kind: Kind = "cost"
    time: NotNegative = 1.0
    fidelity: NotNegative = 0.0
    price: NotNegative = 0.0
    time_scale_s: Positive = 50.0
    violation: NotNegative = 1.0
    failure: NotNegative = 10.0
    drop: NotNegative = 10.0
    patience_s: NotNegative = 86_400.0

    def __post_init__(self) -> None:
        if self.kind != "legacy" and not self.time + self.fidelity + self.price > 0:
            raise InputError("reward: time, fidelity and price are all 0; one must be positive")

    @property
    def per_second(self) -> float:
        """What a second of a completion time costs."""
        return 0.0 if self.kind == "makespan" else self.time / self.time_scale_s

    @property
    def per_elapsed(self) -> float:
        """What a second costs that passes, however many tasks are present."""
        return self.time / self.time_scale_s if self.kind == "makespan" else 0.0


LEGACY_VIOLATION = -10.0


def cost_reward(
    time_s: float,
    fidelity: float,
    price: float,
    per_second: float,
    per_infidelity: float,
    per_price: float,
) -> float:
    """Return the reward of a task that takes `time_s` from its decision, or its arrival, on."""
    paid = per_price * price if per_price > 0.0 else 0.0  # a price without weight may be unknown
    return -(per_second * time_s + per_infidelity * (1.0 - fidelity) + paid)


def legacy_reward(delay_s: float, wait_s: float, exec_s: float) -> float:
    """Return QSimPy's reward of a feasible placement; of one that takes no time it is 1e9.

    Args:
        delay_s: the clock less the task's first arrival. As a number of violations times the delay
            of each it would differ in the last digit.
    """
    total_s = delay_s + wait_s + exec_s
    return 1.0 / total_s if total_s > 1e-9 else 1e9
