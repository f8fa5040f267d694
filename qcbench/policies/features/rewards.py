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
- due times: placement and allocation with the decision, by the estimates, and the difference in the
  step in which the job ends; queueing in that step. Of a job that is cut off by the horizon only
  what its decision was charged is known.
"""

from math import inf
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
        tardiness: weight of the time by which a job is late, in units of `time_scale_s`.
        missed: penalty of a job that has a due time and is late, dropped or given up.
        value: weight of the value that is lost so, as a share of the highest of the workload.
        patience_s: age from which a waiting job goes before all younger ones in hindsight; a day
            unless told.
        patience_ages: the same without seconds, in the mean age of jobs when their tasks join the
            queue, see `features.queueing_relative.patience_s`; `patience_s` is null then.
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
    tardiness: NotNegative = 0.0
    missed: NotNegative = 0.0
    value: NotNegative = 0.0
    patience_s: NotNegative | None = 86_400.0
    patience_ages: Positive | None = None

    def __post_init__(self) -> None:
        self._check_patience()
        if self.counts_due and self.kind not in ("cost", "makespan"):
            raise InputError(
                f"reward.kind: {self.kind} knows no due times; set tardiness, missed and value to 0"
            )
        counted = self.time + self.fidelity + self.price > 0 or self.counts_due
        if self.kind != "legacy" and not counted:
            raise InputError("reward: time, fidelity and price are all 0; one must be positive")

    def _check_patience(self) -> None:
        if self.patience_ages is None:
            if self.patience_s is None and self.kind == "hindsight":
                raise InputError(
                    "reward.patience_s: null; must be a time, or tell patience_ages instead"
                )
            return
        if self.kind != "hindsight":
            raise InputError(
                f"reward.patience_ages: {self.patience_ages}; goes with kind hindsight, not "
                f"{self.kind}"
            )
        if self.patience_s is not None:
            raise InputError(
                f"reward.patience_ages: {self.patience_ages}; there is one patience, and "
                f"patience_s is {self.patience_s}; set patience_s to null"
            )

    @property
    def per_second(self) -> float:
        """What a second of a completion time costs."""
        return 0.0 if self.kind == "makespan" else self.time / self.time_scale_s

    @property
    def counts_due(self) -> bool:
        """Whether due times count."""
        return self.tardiness > 0 or self.missed > 0 or self.value > 0

    @property
    def per_late_second(self) -> float:
        """What a second costs by which a job is late."""
        return self.tardiness / self.time_scale_s

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


def late_cost(
    finish_s: float,
    due_s: float,
    value: float,
    fades_s: float,
    per_late_second: float,
    missed: float,
    per_value: float,
) -> float:
    """Return what the due time of a job costs that ends then; infinite where it is never done.

    How late a job would have been that is never done nobody knows, so it costs no tardiness.

    Args:
        due_s: infinite where it has none.
        value: of the job, as a share of the highest.
        fades_s: time over which the value of a late job falls to nothing, 0 for at once.
    """
    if due_s == inf or finish_s <= due_s:
        return 0.0
    if finish_s == inf:
        return missed + per_value * value
    late_s = finish_s - due_s
    lost = late_s / fades_s if late_s < fades_s else 1.0
    return per_late_second * late_s + missed + per_value * value * lost


def legacy_reward(delay_s: float, wait_s: float, exec_s: float) -> float:
    """Return QSimPy's reward of a feasible placement; of one that takes no time it is 1e9.

    Args:
        delay_s: the clock less the task's first arrival. As a number of violations times the delay
            of each it would differ in the last digit.
    """
    total_s = delay_s + wait_s + exec_s
    return 1.0 / total_s if total_s > 1e-9 else 1e9
