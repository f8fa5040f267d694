"""Trained policies on the compiled engine: the same bits as NumPy's inference, the same trials."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_samples import SMALL, make_card, observation, random_tensors, write_sample
from hypothesis import HealthCheck, given, settings
from queueing_worlds import scenarios
from random_placements import placements
from same_records import assert_same

import qcbench
from qcbench.cloud.cloud import Cloud, seeded_streams
from qcbench.cloud.scenario import Scenario
from qcbench.kernels import engine
from qcbench.kernels.compiling import kernel
from qcbench.kernels.twins import compiled as compiled_in
from qcbench.kernels.twins import make_twin
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.card import Card, Normalisation, Observation, Offset, PerItem, Plain
from qcbench.policies.exported.folder import Exported
from qcbench.policies.exported.network import network_of, score
from qcbench.policies.exported.scoring import scorer
from qcbench.policies.features import placement, queueing
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.twins import TwinContext

_score = compiled_in(score)


@kernel
def compiled_score(network: Any, items: int) -> None:
    _score(network, items)


LAYOUT = placement.LAYOUT
SHARED, EACH = len(LAYOUT.shared), len(LAYOUT.each)
NETWORKS = [
    replace(SMALL, offset=Offset(feature="regret", coefficient=-5.3)),
    replace(SMALL, context=(), head=()),
    replace(SMALL, encoder=(24,), head=(9, 5), pool="allowed"),
    replace(SMALL, encoder=(5, 12, 8), context=(9, 16)),
]


def seen(kind: str) -> Observation:
    rng = np.random.default_rng(3)
    whole = observation(LAYOUT)
    if kind == "scaled":
        mean, std = rng.normal(size=SHARED + EACH), rng.uniform(0.2, 2.0, SHARED + EACH)
        return observation(
            LAYOUT, normalisation=Normalisation(mean=tuple(mean.tolist()), std=tuple(std.tolist()))
        )
    if kind == "some":
        return replace(whole, shared=whole.shared[4:1:-1], each=("size", "regret", "idle"))
    return whole


@pytest.mark.parametrize("kind", ["whole", "scaled", "some"])
@pytest.mark.parametrize("network", NETWORKS)
def test_scores_are_equal_to_the_last_bit(network: PerItem, kind: str) -> None:
    card = replace(make_card("placement", network), observation=seen(kind))
    tensors = random_tensors(card, 1)
    numpy_scores = scorer(Exported(card, tensors, ""), LAYOUT)
    compiled = network_of(card, tensors, LAYOUT, 40)
    assert compiled is not None
    rng = np.random.default_rng(0)
    for items in (1, 2, 5, 40, 17):
        row = rng.random(LAYOUT.size(items))
        allowed = rng.random(items) < 0.6
        allowed[rng.integers(items)] = True
        compiled.observation[: len(row)] = row
        compiled.allowed[:items] = allowed
        compiled_score(compiled, items)
        wanted = numpy_scores(row.tolist(), items, allowed)[:, 0]
        np.testing.assert_array_equal(compiled.scores[:items], wanted)


def test_what_has_functions_of_its_own_is_not_compiled() -> None:
    clipped = Normalisation(mean=(0.0,) * (SHARED + EACH), std=(1.0,) * (SHARED + EACH), clip=3.0)
    plain = Plain(activation="relu", torso=(8,))
    cards: list[Card] = [
        make_card("placement", replace(SMALL, activation="tanh")),
        make_card("placement", plain),
        replace(make_card("placement"), observation=observation(LAYOUT, normalisation=clipped)),
    ]
    for card in cards:
        assert network_of(card, random_tensors(card), LAYOUT, 5) is None


@pytest.fixture(scope="module", params=["queueing", "queueing-2", "queueing-deadlines"])
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    offset = "slack" if request.param == "queueing-deadlines" else "job_age"
    network = replace(SMALL, offset=Offset(feature=offset, coefficient=3.0))
    seen = observation(queueing.LAYOUTS[request.param], items=20)
    folder = tmp_path_factory.mktemp("policies") / "queue"
    return write_sample(folder, "queueing", network, observation=seen)


def both(scenario: Scenario, policy: PolicyConfig) -> tuple[Any, Any]:
    contexts = [PolicyContext(scenario.fleet, np.random.default_rng(0)) for _ in range(2)]
    found = engine.simulate(scenario, policy, contexts[0], seeded_streams(0))
    decide = registry.make(scenario.track, policy, contexts[1])
    return found, Cloud(scenario, decide, seeded_streams(0)).run()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(scenario=scenarios())
def test_queueing_trials_are_equal(sample: Path, scenario: Scenario) -> None:
    policy = config(sample)
    assert make_twin("queueing", policy, TwinContext(scenario.fleet))
    found, expected = both(scenario, policy)
    for name in ("start_s", "finish_s", "qpu", "order", "job_finish_s", "status"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@pytest.fixture(scope="module", params=["placement", "placement-2", "placement-deadlines"])
def placer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    seen = observation(placement.LAYOUTS[request.param])
    folder = tmp_path_factory.mktemp("policies") / "place"
    return write_sample(folder, "placement", NETWORKS[2], observation=seen)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(scenario=placements())
def test_placement_trials_are_equal(placer: Path, scenario: Scenario) -> None:
    policy = config(placer)
    assert make_twin("placement", policy, TwinContext(scenario.fleet))
    assert_same(*both(scenario, policy))


def config(path: Path | str) -> PolicyConfig:
    return PolicyConfig(name="learned", parameters={"path": str(path)})


CHAMPIONS = {
    "serverless/small": ["rules.horizon_s=9000", "rules.warm_up_s=0", "rules.records=tasks"],
    "placement/qce5": ["workload.tasks=400"],
    "placement/qce5-unreliable": ["workload.tasks=300"],
    "allocation/eagle5": ["workload.tasks=60"],
}


@pytest.mark.parametrize(
    ("scenario", "policy"),
    [*((each, "champion") for each in CHAMPIONS), ("allocation/eagle5", "front-8000")],
)
def test_champions_decide_alike_on_both_engines(scenario: str, policy: str) -> None:
    for seed in (1, 2):
        simpy, compiled = (
            qcbench.simulate(
                scenario,
                f"packaged:{policy}",
                seed=seed,
                engine=each,
                overrides=CHAMPIONS[scenario],
            )
            for each in ("simpy", "compiled")
        )
        assert_same(compiled, simpy)
