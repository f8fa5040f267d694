"""`engine=compiled` on the placement suite: the table of the SimPy engine, number by number."""

from dataclasses import replace

import pytest

from qcbench.api import compose_run, compose_simulate, trial_of
from qcbench.bench.run import run_recorded_trial, run_trial
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.errors import InputError

SUITE = [
    "suite=placement-v1",
    "suite.replicates=1",
    "suite.engine=compiled",
    "suite.scenario_overrides=['workload.tasks=25']",
]


def test_a_miniature_of_the_suite() -> None:
    suite = compose_run(SUITE).suite
    trials = expand(suite, suite_scenarios(suite))
    assert len(trials) == 90
    for trial in trials:
        compiled, simpy = (
            dict(run_trial(replace(trial, engine=engine)).row) for engine in ("compiled", "simpy")
        )
        assert (compiled.pop("engine"), simpy.pop("engine")) == ("compiled", "simpy")
        assert compiled.pop("trial_id") != simpy.pop("trial_id")
        assert compiled == simpy


def test_the_frames_of_a_trial() -> None:
    told = compose_simulate(
        ["scenario=placement/qce5-unreliable", "scenario.workload.tasks=40", "policy=round_robin"]
    )
    trial = trial_of(told)
    simpy, compiled = (
        run_recorded_trial(replace(trial, engine=engine)).records
        for engine in ("simpy", "compiled")
    )
    assert simpy is not None
    assert compiled is not None
    assert simpy.drop("trial_id").equals(compiled.drop("trial_id"), null_equal=True)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["suite=partition-v1"], "track partition has no kernel"),
        (["suite=allocation-icpp2025"], "icpp2025 has no kernel"),
    ],
)
def test_suites_without_a_kernel_are_refused_at_once(overrides: list[str], message: str) -> None:
    suite = compose_run([*overrides, "suite.engine=compiled"]).suite
    with pytest.raises(InputError, match=message):
        suite_scenarios(suite)
