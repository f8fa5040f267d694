"""Failures and repairs of QPUs: one process a QPU, exponential times."""

from math import ceil

import numpy as np

from qcbench.cloud.broker import Broker
from qcbench.cloud.clock import Clock, Process
from qcbench.cloud.rules import Failures
from qcbench.errors import InputError

MOST_FAILURES = 2e7
"""Of all QPUs in a trial. The simulated cloud takes minutes for so many; a trial with more may have
an execution that never gets done, and would not end."""


def most_failures(qpus: int) -> int:
    """Return after how many failures of one of so many QPUs a trial is given up."""
    return ceil(MOST_FAILURES / qpus)


def too_many(rules: Failures, failures: int) -> InputError:
    """Return the error of a trial that is given up after so many of one QPU."""
    return InputError(
        f"{described(rules)}; a QPU has failed {failures:.3g} times and not all tasks are done, no "
        "more failures are simulated; QPUs must work for longer, or tasks go where they are faster"
    )


def described(rules: Failures) -> str:
    """Return what an error says of the rules."""
    return f"rules.failures: mean_up_s: {rules.mean_up_s:g}, mean_down_s: {rules.mean_down_s:g}"


def failing_qpu(
    clock: Clock, broker: Broker, qpu: int, rules: Failures, rng: np.random.Generator, most: int
) -> Process:
    """Fail and repair one QPU for as long as the trial lasts.

    Each QPU has a generator of its own, so that its times do not depend on what the policies do.

    Args:
        clock: of the trial.
        broker: who is told.
        qpu: which one.
        rules: how often.
        rng: its own generator.
        most: failures after which the trial is given up.

    Raises:
        InputError: it has failed so often.
    """
    for _ in range(most):
        yield clock.timeout(rng.exponential(rules.mean_up_s))
        broker.fail(qpu)
        yield clock.timeout(rng.exponential(rules.mean_down_s))
        broker.repair(qpu)
    raise too_many(rules, most)
