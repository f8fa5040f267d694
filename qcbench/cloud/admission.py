"""Who is let in: limits on the tasks of the platform, and a quota for each user.

The rules themselves are plain functions of numbers; kernels compile the very same ones.
Source of the limits: Cicconetti, hybrid classical-quantum serverless platforms, section II-C.
"""

from collections.abc import Callable
from typing import get_args

from qcbench.cloud.broker import Broker
from qcbench.cloud.clock import Clock
from qcbench.cloud.pool import ClassicalPool
from qcbench.cloud.rules import Admission, AdmissionVariant, TokenBucket
from qcbench.workload.workload import Workload

VARIANTS: tuple[AdmissionVariant, ...] = get_args(AdmissionVariant)
ALL, PENDING, TOTAL, PAPER = range(4)
"""Positions in `VARIANTS`."""

TOKEN = 1.0 - 1e-9
"""A bucket that fills in n steps may lack the last bit of its token."""


def within(
    variant: int,
    classical_limit: int,
    quantum_limit: int,
    classical: int,
    pending: int,
    running: int,
) -> bool:
    """Whether the limits let a job in.

    Args:
        variant: position in `VARIANTS`.
        classical_limit, quantum_limit: see `qcbench.cloud.rules.Admission`.
        classical: classical tasks that are active.
        pending, running: quantum tasks that wait and that are executed; the latter need not be
            counted under `PENDING`.
    """
    if variant == ALL:
        return True
    if variant == PENDING:
        return classical < classical_limit and pending < quantum_limit
    if variant == TOTAL:
        return classical < classical_limit and pending + running < quantum_limit
    return classical <= classical_limit and pending + running <= quantum_limit


def filled(
    tokens: float, counted_s: float, now_s: float, tokens_per_s: float, burst: float
) -> float:
    """Return the tokens of a bucket now that held so many at ``counted_s``."""
    return min(burst, tokens + tokens_per_s * (now_s - counted_s))


def admission_test(
    rules: Admission, clock: Clock, pool: ClassicalPool, broker: Broker, workload: Workload
) -> Callable[[int], bool] | None:
    """Return the test that a job must pass on arrival; None where everybody is let in."""
    variant = VARIANTS.index(rules.variant)
    limits = variant, rules.classical_limit, rules.quantum_limit

    def test() -> bool:
        running = 0 if variant == PENDING else broker.running
        return within(*limits, pool.active, broker.pending, running)

    limited = None if variant == ALL else test
    if rules.per_user is None:
        return None if limited is None else lambda _job: limited()
    quotas = Quotas(rules.per_user, workload)
    return lambda job: (limited is None or limited()) and quotas.take(job, clock.now)


class Quotas:
    """A token bucket for each user."""

    def __init__(self, rules: TokenBucket, workload: Workload) -> None:
        self._burst = rules.burst
        self._tokens_per_s = rules.tokens_per_s
        self._quota = workload.quota_per_s
        self._user = workload.user
        self._buckets: dict[str, tuple[float, float]] = {}
        """Tokens of each user, and when they were counted."""

    def take(self, job: int, now_s: float) -> bool:
        """Take a token from the bucket of a job's user; False where it holds less than one."""
        user = "" if self._user is None else self._user[job]
        tokens, counted_s = self._buckets.get(user, (self._burst, 0.0))
        rate = self._quota.get(user, self._tokens_per_s)
        tokens = filled(tokens, counted_s, now_s, rate, self._burst)
        enough = tokens >= TOKEN
        self._buckets[user] = (tokens - 1.0 if enough else tokens, now_s)
        return enough
