"""The reference trainer as an agent of `qcbench train`: settings, checkpoints, export."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from functools import partial
from math import exp, log
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import torch
from annotated_types import Interval, MaxLen, MinLen

from qcbench.agents.agent import Update
from qcbench.agents.checkpoints import (
    NOT_OF_AN_AGENT,
    not_of_this_agent,
    read_torch,
    write_torch,
)
from qcbench.agents.mixed_shards import MixedShards, SomeShards
from qcbench.agents.networks import TorchPerItem
from qcbench.agents.options import check_sets
from qcbench.agents.reference_ppo import Ppo, Shards, TorchNetwork, Trainer
from qcbench.agents.reference_shards import LEAST_LOG_STD, MOST_LOG_STD, LocalShards
from qcbench.agents.rllib.networks import Design, TorchPlain
from qcbench.bench.environments import vector_environment
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.configs import Count, NotNegative, config
from qcbench.envs.options import check_hindsight
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.policies.exported.card import (
    Activation,
    Card,
    Offset,
    Plain,
    TrainedFleet,
    Width,
)
from qcbench.policies.exported.serving import whole_observation
from qcbench.policies.exported.weights import Tensors, choices
from qcbench.policies.features.layout import Layout, Observation, layout_named
from qcbench.policies.features.observer import check_observation
from qcbench.policies.features.queueing import SLOTS
from qcbench.policies.features.rewards import Reward
from qcbench.tracks import TRACKS, LearnedTrack

STATE = "trainer.pt"
MakeShards: TypeAlias = Callable[[range], SomeShards]
"""Makes neighbouring shards in the process that calls it, by their numbers, which count on from
source to source."""
LEAST_SPREAD, MOST_SPREAD = exp(LEAST_LOG_STD), exp(MOST_LOG_STD)


@config
class NetworkSettings:
    """Widths of the layers, see `qcbench.policies.exported.card.PerItem`.

    Attributes:
        offset: coefficients of features that are added to the scores: knowledge to start from.
            None or one.
        level, spread: of weights, for allocation: their mean before training, without the offset,
            and their standard deviation.
    """

    encoder: Annotated[tuple[Width, ...], MinLen(1)] = (48, 48)
    context: tuple[Width, ...] = (48,)
    head: tuple[Width, ...] = (48,)
    activation: Activation = "relu"
    offset: Annotated[dict[str, float], MaxLen(1)] = field(default_factory=dict)
    level: float = 0.0
    spread: Annotated[float, Interval(ge=LEAST_SPREAD, le=MOST_SPREAD)] = 0.5


@config
class ReferenceSettings:
    """`agent=reference_ppo`: the reference trainer on the vector environments.

    Attributes:
        worlds: of split `train` that are drawn from; as many as an environment usually takes
            where None.
        max_decisions: after which an episode is cut off in training; as the rules of the scenario
            say where None.
        slots: waiting tasks that are seen, for queueing.
        begin_s: of training episodes, see `qcbench.envs.options.Options`; for queueing.
        sets: for allocation: a decision is to wait or a set of QPUs, scored by a plain network with
            the layers of `network.encoder`, for the fleet that it is trained on; otherwise a weight
            for each QPU, for any fleet.
        observation: `usual`; `relative`, without units of its own; or `deadlines`, with due times
            and values.
        reward: what decisions cost in training.
    """

    name: str = "reference_ppo"
    track: LearnedTrack = "placement"
    worlds: Count | None = None
    max_decisions: Count | None = None
    slots: Count = SLOTS
    begin_s: NotNegative = 0.0
    sets: bool = False
    observation: Observation = "usual"
    reward: Reward
    network: NetworkSettings = field(default_factory=NetworkSettings)
    ppo: Ppo = field(default_factory=Ppo)

    def __post_init__(self) -> None:
        check_observation(self.observation, self.track, "agent.observation")
        if self.observation == "legacy":
            raise InputError("agent.observation: legacy goes with RLlib's agents; take agent=ppo")
        check_sets(self.sets, self.track)
        if self.sets and self.network.offset:
            raise InputError("agent.network.offset: sets of QPUs have no features; leave it empty")

    @property
    def steps(self) -> int:
        """Decisions after which training ends."""
        return self.ppo.steps


@config
class ReferencePpo(ReferenceSettings):
    """The reference trainer, for any track: what there is to set is in `ReferenceSettings`."""

    kind: Literal["reference_ppo"] = "reference_ppo"


class ReferenceLearner:
    """A trainer with its shards and network.

    Args:
        settings: of the agent.
        sources: worlds of the scenarios; training is on split `train`.
        seed: of all that is drawn.
        shards: makes them; in this process where None.
        kind: of shards.

    Attributes:
        notes: what a person should know of the sources, told with the next update.
    """

    def __init__(
        self,
        settings: ReferenceSettings,
        sources: Sequence[ScenarioWorlds],
        seed: int,
        shards: Callable[[MakeShards, int], Shards] | None = None,
        kind: Callable[..., LocalShards] = LocalShards,
    ) -> None:
        make = partial(local_shards, settings, sources, seed, kind)
        count = shards_of(settings, sources)
        self.settings = settings
        self._card, network = card_and_network(settings, sources[0], seed)
        self.shards = make(range(count)) if shards is None else shards(make, count)
        self.trainer = Trainer(self.shards, network, settings.ppo, seed, len(sources))
        self.total = settings.ppo.steps
        self.notes = [
            f"{worlds.name}: its future is not as estimated, so that decisions cost by kind=cost"
            for worlds in sources
            if reward_on(settings, worlds, sources) != settings.reward
        ]

    @property
    def steps(self) -> int:
        """Decisions up to now."""
        return self.trainer.steps

    def run(self, should_stop: Callable[[], bool]) -> Iterator[Update]:
        """Train to the end, or until told to stop; yields after each update."""
        for progress in self.trainer.run(should_stop):
            figures = {k: v for k, v in vars(progress).items() if k not in ("steps", "update")}
            notes, self.shards.notes, self.notes = self.notes + self.shards.notes, [], []
            yield Update(progress.steps, figures, notes)

    def save(self, folder: Path) -> None:
        """Write the trainer's state."""
        write_torch(folder / STATE, self.trainer.state())

    def restore(self, folder: Path) -> None:
        """Go on from a state."""
        state = read_torch(folder / STATE)
        try:
            self.trainer.restore(state)
        except NOT_OF_AN_AGENT as error:
            raise not_of_this_agent(folder / STATE, error) from error

    def policy(self) -> tuple[Card, Tensors]:
        """Return what would be exported now."""
        return self._card, self.trainer.network.tensors()

    def close(self) -> None:
        """Let go of environments and processes."""
        self.shards.close()


