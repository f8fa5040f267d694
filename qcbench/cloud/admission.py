"""Who is let in: limits on the tasks of the platform, and a quota for each user."""

from collections.abc import Callable

from qcbench.cloud.broker import Broker
from qcbench.cloud.clock import Clock
from qcbench.cloud.pool import ClassicalPool
from qcbench.cloud.rules import Admission, TokenBucket
from qcbench.workload.workload import Workload


def admission_test(
    rules: Admission, clock: Clock, pool: ClassicalPool, broker: Broker, workload: Workload
) -> Callable[[int], bool] | None:
    """Return the test that a job must pass on arrival; None where everybody is let in.

    Source of the limits: Cicconetti, hybrid classical-quantum serverless platforms.
    """
    classical, quantum = rules.classical_limit, rules.quantum_limit
    tests: dict[str, Callable[[], bool] | None] = {
        "all": None,
        "pending": lambda: pool.active < classical and broker.pending < quantum,
        "total": lambda: pool.active < classical and broker.pending + broker.running < quantum,
        "paper": lambda: pool.active <= classical and broker.pending <= quantum,
    }
    within = tests[rules.variant]
    if rules.per_user is None:
        return None if within is None else lambda _job: within()
    quotas = Quotas(rules.per_user, workload)
    return lambda job: (within is None or within()) and quotas.take(job, clock.now)


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
        tokens = min(self._burst, tokens + rate * (now_s - counted_s))
        # A bucket that fills in n steps may lack the last bit of its token.
        enough = tokens >= 1.0 - 1e-9
        self._buckets[user] = (tokens - 1.0 if enough else tokens, now_s)
        return enough
