"""A trained policy from the folder that `qcbench export` made: `policy.json` and its weights.

Its scores are weights of the QPUs, over which the task is split in proportion, within what is free;
or those of waiting and of all sets of QPUs, of which it takes the best one that can hold the task.
Where the dispatch has the split decided at arrival, whatever is free, it splits within what the
QPUs have, and does not wait.
"""

from collections.abc import Callable, Iterable

import numpy as np

from qcbench.errors import InputError
from qcbench.policies.exported.choosing import Mode, chooser
from qcbench.policies.exported.opening import Opened, open_policy
from qcbench.policies.exported.reference import with_digest
from qcbench.policies.exported.scoring import Outputs
from qcbench.policies.features.allocation import LAYOUTS
from qcbench.policies.features.allocation_action import (
    LEAST_WEIGHT,
    MOST_WEIGHT,
    WAIT,
    set_holds,
    split_from_weights,
    split_over_set,
)
from qcbench.policies.features.allocation_menu import menu
from qcbench.policies.features.observers.allocation import observer
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.view import AllocationView

Parts = Iterable[tuple[int, int]] | None
Split = Callable[[Outputs, AllocationView, list[int]], Parts]


def policy(
    context: PolicyContext,
    *,
    path: str,
    sha256: str = "",
    mode: Mode = "greedy",
) -> Allocation:
    """Build the policy.

    Args:
        context: the fleet, and the generator that a sampled policy draws from.
        path: the policy's folder, or `packaged:NAME`.
        sha256: of its files; found when a trial is made.
        mode: `greedy` takes the mean of each weight, or the best set; `sample` draws them.
    """
    opened = open_policy("allocation", path, sha256, context.fleet, LAYOUTS)
    score = opened.score
    observe = observer(context.fleet, opened.layout).observe
    qpus = len(context.fleet)
    row = [0.0] * opened.layout.size(qpus)
    sizes: list[int] = context.fleet.qubits.tolist()
    if opened.card.action == "set":
        split = _by_set(context, mode)
    else:
        split = _by_weights(context, mode, _spread(opened, mode))

    def decide(view: AllocationView) -> dict[int, int] | None:
        observe(view, row)
        free: list[int] = sizes if view.at_arrival else view.free_qubits.tolist()
        if sum(free) < view.task_qubits:
            return None
        open_ = np.array([qubits > 0 for qubits in free])
        parts = split(score(row, qpus, open_), view, free)
        return dict(parts) if parts else None

    return decide


resolve_parameters = with_digest("allocation")


def _by_weights(context: PolicyContext, mode: Mode, spread: Callable[[Outputs], Outputs]) -> Split:
    """Return what splits in proportion to weights."""
    rng, qpus = context.rng, len(context.fleet)
    chain_qpu, chain_qubits, share = [0] * qpus, [0] * qpus, [0.0] * qpus

    def split(outputs: Outputs, view: AllocationView, free: list[int]) -> Parts:
        weights = outputs[:, 0].astype(np.float64)
        if mode == "sample":
            weights = weights + spread(outputs) * rng.standard_normal(qpus)
        parts = split_from_weights(
            np.clip(weights, LEAST_WEIGHT, MOST_WEIGHT).tolist(),
            free,
            view.task_qubits,
            _may_wait(view),
            chain_qpu,
            chain_qubits,
            share,
        )
        return zip(chain_qpu[:parts], chain_qubits[:parts], strict=True) if parts else None

    return split


def _by_set(context: PolicyContext, mode: Mode) -> Split:
    """Return what waits, or takes the set with the highest score that can hold the task."""
    qpus = len(context.fleet)
    chain_qpu, chain_qubits = [0] * qpus, [0] * qpus
    sets: list[list[bool]] = menu(context.fleet).tolist()
    choose = chooser(mode, context.rng)

    def split(outputs: Outputs, view: AllocationView, free: list[int]) -> Parts:
        qubits = view.task_qubits
        allowed = [_may_wait(view), *(set_holds(uses, free, qubits) for uses in sets)]
        choice = choose(outputs[:, 0].tolist(), allowed)
        if choice == WAIT:
            return None
        parts = split_over_set(sets[choice - 1], free, qubits, chain_qpu, chain_qubits)
        return zip(chain_qpu[:parts], chain_qubits[:parts], strict=True)

    return split


def _may_wait(view: AllocationView) -> bool:
    return view.running > 0 and not view.at_arrival


def _spread(opened: Opened, mode: Mode) -> Callable[[Outputs], Outputs]:
    """Return what gives the standard deviation of each weight from the outputs.

    Raises:
        InputError: the policy is to be sampled and has none.
    """
    card, log_std = opened.card, opened.tensors.get("log_std")
    least, most = card.spread_limits or (-np.inf, np.inf)
    if card.spread == "output":
        return lambda outputs: np.exp(np.clip(outputs[:, 1], least, most))
    if card.spread == "none" and mode == "sample":
        raise InputError(f"{opened.where}: has no spread; its mode can only be greedy")
    std: Outputs = np.zeros(1, dtype=np.float32)
    if log_std is not None:
        std = np.exp(np.clip(log_std, least, most))
    return lambda _outputs: std
