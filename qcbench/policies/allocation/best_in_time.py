"""As `fidelity` where that can begin now and end in time, by the estimates; else as `speed`."""

from typing import TypeAlias, cast

from qcbench.policies.allocation import speed
from qcbench.policies.allocation.fidelity import least_errors
from qcbench.policies.protocol import Allocation, PolicyContext
from qcbench.policies.splitting import (
    published_split,
    put_in_order,
    remember_order,
    split_published,
)
from qcbench.policies.twins import Memory, Splitting, TwinContext, memory
from qcbench.policies.view import AllocationView

NAME = "best_in_time"
Split: TypeAlias = dict[int, int]


def policy(context: PolicyContext) -> Allocation:
    """Build the policy."""
    order = least_errors(context.fleet, NAME)
    careful = published_split(context.fleet, lambda _view: order, fewest=True)
    fast = speed.policy(context)

    def decide(view: AllocationView) -> Split | None:
        split = cast(Split | None, careful(view))
        if split is None:
            return cast(Split | None, fast(view))
        exec_s = max(float(view.exec_s[qpu]) for qpu in split)
        comm_s, before = 0.0, 0
        for place, qubits in enumerate(split.values()):
            comm_s += view.time_per_qubit_s * (before + qubits) if place else 0.0
            before = qubits
        if view.now_s + comm_s + exec_s <= view.due_s:
            return split
        return cast(Split | None, fast(view)) or split

    return decide


def remember(context: TwinContext) -> Memory:
    """Return the widest QPU, the order by errors, and the fleet's order."""
    size = len(context.fleet)
    found = memory(whole=1 + 2 * size)
    found.whole[: 1 + size] = remember_order(context.fleet, least_errors(context.fleet, NAME)).whole
    found.whole[1 + size :] = range(size)
    return found


def twin(view: Splitting, memory: Memory) -> int:
    """Decide as `policy` does."""
    size = len(view.free)
    by_errors, in_order = memory.whole[1 : 1 + size], memory.whole[1 + size :]
    parts = split_published(view, memory, by_errors, by_errors, True)
    if parts > 0:
        exec_s, comm_s = 0.0, 0.0
        for place in range(parts):
            exec_s = max(exec_s, view.exec_s[view.chain_qpu[place]])
            if place > 0:
                linked = view.chain_qubits[place - 1] + view.chain_qubits[place]
                comm_s += view.time_per_qubit_s * linked
        if view.now_s + comm_s + exec_s <= view.due_s:
            return parts
    put_in_order(view.exec_s, view.order)
    fast = split_published(view, memory, in_order, view.order, False)
    if fast == 0 and parts > 0:
        return split_published(view, memory, by_errors, by_errors, True)
    return fast