def shards_of(settings: ReferenceSettings, sources: Sequence[ScenarioWorlds]) -> int:
    """Return how many shards there are, of all sources."""
    return settings.ppo.shards * len(sources)


def local_shards(
    settings: ReferenceSettings,
    sources: Sequence[ScenarioWorlds],
    seed: int,
    kind: Callable[..., LocalShards],
    numbers: range,
) -> SomeShards:
    """Return neighbouring shards of an agent, in this process."""
    each, found = settings.ppo.shards, []
    _, network = card_and_network(settings, sources[0], seed)
    # Threads share the decisions of one source, or else the sources.
    ppo = settings.ppo if len(sources) == 1 else replace(settings.ppo, threads=1)
    for place, worlds in enumerate(sources):
        first, last = max(numbers.start, place * each), min(numbers.stop, (place + 1) * each)
        if first < last:
            own = range(first - place * each, last - place * each)
            envs = environments(settings, worlds, sources, len(own))
            found.append(kind(envs, network, ppo, own, place))
    return found[0] if len(sources) == 1 else MixedShards(found, settings.ppo.threads)


def environments(
    settings: ReferenceSettings,
    worlds: ScenarioWorlds,
    sources: Sequence[ScenarioWorlds],
    shards: int,
) -> Any:
    """Return the environments of so many shards of a source; all sources have as many.

    What the settings state of environments and worlds is shared out to the sources, rounded up.
    """
    options: dict[str, Any] = {
        "reward": reward_on(settings, worlds, sources),
        "worlds": settings.worlds and -(-settings.worlds // len(sources)),
        "observation": settings.observation,
    }
    if TRACKS[settings.track].choice == "waiting":
        options |= {"slots": settings.slots, "begin_s": settings.begin_s}
    return vector_environment(
        worlds,
        settings.ppo.environments_of(len(sources)) * shards,
        masked="error",
        autoreset="same_step",
        copy=False,
        max_decisions=settings.max_decisions,
        discrete=settings.sets,
        **options,
    )


def reward_on(
    settings: ReferenceSettings, worlds: ScenarioWorlds, sources: Sequence[ScenarioWorlds]
) -> Reward:
    """Return the reward in a source: of several, `cost` where the future is not as estimated."""
    given, rules = settings.reward, worlds.config.rules
    if len(sources) > 1 and given.kind == "hindsight" and TRACKS[settings.track].choice == "qpu":
        try:
            check_hindsight(rules)
        except InputError:
            return replace(given, kind="cost")
    return given


def card_and_network(
    settings: ReferenceSettings, worlds: ScenarioWorlds, seed: int
) -> tuple[Card, TorchNetwork]:
    """Return an untrained network, and the card of what is exported of it."""
    layout = layout_named(settings.track, settings.observation)
    if settings.sets:
        return _scoring_sets(settings, layout, worlds.fleet, seed)
    network = _network(settings, layout, seed)
    return _scoring_items(settings, layout, network), network


def _network(settings: ReferenceSettings, layout: Layout, seed: int) -> TorchPerItem:
    given = settings.network
    offset = None
    for feature, coefficient in given.offset.items():
        layout.each_index(feature)
        offset = Offset(feature=feature, coefficient=coefficient)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        network = TorchPerItem(
            layout,
            encoder=given.encoder,
            context=given.context,
            head=given.head,
            activation=given.activation,
            outputs=2 if TRACKS[settings.track].choice == "split" else 1,
            offset=offset,
            pool="allowed" if TRACKS[settings.track].choice == "waiting" else "all",
        )
    if TRACKS[settings.track].choice == "split":
        with torch.no_grad():
            network.head[-1].bias.copy_(torch.tensor([given.level, log(given.spread)]))
    return network


def _scoring_items(settings: ReferenceSettings, layout: Layout, network: TorchPerItem) -> Card:
    """Return the card of a policy that scores QPUs or waiting tasks."""
    weights = TRACKS[settings.track].choice == "split"
    return Card(
        track=settings.track,
        fleet="any",
        observation=whole_observation(
            layout, items=settings.slots if TRACKS[settings.track].choice == "waiting" else 0
        ),
        action="weights" if weights else "choice",
        spread="output" if weights else "none",
        network=network.description,
    )


def _scoring_sets(
    settings: ReferenceSettings, layout: Layout, fleet: Fleet, seed: int
) -> tuple[Card, TorchPlain]:
    """Return the network that scores waiting and the sets of QPUs of a fleet, and its card."""
    card = Card(
        track=settings.track,
        fleet=TrainedFleet(name=fleet.name, qpus=fleet.names),
        observation=whole_observation(layout),
        action="set",
        network=Plain(activation=settings.network.activation, torso=settings.network.encoder),
    )
    design = Design(card=card, continuous=False, masked=True, values=False, seed=seed)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return card, TorchPlain(design, layout.size(len(fleet)), choices(card))
