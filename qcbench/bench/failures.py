"""Whether a trial in which QPUs fail can come to an end: what is told before it begins.

That is a lower estimate, for every task where it is fastest. A policy may do worse; then the trial
ends where QPUs have failed too often, see `qcbench.cloud.failures`.
"""

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.failures import MOST_FAILURES, described
from qcbench.cloud.rules import Failures, Rules
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError

MOST_EXPECTED = MOST_FAILURES / 2
"""Of a config; a single trial may have some more."""


def check_failures(scenario: Scenario) -> None:
    """Check that executions get done between failures, and that failures can be counted.

    An execution of t seconds that begins anew after every failure is begun exp(t / m) times where
    QPUs work for a mean of m seconds, exponentially distributed (a run of one success). One in k
    parts is lost k times as often, and lasts as long as its slowest part.

    Raises:
        InputError: more than `MOST_EXPECTED` are to be expected.
    """
    rules = scenario.rules.failures
    if rules is not None:
        expected = expected_failures(scenario, rules)
        _check(scenario, rules, expected, "before all tasks are done", MOST_EXPECTED)


def check_drawn(scenario: Scenario, slowdown: FloatArray | None) -> None:
    """Check a drawn world, with the times that its executions really take, before a trial.

    Where tasks need not be done, since they may be dropped or decisions are limited, nobody knows
    before.

    Args:
        scenario: the world.
        slowdown: real over estimated execution time of each task, None where they are equal.

    Raises:
        InputError: more than `MOST_FAILURES` are to be expected.
    """
    rules = scenario.rules.failures
    if rules is not None and _all_are_done(scenario.rules):
        expected = expected_failures(scenario, rules, slowdown)
        when = "before all tasks of this world are done"
        _check(scenario, rules, expected, when, MOST_FAILURES)


def _check(scenario: Scenario, rules: Failures, expected: float, when: str, most: float) -> None:
    if not expected <= most:
        raise InputError(
            f"scenario {scenario.name}: {described(rules)}; QPUs would fail {expected:.1g} times "
            f"{when}, at most {most:.0g} are simulated; they must work for longer"
        )


def _all_are_done(rules: Rules) -> bool:
    """Whether all that arrives is executed to its end."""
    admission = rules.admission
    return (
        rules.deadlines != "drop"
        and rules.rescheduling.max_decisions is None
        and admission.variant == "all"
        and admission.per_user is None
    )


def expected_failures(
    scenario: Scenario, rules: Failures, slowdown: FloatArray | None = None
) -> float:
    """Return about how often QPUs fail in a trial in which each task goes where it is fastest.

    Args:
        scenario: the world.
        rules: its rules of failures.
        slowdown: real over estimated execution time of each task, None where they are equal.
    """
    expected = _while_tasks_arrive(scenario, rules)
    if rules.on_failure != "fail":
        expected += _until_all_is_done(scenario, rules, slowdown)
    horizon_s = scenario.rules.horizon_s
    if horizon_s is not None:
        expected = min(expected, _within(horizon_s, scenario, rules))
    return expected


def _within(time_s: float, scenario: Scenario, rules: Failures) -> float:
    return len(scenario.fleet) * time_s / (rules.mean_up_s + rules.mean_down_s)


def _while_tasks_arrive(scenario: Scenario, rules: Failures) -> float:
    arrival_s = scenario.workload.arrival_s
    return _within(float(arrival_s.max()), scenario, rules) if len(arrival_s) else 0.0


def _until_all_is_done(scenario: Scenario, rules: Failures, slowdown: FloatArray | None) -> float:
    """Return the executions lost if every task goes where it is fastest, in the fewest parts."""
    exec_s = scenario.estimates.exec_s
    if scenario.rules.dispatch.qpus == "shared":
        parts = _fewest_parts(scenario)
        # As many parts are not done before the slowest of as many QPUs, at best the fastest.
        times_s = np.sort(exec_s, axis=1)[np.arange(len(parts)), parts - 1] * parts
    else:
        times_s = exec_s.min(axis=1)
    if slowdown is not None:
        times_s = times_s * slowdown
    with np.errstate(over="ignore"):
        lost = np.expm1(times_s / rules.mean_up_s)
        return float((scenario.workload.executions() * lost).sum())


def _fewest_parts(scenario: Scenario) -> IntArray:
    """Return over how many QPUs each task has to be split."""
    widest_first = np.sort(scenario.fleet.qubits)[::-1]
    together = np.cumsum(widest_first)
    return np.searchsorted(together, scenario.workload.tasks.qubits) + 1
