"""A trained policy from the folder that `qcbench export` made: `policy.json` and its weights.

Its scores are weights of the QPUs, over which the task is split in proportion, within what is free.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from qcbench.errors import InputError
from qcbench.policies.exported.card import CARD, Card
from qcbench.policies.exported.folder import folder_of, load
from qcbench.policies.exported.reference import with_digest
from qcbench.policies.exported.scoring import scorer
from qcbench.policies.exported.serving import check_fleet
from qcbench.policies.exported.weights import Tensor
from qcbench.policies.features.allocation import LAYOUT
from qcbench.policies.features.allocation_action import (
    LEAST_WEIGHT,
    MOST_WEIGHT,
    split_from_weights,
)
from qcbench.policies.features.observer import AllocationObserver
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.view import AllocationView

LAYOUTS = {LAYOUT.name: LAYOUT}


def policy(
    context: PolicyContext,
    *,
    path: str,
    sha256: str = "",
    mode: Literal["greedy", "sample"] = "greedy",
) -> Allocation:
    """Build the policy.

    Args:
        context: the fleet, and the generator that a sampled policy draws from.
        path: the policy's folder, or `packaged:NAME`.
        sha256: of its files; found when a trial is made.
        mode: `greedy` takes the mean of each weight, `sample` draws around it.
    """
    exported = load("allocation", path, sha256)
    where = str(folder_of("allocation", path) / CARD)
    card = exported.card
    check_fleet(card, context.fleet, where)
    score = scorer(exported, LAYOUTS, where)
    if card.action != "weights":
        raise InputError(f"{where}: action is {card.action!r}; it must be 'weights'")
    spread = _spread(card, exported.tensors.get("log_std"), mode, where)
    observe = AllocationObserver(context.fleet).observe
    rng = context.rng
    qpus = len(context.fleet)
    row = [0.0] * LAYOUT.size(qpus)
    chain_qpu, chain_qubits, share = [0] * qpus, [0] * qpus, [0.0] * qpus

    def decide(view: AllocationView) -> dict[int, int] | None:
        free: list[int] = view.free_qubits.tolist()
        observe(view, row)
        if sum(free) < view.task_qubits:
            return None
        outputs = score(row, qpus, view.free_qubits > 0)
        weights = outputs[:, 0].astype(np.float64)
        if mode == "sample":
            weights = weights + spread(outputs) * rng.standard_normal(qpus)
        parts = split_from_weights(
            np.clip(weights, LEAST_WEIGHT, MOST_WEIGHT).tolist(),
            free,
            view.task_qubits,
            view.running > 0,
            chain_qpu,
            chain_qubits,
            share,
        )
        if not parts:
            return None
        return dict(zip(chain_qpu[:parts], chain_qubits[:parts], strict=True))

    return decide


resolve_parameters = with_digest("allocation")


def _spread(
    card: Card, log_std: Tensor | None, mode: str, where: str
) -> Callable[[Tensor], Tensor]:
    """Return what gives the standard deviation of each weight from the outputs.

    Raises:
        InputError: the policy is to be sampled and has none.
    """
    least, most = card.spread_limits or (-np.inf, np.inf)
    if card.spread == "output":
        return lambda outputs: np.exp(np.clip(outputs[:, 1], least, most))
    if card.spread == "none" and mode == "sample":
        raise InputError(f"{where}: has no spread; its mode can only be greedy")
    std: Tensor = np.zeros(1, dtype=np.float32)
    if log_std is not None:
        std = np.exp(np.clip(log_std, least, most))
    return lambda _outputs: std
