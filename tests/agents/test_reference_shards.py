"""Shards of the reference trainer: who computes them, and whether he dies, changes nothing."""

import os
import signal
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from ray.exceptions import RayActorError

from qcbench.agents.agent import LostError
from qcbench.agents.config import TrainConfig, compose_train
from qcbench.agents.reference_actors import ActorShards
from qcbench.agents.reference_agent import ReferenceLearner, ReferencePpo
from qcbench.agents.reference_ppo import Step, generator_of, parts
from qcbench.agents.training import start
from qcbench.bench.cluster import Cluster
from qcbench.bench.config import ClusterConfig
from qcbench.bench.environments import world_source
from qcbench.bench.session import RunError
from qcbench.errors import InputError
from qcbench.policies.exported.folder import EXPORTED

SMALL = [
    *("scenario.workload.tasks=10", "agent.worlds=4", "agent.network.encoder=[8]"),
    *("agent.network.context=[]", "agent.network.head=[8]", "agent.ppo.shards=4"),
    *("agent.ppo.environments=32", "agent.ppo.horizon=8", "agent.ppo.steps=1024"),
    *("agent.ppo.threads=1", "agent.ppo.minibatches=3", "tracking=none"),
]


@cache
def config_of(*more: str) -> TrainConfig:
    return compose_train([*SMALL, *more])


def learner_of(config: TrainConfig, **options: Any) -> ReferenceLearner:
    agent = config.agent
    assert isinstance(agent, ReferencePpo)
    sources = [world_source(scenario, suite="train") for scenario in config.scenarios]
    return ReferenceLearner(agent, sources, 5, **options)


def weights_of(learner: ReferenceLearner) -> bytes:
    return b"".join(tensor.tobytes() for _, tensor in sorted(learner.policy()[1].items()))


class Handle:
    """An actor in this process."""

    def __init__(self, ray: "FakeRay", actor: Any, *, room: bool) -> None:
        self.ray, self.actor, self.room = ray, actor, room
        self.alive = True

    def __getattr__(self, name: str) -> Any:
        def remote(*arguments: Any) -> Any:
            return self.ray.called(self, name, arguments)

        return SimpleNamespace(remote=remote)


@dataclass(eq=False)
class Answer:
    """What a call comes to."""

    value: Any = None
    error: Exception | None = None
    there: bool = True


class FakeRay:
    """Actors that answer at once, of which some die when they are called for the n-th time.

    Args:
        deaths: calls, of all actors together, that kill the one that is called.
        room: actors that find a CPU, living or dead.
    """

    def __init__(self, deaths: Sequence[int] = (), room: int = 100) -> None:
        self.deaths, self.room = set(deaths), room
        self.calls = 0
        self.made: list[Handle] = []

    def remote(self, **_: Any) -> Any:
        def of(actor: Any) -> Any:
            return SimpleNamespace(remote=lambda: self.make(actor()))

        return of

    def make(self, actor: Any) -> Handle:
        self.made.append(Handle(self, actor, room=len(self.made) < self.room))
        return self.made[-1]

    def called(self, handle: Handle, name: str, arguments: Sequence[Any]) -> Any:
        if name == "ready":
            return Answer(there=handle.room)
        self.calls += 1
        handle.alive = handle.alive and self.calls not in self.deaths
        if not handle.alive:
            return Answer(error=RayActorError())
        given = [each.value if isinstance(each, Answer) else each for each in arguments]
        return Answer(getattr(handle.actor, name)(*given))

    def put(self, value: Any) -> Any:
        return Answer(deepcopy(value))

    def get(self, answer: Any, timeout: float) -> Any:
        assert timeout > 0
        if answer.error is not None:
            raise answer.error
        return answer.value

    def wait(self, answers: list[Any], num_returns: int, timeout: float) -> Any:
        assert timeout > 0
        there = [answer for answer in answers if answer.there][:num_returns]
        return there, [answer for answer in answers if answer not in there]

    def kill(self, handle: Handle) -> None:
        handle.alive = False


def on(ray: FakeRay, workers: int, **cluster: Any) -> Callable[[Any], Any]:
    config = ClusterConfig(workers=workers, **cluster)
    agent = config_of().agent
    assert isinstance(agent, ReferencePpo)
    return partial(ActorShards, Cluster(ray, config, {}), agent.ppo)


def trained(**options: Any) -> tuple[bytes, list[str]]:
    learner = learner_of(config_of(), **options)
    notes = [note for update in learner.run(lambda: False) for note in update.notes]
    learner.close()
    return weights_of(learner), notes


@pytest.fixture(scope="module")
def alone() -> bytes:
    """Weights that one process trains."""
    return trained()[0]


