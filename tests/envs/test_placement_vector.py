"""The vector environment of the placement track beside its equality with the single one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from qcbench.cloud.cloud import Cloud
from qcbench.cloud.rules import Failures, Rescheduling
from qcbench.envs.defaults import default_worlds
from qcbench.envs.placement.rollout import POLICIES, fused_rollout
from qcbench.envs.placement.single import PlacementEnv
from qcbench.envs.placement.vector import PlacementVectorEnv
from qcbench.errors import InputError
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext

WORLDS = 8


def make(num_envs: int = 3, **options: Any) -> PlacementVectorEnv:
    return PlacementVectorEnv(num_envs, **{"worlds": WORLDS, **options})


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0, 1], r"actions of shape \(2,\) and type int64: must be whole numbers of shape \(3,\)"),
        ([[0, 1, 2]], r"actions of shape \(1, 3\)"),
        ([0.0, 1.0, 2.0], "type float64: must be whole numbers"),
        ([True, False, True], "type bool: must be whole numbers"),
        (None, "type object"),
        ([0, 5, 1], r"action 5 of environment 1: must be a whole number in 0\.\.4"),
        ([0, 1, -1], r"action -1 of environment 2"),
    ],
)
def test_what_are_no_actions(actions: Any, message: str) -> None:
    envs = make()
    envs.reset(seed=0)
    before = envs._clouds.arrays.state.clouds.copy()
    with pytest.raises(InputError, match=message):
        envs.step(actions)
    np.testing.assert_array_equal(envs._clouds.arrays.state.clouds, before)


def test_actions_of_any_whole_type_and_layout() -> None:
    kinds = [np.array([1, 0, 2], dtype=kind) for kind in (np.int64, np.int8, np.uint32, ">i4")]
    kinds += [np.array([[1, 9], [0, 9], [2, 9]])[:, 0], [1, 0, 2]]  # type: ignore[list-item]
    seen = []
    for actions in kinds:
        envs = make()
        envs.reset(seed=0)
        envs.step(np.array([0, 0, 0]))
        seen.append(envs.step(actions)[0]["observation"])
    for other in seen[1:]:
        np.testing.assert_array_equal(other, seen[0])


def test_an_action_under_a_false_mask() -> None:
    envs = make(masked="error", num_envs=8)
    seen, _ = envs.reset(seed=0)
    fitting = seen["action_mask"].argmax(axis=1)
    e = int(np.flatnonzero((seen["action_mask"] == 0).any(axis=1))[0])
    actions = fitting.copy()
    actions[e] = seen["action_mask"][e].argmin()
    with pytest.raises(InputError, match=f"action {actions[e]} of environment {e}: the mask"):
        envs.step(actions)
    _, _, _, _, infos = envs.step(fitting)
    assert not infos["violation"].any()


def test_steps_that_cannot_be() -> None:
    envs = make()
    with pytest.raises(ResetNeeded, match="no episode has begun"):
        envs.step(np.zeros(3, dtype=np.int64))
    with pytest.raises(ResetNeeded, match="reset all environments first"):
        envs.reset(options={"reset_mask": np.array([True, False, False])})
    envs.reset(seed=0)
    envs.close()
    with pytest.raises(ResetNeeded, match="no episode has begun"):
        envs.step(np.zeros(3, dtype=np.int64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_envs": 0}, "num_envs: 0; must be a positive whole number"),
        ({"autoreset": "never"}, "autoreset: 'never'; must be one of next_step"),
        ({"worlds": 0}, r"worlds: 0; split train of placement/qce5 has 1\.\."),
        ({"reward": {"speed": 1.0}}, "reward: key 'speed' is unknown"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"seed": -1}, "seed -1; must be a whole number that is not negative"),
        ({"seed": [1, 2]}, "or 3 of them"),
        ({"options": {"world": 1}}, "option 'world' is unknown; known: worlds, reset_mask"),
        ({"options": {"worlds": [0, 1, WORLDS]}}, r"worlds must be whole numbers in 0\.\.7"),
        ({"options": {"worlds": [0, 1]}}, "worlds must be one or 3"),
        ({"options": {"reset_mask": [1, 0, 1]}}, "must be booleans of shape"),
    ],
)
def test_resets_that_cannot_be(told: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make().reset(**told)


def test_worlds_that_do_not_go_together() -> None:
    class Changing:
        name, track, splits = "changing", "placement", default_worlds("placement").splits
        fleet = default_worlds("placement").fleet

        def __call__(self, split: Any, index: int) -> Any:
            scenario, streams = default_worlds("placement")(split, index)
            rules = replace(scenario.rules, rescheduling=Rescheduling(delay_s=1.0 + index))
            return replace(scenario, rules=rules), streams

    with pytest.raises(
        InputError, match=r"world 1 of split train .*rules are not those of world 0"
    ):
        make(source=Changing())


def test_one_may_keep_what_a_step_gives() -> None:
    envs = make(4)
    rng = np.random.default_rng(0)
    kept, copies = [envs.reset(seed=0)[0]], []
    copies.append({key: value.copy() for key, value in kept[0].items()})
    for _ in range(60):
        seen, rewards, *_ = envs.step(rng.integers(0, 5, 4))
        kept.append({**seen, "reward": rewards})
        copies.append({key: value.copy() for key, value in kept[-1].items()})
    for one, copy in zip(kept, copies, strict=True):
        for key, value in copy.items():
            np.testing.assert_array_equal(one[key], value)


def test_without_copies_the_same_arrays_are_written_again() -> None:
    envs = make(copy=False)
    first, _ = envs.reset(seed=0)
    second, *_ = envs.step(np.array([0, 0, 0]))
    assert np.shares_memory(first["observation"], second["observation"])


def test_without_autoreset_one_resets_what_is_over() -> None:
    envs = make(3, autoreset="disabled", max_decisions=4)
    assert envs.metadata["autoreset_mode"] == AutoresetMode.DISABLED
    envs.reset(seed=0)
    for _ in range(4):
        last, _, _, truncated, infos = envs.step(np.zeros(3, dtype=np.int64))
    assert truncated.all()
    assert infos["ended"].tolist() == ["max_decisions"] * 3
    with pytest.raises(ResetNeeded, match="episode of environment 0 is over"):
        envs.step(np.zeros(3, dtype=np.int64))
    mask = np.array([True, False, True])
    seen, infos = envs.reset(options={"reset_mask": mask})
    np.testing.assert_array_equal(seen["observation"][1], last["observation"][1])
    assert infos["_world"].tolist() == mask.tolist()
    with pytest.raises(ResetNeeded, match="episode of environment 1 is over"):
        envs.step(np.zeros(3, dtype=np.int64))
    envs.reset(options={"reset_mask": ~mask})
    envs.step(np.zeros(3, dtype=np.int64))


def test_chosen_worlds() -> None:
    envs, one = make(), PlacementEnv(worlds=WORLDS)
    seen, infos = envs.reset(seed=0, options={"worlds": [5, 2, 5]})
    assert infos["world"].tolist() == [5, 2, 5]
    for e, world in enumerate([5, 2, 5]):
        alone, _ = one.reset(seed=0, options={"world": world})
        np.testing.assert_array_equal(seen["observation"][e], alone["observation"])
    # Afterwards every environment goes on with the worlds of its seed.
    for e in range(3):
        one.reset(seed=e)
        _, info = one.reset()
        while envs.worlds[e] in (5, 2) and envs._clouds.episodes["number"][e] == 0:
            envs.step(np.zeros(3, dtype=np.int64))
        assert envs._clouds.episodes["number"][e] >= 1
        if envs._clouds.episodes["number"][e] == 1:
            assert envs.worlds[e] == info["world"]


def test_what_many_environments_hold() -> None:
    envs = make(4096, worlds=1024)
    state = envs._clouds.arrays.state  # type: ignore[attr-defined]
    arrays = [*state, *(a for a in envs.bank.worlds if isinstance(a, np.ndarray))]
    arrays += [*envs._out, envs._clouds.episodes, envs._clouds.results]
    assert sum(array.nbytes for array in arrays) < 50e6


@pytest.mark.parametrize("policy", POLICIES[2:])
def test_a_rollout_earns_what_the_policy_does(policy: str) -> None:
    envs = make(4, worlds=3)
    source = default_worlds("placement")
    mean_s = []
    for index in range(3):
        scenario, streams = source("train", index)
        context = PolicyContext(scenario.fleet, np.random.default_rng(0))
        decide = registry.make("placement", PolicyConfig(name=policy), context)
        mean_s.append(Cloud(scenario, decide, streams).run().completion_s.mean())
    alone = [
        fused_rollout(make(1, worlds=1, source=Shifted(index)), 25, policy) for index in range(3)
    ]
    assert [one.decisions for one in alone] == [25] * 3
    np.testing.assert_allclose([one.mean_completion_s for one in alone], mean_s, rtol=1e-12)
    told = fused_rollout(envs, 1000, policy, seed=3)
    assert (told.decisions, told.episodes, told.violations) == (1000, 40, 0)
    assert min(mean_s) <= told.mean_completion_s <= max(mean_s)
    assert told.mean_reward == pytest.approx(-told.mean_completion_s / 50.0)


class Shifted:
    """The usual worlds, counted from another one."""

    def __init__(self, first: int) -> None:
        self._first, self._source = first, default_worlds("placement")
        self.name, self.track = self._source.name, self._source.track
        self.fleet, self.splits = self._source.fleet, self._source.splits

    def __call__(self, split: Any, index: int) -> Any:
        return self._source(split, self._first + index)


def test_random_rollouts() -> None:
    envs = make(16)
    anything, fitting = (fused_rollout(envs, 20_000, policy) for policy in POLICIES[:2])
    assert 0.2 < anything.violations / anything.decisions < 0.5
    assert fitting.violations == 0
    assert fused_rollout(envs, 20_000) == anything
    assert fused_rollout(envs, 20_000, seed=1) != anything


def test_rollouts_that_cannot_be() -> None:
    with pytest.raises(InputError, match="policy lookahead: cannot be rolled out"):
        fused_rollout(make(), 10, "lookahead")
    with pytest.raises(InputError, match="must be positive"):
        fused_rollout(make(), 0)
    source = default_worlds("placement")
    failing = Failures(mean_up_s=10.0, mean_down_s=1.0)
    source = replace(source, rules=replace(source.rules, failures=failing))
    with pytest.raises(InputError, match="QPUs fail, times are uncertain"):
        fused_rollout(make(source=source), 10)
