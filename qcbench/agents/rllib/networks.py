"""Torch networks of RLlib's agents, and the cards that say what is exported of them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from qcbench.agents.networks import ACTIVATIONS, TorchPerItem, layers
from qcbench.agents.rllib.settings import Common, PerItemSettings, PlainSettings, RllibDqn
from qcbench.fleet.profile import Fleet
from qcbench.policies.exported.card import (
    Atoms,
    Card,
    Offset,
    PerItem,
    Plain,
    TrainedFleet,
)
from qcbench.policies.exported.serving import whole_observation
from qcbench.policies.features.layout import Layout, layout_named, layouts_of
from qcbench.tracks import TRACKS

LEAST_LOG_STD, MOST_LOG_STD = -4.0, 0.5


class Scorer(Protocol):
    """Scores the choices in a batch of situations."""

    def __call__(self, observation: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs (batch, choices, outputs) and the value, (batch,) or (batch, atoms)."""

    def tensors(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return what an exported policy holds."""


@dataclass(frozen=True)
class Design:
    """A network before it is built: plain data, so that it travels to RLlib's processes.

    Attributes:
        card: of the exported policy.
        continuous: whether a decision is a weight for each QPU.
        double: whether the network that learns chooses the next action, of Q-learning.
        seed: of the first weights.
        masked: whether infeasible actions are kept from the agent.
        values: whether outputs are values of actions, not logits.
        exploration: first and last share of random actions and the steps between, of Q-learning.
    """

    card: Card
    continuous: bool
    masked: bool
    values: bool
    seed: int
    dueling: bool = False
    double: bool = False
    exploration: tuple[float, float, int] = (0.0, 0.0, 1)


class TorchPlain(nn.Module):
    """A plain network over the whole observation, as `Plain` describes it.

    Its value has a torso of its own where outputs are logits; of values of actions it is the
    second stream of a dueling network.
    """

    def __init__(self, design: Design, inputs: int, choices: int) -> None:
        super().__init__()
        card = design.card
        description = card.network
        if not isinstance(description, Plain):
            raise TypeError("the card's network is another one")
        self._activate = ACTIVATIONS[description.activation]
        self._values, self._dueling = design.values, description.dueling
        self._outputs = description.outputs
        self.atoms = description.atoms.count if description.atoms else 1
        torso, head = description.torso, description.head
        gain = 2.0**0.5
        self.torso = layers(inputs, torso, gain)
        width = torso[-1] if torso else inputs
        last = choices * description.outputs * self.atoms
        self.head = layers(width, (*head, last), 1.0 if design.values else 0.01)
        if self._dueling:
            self.value = layers(width, (*head, self.atoms))
        if not design.values:
            self.critic = layers(inputs, (*torso, 1))
        if card.spread == "vector":
            self.log_std = nn.Parameter(torch.zeros(choices))

    def forward(self, observation: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs of every choice, and the value; the mask is the caller's affair."""
        del mask
        seen = self._through(self.torso, observation, last=True)
        outputs = self._through(self.head, seen)
        if not self._values:
            outputs = outputs.unflatten(1, (-1, self._outputs))
            if hasattr(self, "log_std"):
                spread = self.log_std.expand(len(outputs), -1)[..., None]
                outputs = torch.cat([outputs, spread], -1)
            return outputs, self._through(self.critic, observation)[:, 0]
        outputs = outputs.unflatten(1, (-1, self.atoms))
        if not self._dueling:
            return outputs, outputs.new_zeros(len(outputs), self.atoms)
        # Centred over the actions, atom by atom: centred over the atoms, and with one value for all
        # of them as RLlib has it, the value would fall out of the softmax over the atoms.
        return outputs - outputs.mean(1, keepdim=True), self._through(self.value, seen)

    def tensors(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return what an exported policy holds."""
        return {
            name: parameter.detach().cpu().numpy().astype(np.float32)
            for name, parameter in self.named_parameters()
            if not name.startswith("critic.")
        }

    def _through(self, stack: nn.ModuleList, x: Tensor, *, last: bool = False) -> Tensor:
        for place, layer in enumerate(stack):
            x = layer(x)
            if last or place < len(stack) - 1:
                x = self._activate(x)
        return x


def make_network(design: Design, inputs: int, choices: int) -> nn.Module:
    """Build a network with the weights that its seed gives."""
    card = design.card
    layout = layouts_of(card.track)[card.observation.layout]
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(design.seed)
        if isinstance(card.network, Plain):
            return TorchPlain(design, inputs, choices)
        network = card.network
        return TorchPerItem(
            layout,
            encoder=network.encoder,
            context=network.context,
            head=network.head,
            activation=network.activation,
            outputs=network.outputs,
            offset=network.offset,
            pool=network.pool,
        )


def make_design(settings: Common, fleet: Fleet, seed: int) -> Design:
    """Return the network that settings describe, for the decisions of a fleet.

    Raises:
        InputError: a feature that there is not.
    """
    track, layout = TRACKS[settings.track], layout_named(settings.track, settings.observation)
    queue, split = track.choice == "waiting", track.choice == "split"
    continuous = split and not settings.sets
    parts: dict[str, Any] = {
        "track": settings.track,
        "observation": whole_observation(layout, items=settings.slots if queue else 0),
        "action": "choice",
        "network": settings.network,
    }
    if split:
        parts["action"] = "set" if settings.sets else "weights"
    if isinstance(settings.network, PlainSettings):
        parts["network"] = _plain(settings, settings.network)
        parts["fleet"] = "any" if queue else TrainedFleet(name=fleet.name, qpus=fleet.names)
        parts["spread"] = "vector" if continuous else "none"
    else:
        parts["network"] = _per_item(settings.network, layout, queue, continuous)
        parts["fleet"] = "any"
        parts["spread"] = "output" if continuous else "none"
    if continuous:
        parts["spread_limits"] = (LEAST_LOG_STD, MOST_LOG_STD)
    q_learning = settings if isinstance(settings, RllibDqn) else None
    design = Design(
        card=Card(**parts),
        continuous=continuous,
        masked=settings.masked,
        values=q_learning is not None,
        seed=seed,
    )
    if q_learning is None:
        return design
    share = q_learning.exploration
    return Design(
        **{
            **vars(design),
            "dueling": q_learning.dueling,
            "double": q_learning.double,
            "exploration": (share.first, share.last, share.steps),
        }
    )


def _plain(settings: Common, given: PlainSettings) -> Plain:
    atoms, dueling = None, False
    if isinstance(settings, RllibDqn):
        dueling = settings.dueling
        if settings.atoms is not None:
            parts = settings.atoms
            atoms = Atoms(count=parts.count, least=parts.least, most=parts.most)
    return Plain(
        activation=given.activation,
        torso=given.torso,
        head=given.head,
        dueling=dueling,
        atoms=atoms,
    )


def _per_item(given: PerItemSettings, layout: Layout, queue: bool, continuous: bool) -> PerItem:
    offset = None
    for feature, coefficient in given.offset.items():
        layout.each_index(feature)
        offset = Offset(feature=feature, coefficient=coefficient)
    return PerItem(
        activation=given.activation,
        encoder=given.encoder,
        context=given.context,
        head=given.head,
        pool="allowed" if queue else "all",
        outputs=2 if continuous else 1,
        offset=offset,
    )
