"""Figures of a queue as arrays: the same decisions as when every task is asked."""

import numpy as np
import pytest

from qcbench.bench.compose import compose_scenario
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.queueing import urgency

WEIGHTS = {"age": 0.4, "short": 0.9, "begun": -0.3, "fresh": 0.2, "match": 0.7, "priority": 1.1}
RULES = ["rules.horizon_s=1500", "rules.warm_up_s=0", "workload.arrivals.load=1.5"]
FAILURES = "rules.failures={mean_up_s: 900, mean_down_s: 200, on_failure: resubmit}"


@pytest.mark.parametrize(
    ("name", "more", "many"),
    [
        ("hybrid/ibm12", [FAILURES], 1),
        ("hybrid/ibm12", [], 7),
        ("hybrid/heron5", [], 7),
        ("hybrid/ibm12", [FAILURES.replace("resubmit", "fail")], 1),
        ("hybrid/heron5", ["rules.deadlines=drop", "workload.deadlines={law: slack}"], 1),
    ],
)
def test_arrays_decide_as_a_look_at_each_task_does(
    name: str, more: list[str], many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = resolve_scenario(compose_scenario(name, [*RULES, *more]), "test", 0)
    scenario = build_scenario(config, "test", replicate=0, seed=0)
    found = []
    for least in (10**9, many):
        monkeypatch.setattr(urgency, "MANY", least)
        context = PolicyContext(scenario.fleet, np.random.default_rng(0))
        told = PolicyConfig(name="urgency", parameters=dict(WEIGHTS))
        decide = registry.make("queueing", told, context)
        found.append(Cloud(scenario, decide, seeded_streams(0)).run())
    each, arrays = found
    assert each.decisions == arrays.decisions > 300
    np.testing.assert_array_equal(each.finish_s, arrays.finish_s)
    np.testing.assert_array_equal(each.qpu, arrays.qpu)
