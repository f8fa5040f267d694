"""Exported policies with random weights, for tests."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.policies.exported.card import (
    Card,
    Network,
    Observation,
    Offset,
    PerItem,
    Plain,
    TrainedFleet,
)
from qcbench.policies.exported.folder import write_folder
from qcbench.policies.exported.serving import whole_observation
from qcbench.policies.exported.weights import expected_shapes
from qcbench.policies.features import allocation, placement, queueing
from qcbench.policies.features.layout import Layout

LAYOUTS = {
    "placement": placement.LAYOUT,
    "allocation": allocation.LAYOUT,
    "queueing": queueing.LAYOUT,
}
QCE5 = TrainedFleet(name="qce5", qpus=("washington", "kolkata", "hanoi", "perth", "lagos"))
SMALL = PerItem(activation="relu", encoder=(8, 8), context=(6,), head=(7,))
PLAIN = Plain(activation="tanh", torso=(9, 8), head=(7,))


def observation(layout: Layout, items: int = 0, **more: Any) -> Observation:
    return whole_observation(layout, items, **more)


def make_card(track: Any, network: Network = SMALL, **more: Any) -> Card:
    allocating = track == "allocation"
    if track == "queueing" and isinstance(network, PerItem):
        network = replace(network, pool="allowed")
    described: dict[str, Any] = {
        "fleet": "any" if isinstance(network, PerItem) or track == "queueing" else QCE5,
        "observation": observation(LAYOUTS[track], items=20 if track == "queueing" else 0),
        "action": "weights" if allocating else "choice",
        "spread": "vector" if allocating else "none",
    }
    return Card(track=track, network=network, **(described | more))


def random_tensors(card: Card, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(0.0, 0.6, shape).astype(np.float32)
        for name, shape in expected_shapes(card).items()
    }


def write_sample(folder: Path, track: Any, network: Network = SMALL, **more: Any) -> Path:
    card = make_card(track, network, **more)
    return write_folder(folder, card, random_tensors(card))


def earliest_completion_card() -> tuple[Card, dict[str, Any]]:
    """A network that does nothing: its offset sends every task to the earliest completion."""
    network = replace(SMALL, offset=Offset(feature="regret", coefficient=-1.0))
    card = make_card("placement", network)
    return card, {name: np.zeros(shape) for name, shape in expected_shapes(card).items()}
