"""The names that suites are checked against are those that trials have."""

import pytest

from qcbench.api import compose_simulate, trial_of
from qcbench.bench.metrics.names import goal_of, is_metric, metrics_of, names_of
from qcbench.bench.run import simulate_trial
from qcbench.tracks import Track

SMALL = {
    "placement": ["scenario=placement/qce5", "policy=greedy"],
    "allocation": ["scenario=allocation/eagle5", "policy=speed", "workload.tasks=5"],
    "queueing": ["scenario=serverless/small", "policy=fifo"],
    "partition": ["scenario=partition/arithmetic", "policy=round_robin"],
}


@pytest.mark.parametrize("track", SMALL)
def test_names_are_those_of_a_trial(track: Track) -> None:
    records = simulate_trial(trial_of(compose_simulate(SMALL[track])))
    found = metrics_of(track)(records, 0.0)
    assert [name for name in found if not is_metric(track, name)] == []
    assert [name for name in names_of(track) if name not in found] == []


def test_more_fidelity_is_better_and_more_waiting_is_not() -> None:
    assert goal_of("mean_fidelity") == "max"
    assert goal_of("mean_wait_s") == "min"
