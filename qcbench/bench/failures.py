"""Whether a trial in which QPUs fail can come to an end."""

import numpy as np

from qcbench.cloud.rules import Failures
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError

MOST_FAILURES = 1e7
"""Expected in a trial; the simulated cloud would take minutes for so many."""


def check_failures(scenario: Scenario) -> None:
    """Check that executions get done between failures, and that failures can be counted.

    An execution of t seconds that begins anew after every failure is begun exp(t / m) times where
    QPUs work for a mean of m seconds, exponentially distributed (a run of one success).

    Raises:
        InputError: more than `MOST_FAILURES` are to be expected.
    """
    rules = scenario.rules.failures
    if rules is None:
        return
    expected = expected_failures(scenario, rules)
    if not expected <= MOST_FAILURES:
        raise InputError(
            f"scenario {scenario.name}: rules.failures: mean_up_s: {rules.mean_up_s:g}, "
            f"mean_down_s: {rules.mean_down_s:g}; QPUs would fail {expected:.1g} times before all "
            f"tasks are done, at most {MOST_FAILURES:.0g} are simulated; they must work for longer"
        )


def expected_failures(scenario: Scenario, rules: Failures) -> float:
    """Return about how often QPUs fail in a trial in which each task goes where it is fastest."""
    expected = _while_tasks_arrive(scenario, rules)
    if rules.on_failure != "fail":
        expected += _until_all_is_done(scenario, rules)
    horizon_s = scenario.rules.horizon_s
    if horizon_s is not None:
        expected = min(expected, _within(horizon_s, scenario, rules))
    return expected


def _within(time_s: float, scenario: Scenario, rules: Failures) -> float:
    return len(scenario.fleet) * time_s / (rules.mean_up_s + rules.mean_down_s)


def _while_tasks_arrive(scenario: Scenario, rules: Failures) -> float:
    arrival_s = scenario.workload.arrival_s
    return _within(float(arrival_s.max()), scenario, rules) if len(arrival_s) else 0.0


def _until_all_is_done(scenario: Scenario, rules: Failures) -> float:
    """Return the executions lost if every task goes where it is fastest."""
    workload = scenario.workload
    exec_s = scenario.estimates.exec_s
    with np.errstate(over="ignore"):
        lost = np.expm1(exec_s.min(axis=1) / rules.mean_up_s)
    return float((workload.executions() * lost).sum())