@pytest.mark.e2e
@pytest.mark.parametrize("workers", [1, 3, 9])
def test_shards_in_actors_learn_what_they_do_in_one_process(workers: int, alone: bytes) -> None:
    found, notes = trained(shards=on(FakeRay(), workers))
    assert found == alone
    assert notes == [f"4 shards in {min(workers, 4)} actors"]


@pytest.mark.e2e
@pytest.mark.parametrize("workers", [1, 3])
def test_shards_of_several_sources_are_shared_out_as_well(workers: int) -> None:
    config = config_of("scenario=[placement/qce5,placement/ibm12-stream]", "agent.ppo.shards=2")

    def weights(**options: Any) -> bytes:
        learner = learner_of(config, **options)
        list(learner.run(lambda: False))
        learner.close()
        return weights_of(learner)

    whole = weights()
    assert weights(shards=on(FakeRay(), workers)) == whole
    assert weights(shards=on(FakeRay([17]), workers)) == whole, "an actor dies"


def test_another_number_of_shards_learns_something_else(alone: bytes) -> None:
    learner = learner_of(config_of("agent.ppo.shards=2"))
    list(learner.run(lambda: False))
    assert weights_of(learner) != alone


@pytest.mark.parametrize("room", [2, 3, 100])
@pytest.mark.parametrize("seed", range(2))
def test_whoever_dies_when_nothing_changes(seed: int, room: int, alone: bytes) -> None:
    rng = np.random.default_rng(seed)
    deaths = rng.choice(range(3, 60), 2, replace=False).tolist()
    if room == 2:
        deaths = deaths[:1]
    ray = FakeRay(deaths, room)
    found, notes = trained(shards=on(ray, 2))
    assert found == alone, deaths
    assert len(notes) >= 2
    assert all("another one computes them" in note for note in notes[1:])
    assert len([handle for handle in ray.made if handle.room]) == min(room, len(ray.made))


def test_actors_that_die_again_and_again_are_given_up() -> None:
    ray = FakeRay(range(20, 1000))
    with pytest.raises(LostError, match="the actors that have the shards die"):
        trained(shards=on(ray, 2, retries=0))
    assert len(ray.made) < 12


def test_actors_without_a_cpu_are_not_waited_for_for_ever() -> None:
    with pytest.raises(RunError, match=r"no node has 1 free CPUs .* for 5 s"):
        trained(shards=on(FakeRay(room=0), 2, timeout_s=5.0))


def test_a_checkpoint_of_shards_is_gone_on_with(tmp_path: Path) -> None:
    one = learner_of(config_of())
    next(one.run(lambda: False))
    one.save(tmp_path)
    other = learner_of(config_of(), shards=on(FakeRay([11]), 2))
    for learner in (one, other):
        learner.restore(tmp_path)
        list(learner.run(lambda: False))
    assert weights_of(one) == weights_of(other)
    with pytest.raises(InputError, match="is not of this agent"):
        learner_of(config_of("agent.ppo.shards=8")).restore(tmp_path)


def test_the_first_shard_draws_as_one_that_is_alone() -> None:
    assert torch.equal(generator_of(7, 0), torch.Generator().manual_seed(7).get_state())
    assert not torch.equal(generator_of(7, 1), generator_of(7, 0))


@pytest.mark.parametrize(("count", "most"), [(64, 4), (10, 4), (6, 4), (7, 7), (5, 1)])
def test_as_many_parts_as_torch_makes(count: int, most: int) -> None:
    assert parts(count, most) == len(torch.arange(count).chunk(most))


@pytest.mark.ray
@pytest.mark.e2e
def test_a_training_whose_actor_is_killed_exports_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    judged = ("validation.worlds=2", "validation.every_steps=512")
    inline = config_of(*judged, "cluster=inline", f"runs_dir={tmp_path}/inline")
    expected = start(inline, progress="silent")
    gradients, killed = ActorShards.gradients, []

    def kills(self: ActorShards, weights: Any, step: Step) -> Any:
        if len(killed) < 2 and (step.epoch, step.minibatch) == (1, 1):
            actor = self._groups[len(killed)].actor
            pid = self._ray.get(actor.__ray_call__.remote(lambda _: os.getpid()))
            assert pid != os.getpid()
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        return gradients(self, weights, step)

    monkeypatch.setattr(ActorShards, "gradients", kills)
    shared = config_of(*judged, "cluster=local", "cluster.workers=2", f"runs_dir={tmp_path}/ray")
    found = start(shared, progress="lines")
    assert len(killed) == 2
    assert capfd.readouterr().err.count("another one computes them") == 2
    one, other = (
        (done.folder / EXPORTED / "weights.safetensors").read_bytes() for done in (expected, found)
    )
    assert one == other
    assert (found.best, found.best_steps) == (expected.best, expected.best_steps)
