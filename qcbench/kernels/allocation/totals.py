"""What is counted over a trial: jobs that are present, left or done, and the work of the QPUs."""

from qcbench.kernels.allocation.arrays import Row, State
from qcbench.kernels.compiling import called, inlined
from qcbench.kernels.numpy_sums import numpy_sum


@called
def busy_in_all_s(state: State, e: int) -> float:
    """Return the time that all QPUs together have worked up to now, by share of their qubits."""
    cloud, busy_s = state.clouds[e], state.share[e]
    for qpu in range(len(busy_s)):
        busy_s[qpu] = state.qpus[e, qpu].busy_s
    before = -1
    for _ in range(cloud.running):
        # In the order in which they started, which roundings depend on.
        slot = -1
        for place in range(cloud.running):
            other = state.ends[e, place].item
            order = state.running[e, other].order
            if order > before and (slot < 0 or order < state.running[e, slot].order):
                slot = other
        running = state.running[e, slot]
        before = running.order
        held_s = cloud.now_s - running.start_s
        for part in range(running.parts):
            qpu = state.parts[e, slot, 0, part]
            busy_s[qpu] += held_s * state.parts[e, slot, 1, part] / state.qpus[e, qpu].capacity
    return numpy_sum(busy_s)


@inlined
def count_done(cloud: Row) -> None:
    """Count the job whose execution ended: its process goes on when the queue has been asked."""
    if cloud.ending:
        cloud.ending = 0
        cloud.done += 1
        cloud.completion_s += cloud.ending_s
