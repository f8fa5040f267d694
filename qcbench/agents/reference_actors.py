"""The shards of the reference trainer in actors of Ray, on whatever nodes; see `Shards`.

The trainer's process keeps what a shard can be made again from: the seed of its episodes and the
actions since, which are replayed in new environments. So an actor that dies takes nothing along:
another one, or one that is there already where no CPU is free, computes its shards again, to the
bit.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ray.exceptions import GetTimeoutError, ObjectLostError, RayActorError, RayTaskError
from torch import Tensor

from qcbench.agents.agent import LostError
from qcbench.agents.mixed_shards import SomeShards
from qcbench.agents.reference_agent import MakeShards
from qcbench.agents.reference_ppo import Experience, Gradient, Ppo, Step
from qcbench.bench.cluster import Cluster
from qcbench.bench.ledger import EXTRA_DEATHS
from qcbench.bench.session import RunError
from qcbench.errors import QcbenchError

START_S = 120.0
"""How long an actor may wait for a free CPU while there are others that could do its work [s]."""


@dataclass(frozen=True)
class Past:
    """What makes shards what they were after their last update.

    Attributes:
        seed: of their episodes.
        actions: since then, one array for each update.
    """

    seed: int
    actions: list[npt.NDArray[Any]]


class ShardActor:
    """Has groups of neighbouring shards; an actor."""

    def __init__(self) -> None:
        torch.set_num_threads(1)  # as the trainer does
        self._groups: dict[int, SomeShards] = {}

    def ready(self) -> None:
        """Answer."""

    def take(self, group: int, make: Callable[[], SomeShards], past: Past | None) -> None:
        """Make shards, and let them come to where they were."""
        self._groups[group] = shards = make()
        if past is not None:
            shards.begin(past.seed)
            for actions in past.actions:
                shards.repeat(actions)

    def collect(
        self, group: int, weights: list[Tensor], generators: list[Tensor], seed: int | None
    ) -> list[Experience]:
        """See `Shards`."""
        return self._groups[group].collect(weights, generators, seed)

    def gradients(self, group: int, weights: list[Tensor], step: Step) -> list[Gradient]:
        """See `Shards`."""
        return self._groups[group].gradients(weights, step)


@dataclass
class _Group:
    """Neighbouring shards that one actor has.

    Attributes:
        numbers: of the shards.
        actor: that has them; a handle.
        actions: since their episodes began, one array for each update before the latest.
        latest: actions of the latest update.
    """

    numbers: range
    actor: Any
    actions: list[npt.NDArray[Any]] = field(default_factory=list)
    latest: npt.NDArray[Any] | None = None


class ActorShards:
    """All shards of a training, shared out to actors; see `Shards`.

    Args:
        cluster: that is joined.
        settings: how to train.
        make: makes shards by their numbers, in the process that calls it.
        count: shards of all sources.

    Attributes:
        notes: what a person should know, a line each; who shows them takes them away.

    Raises:
        RunError: no CPU is free for an actor.
    """

    def __init__(self, cluster: Cluster, settings: Ppo, make: MakeShards, count: int) -> None:
        self._ray, self._config, self._make = cluster.ray, cluster.config, make
        self._cpus = settings.threads
        self._class = self._ray.remote(
            num_cpus=self._cpus, max_restarts=0, max_task_retries=0, **cluster.actor_options
        )(ShardActor)
        self._seed: int | None = None
        self._collecting: tuple[Any, list[Tensor], int | None] | None = None
        actors = self._hire(actors_of(cluster, settings, count))
        edges = [count * place // len(actors) for place in range(len(actors) + 1)]
        self._groups = [
            _Group(range(*between), actor)
            for between, actor in zip(pairwise(edges), actors, strict=True)
        ]
        self.notes = [f"{count} shards in {len(actors)} actors"]
        try:
            self._all(self._take, learning=False)
        except BaseException:
            self.close()
            raise

    def collect(
        self, weights: list[Tensor], generators: list[Tensor], seed: int | None
    ) -> list[Experience]:
        """See `Shards`."""
        for group in self._groups:
            if seed is not None:
                group.actions = []
            elif group.latest is not None:
                group.actions.append(group.latest)
        self._seed = self._seed if seed is None else seed
        self._collecting = (self._ray.put(weights), generators, seed)
        found: list[list[Experience]] = self._all(self._collect, learning=False)
        for group, told in zip(self._groups, found, strict=True):
            group.latest = np.concatenate([each.actions for each in told], axis=1)
        return [each for told in found for each in told]

    def gradients(self, weights: list[Tensor], step: Step) -> list[Gradient]:
        """See `Shards`."""
        given = self._ray.put(weights)

        def ask(place: int) -> Any:
            return self._groups[place].actor.gradients.remote(place, given, step)

        return [each for found in self._all(ask, learning=True) for each in found]

    def close(self) -> None:
        """Let the actors go."""
        for group in self._groups:
            self._ray.kill(group.actor)

    def _take(self, place: int) -> Any:
        """Ask the actor of a group to make it, as it was before the latest update."""
        group = self._groups[place]
        seed = self._seed if self._collecting and self._collecting[2] is None else None
        past = None if seed is None else Past(seed, group.actions)
        return group.actor.take.remote(place, partial(self._make, group.numbers), past)

    def _collect(self, place: int) -> Any:
        if self._collecting is None:
            raise TypeError("nothing was to be collected yet")
        weights, generators, seed = self._collecting
        group = self._groups[place]
        own = [generators[number] for number in group.numbers]
        return group.actor.collect.remote(place, weights, own, seed)

    def _all(self, ask: Callable[[int], Any], *, learning: bool) -> list[Any]:
        """Ask all groups at once; return their answers in their order.

        Args:
            learning: whether they need what they have collected last.
        """
        asked = [ask(place) for place in range(len(self._groups))]
        return [self._answer(place, ask, asked[place], learning) for place in range(len(asked))]

    def _answer(self, place: int, ask: Callable[[int], Any], asked: Any, learning: bool) -> Any:
        """Wait for a group's answer; where its actor has died, another one takes its place.

        Raises:
            LostError: that too often, or none has a place to live.
        """
        for left in reversed(range(1 + self._config.retries + EXTRA_DEATHS)):
            try:
                if asked is None:
                    self._replace(place)
                    self._get(self._take(place))
                    if learning:
                        self._get(self._collect(place))
                    asked = ask(place)
                return self._get(asked)
            except (RayActorError, ObjectLostError, GetTimeoutError) as error:
                if not left:
                    raise LostError("the actors that have the shards die") from error
                asked = None
        raise AssertionError

    def _get(self, asked: Any) -> Any:
        try:
            return self._ray.get(asked, timeout=self._config.timeout_s)
        except RayTaskError as error:
            if isinstance(error.cause, QcbenchError):
                raise error.cause from error
            raise

    def _replace(self, place: int) -> None:
        """Give a group whose actor has died to a new one, or to one that has others already.

        Raises:
            LostError: there is neither.
        """
        group = self._groups[place]
        dead, which = group.actor, f"{group.numbers.start} to {group.numbers.stop - 1}"
        self._ray.kill(dead)  # where it only cannot be reached
        others = [each for each in self._groups if each.actor is not dead]
        wait_s = START_S if others else self._config.timeout_s
        if found := self._hire(1, wait_s):
            group.actor = found[0]
        elif others:
            group.actor = min(
                (each.actor for each in others),
                key=lambda actor: sum(len(e.numbers) for e in others if e.actor is actor),
            )
        else:
            raise LostError(f"the actor with shards {which} has died, and {self._no_room(wait_s)}")
        self.notes.append(f"the actor with shards {which} has died; another one computes them")

    def _hire(self, count: int, wait_s: float | None = None) -> list[Any]:
        """Start actors and return those that have a CPU, after a while those that have one then.

        Args:
            wait_s: for the first one; as long as for any answer where None, and one is needed then.

        Raises:
            RunError: none has, and one is needed.
        """
        actors = [self._class.remote() for _ in range(count)]
        signs = {actor.ready.remote(): actor for actor in actors}
        first_s = self._config.timeout_s if wait_s is None else wait_s
        there, _ = self._ray.wait(list(signs), num_returns=1, timeout=first_s)
        if there and count > 1:
            there, _ = self._ray.wait(list(signs), num_returns=count, timeout=START_S)
        for sign, actor in signs.items():
            if sign not in there:
                self._ray.kill(actor)
        if wait_s is None and not there:
            raise RunError(self._no_room(first_s))
        return [actor for sign, actor in signs.items() if sign in there]

    def _no_room(self, waited_s: float) -> str:
        return (
            f"no node has {self._cpus} free CPUs for another (agent.ppo.threads) for {waited_s:g} s"
        )


def actors_of(cluster: Cluster, settings: Ppo, count: int) -> int:
    """Return how many actors so many shards are shared out to."""
    told = cluster.config.workers
    return min(count, told or max(1, cluster.cores // settings.threads))
