"""What the brokers would refuse of a decision, and a situation in words."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from qcbench.cloud.decisions import parts_of
from qcbench.cloud.partition import make_plan
from qcbench.errors import shown
from qcbench.policies.batch.problem import Batch
from qcbench.policies.protocol import PolicyError
from qcbench.policies.view import AllocationView, PlacementView, QueueView


def refusal(view: Any, decision: Any, *, may_violate: bool = False) -> str:
    """Return why a decision is not legal, or nothing where it is.

    Args:
        view: the situation, as the policy saw it.
        decision: what it returned.
        may_violate: it may choose a QPU that the task does not fit.
    """
    if isinstance(view, PlacementView):
        return _placement(view, decision, may_violate)
    if isinstance(view, QueueView):
        return _index(decision, len(view.waiting), "a choice is an int, a position")
    try:
        if isinstance(view, AllocationView):
            if decision is not None:
                limits = view.free_qubits.tolist()
                if view.may_hold:
                    limits = [view.task_qubits] * len(limits)
                parts_of(decision, view.row, view.task_qubits, limits)
        elif isinstance(view, Batch):
            if not isinstance(decision, Sequence | np.ndarray):
                return f"returned {_shown(decision)}; a partition is a list of nodes per circuit"
            make_plan(view, partial(_answer, decision))
    except PolicyError as error:
        return str(error)
    except (TypeError, ValueError):
        return f"returned {_shown(decision)}; a partition is a list of nodes per circuit"
    return ""


def _answer(decision: Any, _batch: Batch) -> Any:
    return decision


def _placement(view: PlacementView, decision: Any, may_violate: bool) -> str:
    wrong = _index(decision, len(view.fleet), "a placement is an int")
    if wrong or may_violate or view.feasible[decision]:
        return wrong
    fitting = ", ".join(str(qpu) for qpu in np.flatnonzero(view.feasible)[:8])
    return f"chose QPU {decision}, which the task does not fit; it fits {fitting}"


def _index(decision: object, count: int, what: str) -> str:
    if type(decision) is int and 0 <= decision < count:
        return ""
    hint = "; make it int(...)" if isinstance(decision, np.integer) else ""
    return f"returned {_shown(decision)}; {what} in 0..{count - 1}{hint}"


def describe(view: Any) -> str:
    """Return when a decision was asked for, and for what."""
    if isinstance(view, Batch):
        demands = ", ".join(map(str, view.demands.tolist()))
        return f"circuits of {demands} qubits, {len(view.capacities)} nodes"
    where = f"{len(view.fleet)} QPUs, at {view.now_s:g} s"
    if isinstance(view, QueueView):
        return f"{where}, QPU {view.qpu} free, {len(view.waiting)} tasks waiting"
    return f"{where}, task {view.row} of {view.task_qubits} qubits"


def plain(decision: object) -> object:
    """Return a decision as data that can be compared and that nobody changes any more."""
    if isinstance(decision, np.ndarray):
        return decision.tolist()
    if isinstance(decision, np.generic):
        return decision.item()
    if isinstance(decision, Mapping):
        # The order counts: it is that of the chain.
        return [(plain(key), plain(value)) for key, value in decision.items()]
    if isinstance(decision, list | tuple):
        return [plain(part) for part in decision]
    return decision


def _shown(decision: object) -> str:
    text = " ".join(shown(decision).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
