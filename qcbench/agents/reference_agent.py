"""The reference trainer as an agent of `qcbench train`: settings, checkpoints, export."""

from collections.abc import Callable, Iterator
from dataclasses import field
from math import exp, log
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Interval, MaxLen, MinLen

from qcbench.agents.agent import Update
from qcbench.agents.checkpoints import read_torch, write_torch
from qcbench.agents.networks import TorchPerItem
from qcbench.agents.options import check_sets
from qcbench.agents.reference_ppo import LEAST_LOG_STD, MOST_LOG_STD, Ppo, Trainer
from qcbench.agents.rllib.networks import Design, TorchPlain
from qcbench.bench.environments import vector_environment
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.configs import Count, NotNegative, config
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
class ReferencePpo:
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
        observation: `usual`, or `deadlines`, with due times and values.
        reward: what decisions cost in training.
    """

    kind: Literal["reference_ppo"] = "reference_ppo"
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


class ReferenceLearner:
    """A trainer with its environments and network."""

    def __init__(self, settings: ReferencePpo, worlds: ScenarioWorlds, seed: int) -> None:
        layout = layout_named(settings.track, settings.observation)
        network: TorchPerItem | TorchPlain
        if settings.sets:
            self._card, network = _scoring_sets(settings, layout, worlds.fleet, seed)
        else:
            network = self._network(settings, layout, seed)
            self._card = _scoring_items(settings, layout, network)
        options: dict[str, Any] = {
            "reward": settings.reward,
            "worlds": settings.worlds,
            "observation": settings.observation,
        }
        if TRACKS[settings.track].choice == "waiting":
            options |= {"slots": settings.slots, "begin_s": settings.begin_s}
        self.envs = vector_environment(
            worlds,
            settings.ppo.environments,
            masked="error",
            autoreset="same_step",
            copy=False,
            max_decisions=settings.max_decisions,
            discrete=settings.sets,
            **options,
        )
        self.settings = settings
        self.trainer = Trainer(self.envs, network, settings.ppo, seed)
        self.total = settings.ppo.steps

    @property
    def steps(self) -> int:
        """Decisions up to now."""
        return self.trainer.steps

    def run(self, should_stop: Callable[[], bool]) -> Iterator[Update]:
        """Train to the end, or until told to stop; yields after each update."""
        for progress in self.trainer.run(should_stop):
            figures = {k: v for k, v in vars(progress).items() if k not in ("steps", "update")}
            yield Update(progress.steps, figures)

    def save(self, folder: Path) -> None:
        """Write the trainer's state."""
        write_torch(folder / STATE, self.trainer.state())

    def restore(self, folder: Path) -> None:
        """Go on from a state."""
        state = read_torch(folder / STATE)
        try:
            self.trainer.restore(state)
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{folder / STATE}: is not of this agent ({reason})") from error

    def policy(self) -> tuple[Card, Tensors]:
        """Return what would be exported now."""
        return self._card, self.trainer.network.tensors()

    def close(self) -> None:
        """Let go of the environments."""
        self.envs.close()

    @staticmethod
    def _network(settings: ReferencePpo, layout: Layout, seed: int) -> TorchPerItem:
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


def _scoring_items(settings: ReferencePpo, layout: Layout, network: TorchPerItem) -> Card:
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
    settings: ReferencePpo, layout: Layout, fleet: Fleet, seed: int
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
