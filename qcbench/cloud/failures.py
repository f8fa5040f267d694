"""Failures and repairs of QPUs: one process a QPU, exponential times."""

import numpy as np

from qcbench.cloud.broker import Broker
from qcbench.cloud.clock import Clock, Process
from qcbench.cloud.rules import Failures


def failing_qpu(
    clock: Clock, broker: Broker, qpu: int, rules: Failures, rng: np.random.Generator
) -> Process:
    """Fail and repair one QPU for ever.

    Each QPU has a generator of its own, so that its times do not depend on what the policies do.
    """
    while True:
        yield clock.timeout(rng.exponential(rules.mean_up_s))
        broker.fail(qpu)
        yield clock.timeout(rng.exponential(rules.mean_down_s))
        broker.repair(qpu)
