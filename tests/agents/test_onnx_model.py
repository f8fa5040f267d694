"""Exported policies as ONNX models: the same outputs as NumPy's, for every kind of network."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_samples import PLAIN, SMALL, make_card, observation, random_tensors

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from qcbench.agents.onnx_model import TOLERANCE, largest_difference, onnx_model, write_onnx
from qcbench.policies.exported.card import Atoms, Normalisation, Offset
from qcbench.policies.exported.folder import Exported
from qcbench.policies.features import placement

FEATURES = len(placement.LAYOUT.shared) + len(placement.LAYOUT.each)
SCALED = Normalisation(
    mean=tuple(np.linspace(-1, 1, FEATURES).tolist()),
    std=tuple(np.linspace(0.5, 2, FEATURES).tolist()),
)
NETWORKS = [
    SMALL,
    replace(SMALL, context=(), head=(), activation="tanh"),
    replace(
        SMALL,
        pool="allowed",
        activation="silu",
        offset=Offset(feature="regret", coefficient=-5.0),
    ),
    PLAIN,
    replace(PLAIN, torso=()),
    replace(PLAIN, dueling=True, head=(), atoms=Atoms(count=7, least=-3.0, most=1.0)),
]


def exported(network: Any, normalisation: Normalisation | None = None) -> Exported:
    seen = observation(placement.LAYOUT, normalisation=normalisation)
    card = make_card("placement", network, observation=seen)
    return Exported(card, random_tensors(card), "0" * 64)


@pytest.mark.parametrize("given", [None, SCALED, replace(SCALED, clip=0.7)])
@pytest.mark.parametrize("network", NETWORKS)
def test_outputs_are_those_of_numpy(network: Any, given: Normalisation | None) -> None:
    policy = exported(network, given)
    assert largest_difference(onnx_model(policy), policy) < TOLERANCE


def test_two_outputs_with_an_offset() -> None:
    network = replace(SMALL, outputs=2, offset=Offset(feature="free", coefficient=2.0))
    card = make_card("allocation", network, spread="output")
    policy = Exported(card, random_tensors(card), "0" * 64)
    assert largest_difference(onnx_model(policy), policy) < TOLERANCE


def test_scores_of_sets() -> None:
    card = make_card("allocation", PLAIN, action="set", spread="none")
    policy = Exported(card, random_tensors(card), "0" * 64)
    assert largest_difference(onnx_model(policy), policy) < TOLERANCE


def test_a_difference_is_found_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = exported(SMALL)
    other = Exported(policy.card, random_tensors(policy.card, 1), "0" * 64)
    assert largest_difference(onnx_model(other), policy) > 0.01
    model = onnx_model(other)
    monkeypatch.setattr("qcbench.agents.onnx_model.onnx_model", lambda _exported: model)
    with pytest.raises(RuntimeError, match="outputs differ by"):
        write_onnx(tmp_path / "model.onnx", policy)
    assert list(tmp_path.iterdir()) == []
