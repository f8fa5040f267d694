"""`weights.safetensors`: which tensors a network has, and reading and writing them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from qcbench.errors import InputError, nearest
from qcbench.files import write_durable
from qcbench.policies.exported.card import Card, PerItem

Tensor: TypeAlias = npt.NDArray[np.float32]
Tensors: TypeAlias = Mapping[str, Tensor]
Shapes: TypeAlias = dict[str, tuple[int, ...]]

FLOATS = (np.float32, np.float64, np.float16)


def expected_shapes(card: Card) -> Shapes:
    """Return every tensor that a card's network has, by name, with its shape.

    A layer ``x`` has ``x.weight`` of shape (outputs, inputs), as torch has it, and ``x.bias``.
    """
    network, seen = card.network, card.observation
    shared, each = len(seen.shared), len(seen.each)
    shapes: Shapes = {}
    if isinstance(network, PerItem):
        width = _layers(shapes, "encoder", each + shared, network.encoder)
        pooled = _layers(shapes, "context", 2 * width, network.context)
        _layers(shapes, "head", width + pooled, (*network.head, network.outputs))
        items = 1
    else:
        items = items_of(card)
        atoms = network.atoms.count if network.atoms else 1
        width = _layers(shapes, "torso", shared + each * items, network.torso)
        last = choices(card) * network.outputs * atoms
        _layers(shapes, "head", width, (*network.head, last))
        if network.dueling:
            _layers(shapes, "value", width, (*network.head, atoms))
    if card.spread == "vector":
        shapes["log_std"] = (items,)
    return shapes


def items_of(card: Card) -> int:
    """Return how many items a plain network sees."""
    return card.observation.items if card.fleet == "any" else len(card.fleet.qpus)


def choices(card: Card) -> int:
    """Return how many things a plain network scores: items, or to wait and all sets of QPUs."""
    return 2 ** items_of(card) if card.action == "set" else items_of(card)


def _layers(shapes: Shapes, name: str, inputs: int, widths: tuple[int, ...]) -> int:
    for place, width in enumerate(widths):
        shapes[f"{name}.{place}.weight"] = (width, inputs)
        shapes[f"{name}.{place}.bias"] = (width,)
        inputs = width
    return inputs


def check_tensors(tensors: Mapping[str, npt.NDArray[np.generic]], card: Card, where: str) -> None:
    """Check that the tensors are those of the card's network.

    Raises:
        InputError: one that is missing, too many, misshaped, not of floats, or not finite.
    """
    expected = expected_shapes(card)
    for name in expected:
        if name not in tensors:
            raise InputError(f"{where}: tensor {name} is missing")
    for name, tensor in tensors.items():
        if name not in expected:
            raise InputError(
                f"{where}: tensor {name} is none of the network's{nearest(name, expected)}"
            )
        if tensor.shape != expected[name]:
            raise InputError(
                f"{where}: tensor {name} has shape {list(tensor.shape)}; by the card it "
                f"must have {list(expected[name])}"
            )
        if tensor.dtype not in FLOATS:
            raise InputError(f"{where}: tensor {name} is of {tensor.dtype}; must be float32")
        with np.errstate(over="ignore"):
            finite = np.isfinite(tensor.astype(np.float32)).all()
        if not finite:
            raise InputError(f"{where}: tensor {name} has values that are NaN or infinite")


def read_tensors(data: bytes, card: Card, where: str) -> Tensors:
    """Read and check the bytes of a `weights.safetensors`.

    Raises:
        InputError: a damaged file, or tensors that are not those of the card's network.
    """
    try:
        tensors = load(data)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{where}: is no safetensors file of floats ({reason})") from None
    check_tensors(tensors, card, where)
    return {name: np.ascontiguousarray(t, dtype=np.float32) for name, t in tensors.items()}


def write_tensors(path: Path, tensors: Mapping[str, npt.NDArray[np.floating]], card: Card) -> None:
    """Write the tensors of a card's network; the same tensors give the same bytes.

    Raises:
        InputError: tensors that are not those of the network, or a place that cannot be written.
    """
    check_tensors(tensors, card, str(path))
    ordered = {
        name: np.ascontiguousarray(tensors[name], dtype=np.float32)
        for name in expected_shapes(card)
    }
    write_durable(path, save(ordered))
