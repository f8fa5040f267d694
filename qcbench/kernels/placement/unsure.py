"""What the rules leave to chance or to limits, as arrays: failures, real times, quotas."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray
from qcbench.cloud.admission import VARIANTS
from qcbench.cloud.cloud import Streams
from qcbench.cloud.rules import Rules
from qcbench.cloud.scenario import Scenario

RESTART, RESUBMIT, FAIL = range(3)
ON_FAILURE = ("restart", "resubmit", "fail")

FIRST_CHANGES = 64
"""Failures and repairs of a QPU that are drawn in advance; more when they run out."""


class Limits(NamedTuple):
    """The rules as numbers; infinite or the largest integer where there is no limit.

    Attributes:
        exact: nothing fails and execution times are as estimated.
        on_failure, variant: positions in `ON_FAILURE` and `cloud.admission.VARIANTS`.
        burst: tokens of a user's bucket; negative where there are no quotas.
    """

    delay_s: float
    max_decisions: int
    horizon_s: float
    warm_up_s: float
    exact: bool
    fails: bool
    on_failure: int
    mean_down_s: float
    variant: int
    classical_limit: int
    quantum_limit: int
    burst: float


class Chances(NamedTuple):
    """What happens to the clouds of W worlds, whatever the policy does; flat arrays.

    Attributes:
        slowdown: real over estimated execution time of each task, shape (W * T,).
        changes: K, how many failures and repairs of each QPU are known.
        change_s: when they are, in turn, shape (W * Q * K,).
        user: owner of each task, shape (W * T,).
        tokens_per_s: of each user's bucket, shape (users,).
    """

    slowdown: FloatArray
    changes: int
    change_s: FloatArray
    user: npt.NDArray[np.int32]
    tokens_per_s: FloatArray


def limits_of(rules: Rules) -> Limits:
    """Return the rules as numbers."""
    failures, admission = rules.failures, rules.admission
    most = rules.rescheduling.max_decisions
    return Limits(
        delay_s=float(rules.rescheduling.delay_s),
        max_decisions=np.iinfo(np.int64).max if most is None else int(most),
        horizon_s=np.inf if rules.horizon_s is None else float(rules.horizon_s),
        warm_up_s=float(rules.warm_up_s) if rules.warm_up_s > 0 else np.inf,
        exact=failures is None and not rules.execution_sigma > 0,
        fails=failures is not None,
        on_failure=RESTART if failures is None else ON_FAILURE.index(failures.on_failure),
        mean_down_s=0.0 if failures is None else float(failures.mean_down_s),
        variant=VARIANTS.index(admission.variant),
        classical_limit=int(admission.classical_limit),
        quantum_limit=int(admission.quantum_limit),
        burst=-1.0 if admission.per_user is None else float(admission.per_user.burst),
    )


class ChanceSource:
    """Draws what happens in several worlds, further whenever a kernel has come to its end.

    The generators are used as on the SimPy cloud, so that the numbers are the same.
    """

    def __init__(self, scenarios: Sequence[Scenario], streams: Sequence[Streams], width: int):
        rules = scenarios[0].rules
        self._worlds, self._qpus = len(scenarios), len(scenarios[0].fleet)
        slowdown = np.ones((self._worlds, width))
        user = np.zeros((self._worlds, width), dtype=np.int32)
        names: dict[str, int] = {}
        for world, scenario in enumerate(scenarios):
            workload, sigma = scenario.workload, rules.execution_sigma
            tasks = len(workload.tasks)
            if sigma > 0:
                slowdown[world, :tasks] = streams[world].execution.lognormal(
                    -0.5 * sigma**2, sigma, tasks
                )
            owners = workload.user if workload.user is not None else [""] * tasks
            user[world, :tasks] = [names.setdefault(name, len(names)) for name in owners]
        self._slowdown = slowdown.reshape(-1)
        self._user = user.reshape(-1)
        self._tokens_per_s = self._quotas(scenarios, names)
        self._failures = rules.failures
        self._rngs = (
            []
            if rules.failures is None
            else [rng for each in streams for rng in each.failures.spawn(self._qpus)]
        )
        self._change_s = np.full((self._worlds * self._qpus, 1), np.inf)
        if self._failures is not None:
            self._change_s = np.zeros((self._worlds * self._qpus, 0))
            self.extend()

    def _quotas(self, scenarios: Sequence[Scenario], names: dict[str, int]) -> FloatArray:
        buckets = scenarios[0].rules.admission.per_user
        own = 0.0 if buckets is None else buckets.tokens_per_s
        quotas = scenarios[0].workload.quota_per_s
        return np.array([quotas.get(name, own) for name in names] or [own], dtype=np.float64)

    def extend(self) -> None:
        """Draw as many failures and repairs again as there are, `FIRST_CHANGES` at first."""
        rules = self._failures
        if rules is None:
            raise RuntimeError("nothing fails, so no failure can be wanting")
        known = self._change_s.shape[1]
        more = max(known, FIRST_CHANGES)
        mean_s = np.resize([rules.mean_up_s, rules.mean_down_s], more)
        gaps_s = np.stack([rng.standard_exponential(more) * mean_s for rng in self._rngs])
        if known:
            gaps_s[:, 0] += self._change_s[:, -1]
        # Added up one after the other, as a clock does.
        self._change_s = np.hstack([self._change_s, np.cumsum(gaps_s, axis=1)])

    def chances(self) -> Chances:
        """Return what is known by now."""
        return Chances(
            slowdown=self._slowdown,
            changes=self._change_s.shape[1],
            change_s=np.ascontiguousarray(self._change_s).reshape(-1),
            user=self._user,
            tokens_per_s=self._tokens_per_s,
        )
