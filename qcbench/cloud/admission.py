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
ALL, PENDING, TOTAL, PAPER = range(len(VARIANTS))
"""Positions in `VARIANTS`."""

TOKEN = 1.0 - 1e-9
"""A bucket that fills in n steps may lack the last bit of its token."""


def within(
    variant: int,
    active: int,
    pending: int,
    running: int,
    classical_limit: int,
    quantum_limit: int,
) -> bool:
    """Whether what is on the platform leaves room for one more job.

    Args:
        variant: position in `VARIANTS`.
        active: classical tasks in the pool.
        pending: quantum tasks that wait.
        running: quantum tasks that are executed; they need not be counted under `PENDING`.
        classical_limit, quantum_limit: see `qcbench.cloud.rules.Admission`.

    What the source says in words is `paper`, what its figures were made with is `pending`.
    """
    if variant == ALL:
        return True
    quantum = pending if variant == PENDING else pending + running
    if variant == PAPER:
        return active <= classical_limit and quantum <= quantum_limit
    return active < classical_limit and quantum < quantum_limit


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
    quotas = None if rules.per_user is None else Quotas(rules.per_user, workload)
    if variant == ALL and quotas is None:
        return None

    def admits(job: int) -> bool:
        room = within(
            variant,
            pool.active,
            broker.pending,
            broker.running,
            rules.classical_limit,
            rules.quantum_limit,
        )
        return room and (quotas is None or quotas.take(job, clock.now))

    return admits


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
