"""Who is let in: admission by the number of classical and quantum tasks on the platform."""

from collections.abc import Callable

from qcbench.cloud.broker import Broker
from qcbench.cloud.pool import ClassicalPool
from qcbench.cloud.rules import Admission


def admission_test(
    rules: Admission, pool: ClassicalPool, broker: Broker
) -> Callable[[], bool] | None:
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
    return tests[rules.variant]
