"""Executions: they take qubits of one QPU or several, and give them back together."""

from qcbench.kernels.allocation.arrays import Outcomes, Settings, State, Worlds
from qcbench.kernels.allocation.regions import FREE, largest_free, take
from qcbench.kernels.allocation.waiting import leave_queue
from qcbench.kernels.clock import next_number
from qcbench.kernels.compiling import inlined
from qcbench.kernels.heap import push


@inlined
def start(
    settings: Settings, worlds: Worlds, state: State, outcomes: Outcomes, e: int, parts: int
) -> None:
    """Start the task that is looked at with the chain in the state, and look at the next one."""
    cloud = state.clouds[e]
    task = cloud.task
    cloud.task = state.neighbours[e, task, 1]
    leave_queue(state, e, task)
    row = worlds.tasks[cloud.world, task]
    slot = state.slots[e, cloud.running]
    estimated_s = 0.0
    real_s = 0.0
    comm_s = 0.0
    before = 0
    for place in range(parts):
        qpu = state.chain_qpu[e, place]
        qubits = state.chain_qubits[e, place]
        state.parts[e, slot, 0, place] = qpu
        state.parts[e, slot, 1, place] = qubits
        state.qpus[e, qpu].held += qubits
        if settings.search_steps >= 0:
            take(
                worlds.neighbours[qpu],
                state.owner[e, qpu],
                state.space,
                state.qpus[e, qpu].capacity,
                qubits,
                slot,
                settings.search_steps,
            )
        offer(settings, worlds, state, e, qpu)
        exec_s = worlds.exec_s[cloud.world, task, qpu]
        estimated_s = max(estimated_s, exec_s)
        real_s = max(real_s, exec_s * row.slowdown)
        if place > 0:
            comm_s += settings.time_per_qubit_s * (before + qubits)
        before = qubits
    running = state.running[e, slot]
    running.task = task
    running.order = cloud.valid_decisions
    running.parts = parts
    running.start_s = cloud.now_s
    running.comm_s = comm_s
    running.exec_s = real_s
    cloud.valid_decisions += 1
    end_s = cloud.now_s + comm_s + real_s
    push(state.ends[e], cloud.running, end_s, next_number(cloud), slot)
    cloud.running += 1
    if settings.keep:
        outcome = outcomes.tasks[e, task]
        outcome.start_s = cloud.now_s
        outcome.exec_s = real_s
        outcome.comm_s = comm_s
        outcome.estimated_wait_s = cloud.now_s - row.arrival_s
        outcome.estimated_exec_s = estimated_s
        outcome.order = running.order
        outcome.parts = parts
        for place in range(parts):
            outcomes.parts[e, task, 0, place] = state.chain_qpu[e, place]
            outcomes.parts[e, task, 1, place] = state.chain_qubits[e, place]


@inlined
def release(settings: Settings, worlds: Worlds, state: State, e: int, slot: int) -> None:
    """Give back the qubits of an execution that has been taken from the heap."""
    cloud = state.clouds[e]
    running = state.running[e, slot]
    held_s = cloud.now_s - running.start_s
    for place in range(running.parts):
        qpu = state.parts[e, slot, 0, place]
        qubits = state.parts[e, slot, 1, place]
        row = state.qpus[e, qpu]
        row.held -= qubits
        row.busy_s += held_s * qubits / row.capacity
        for qubit in range(state.owner.shape[2]):
            if state.owner[e, qpu, qubit] == slot:
                state.owner[e, qpu, qubit] = FREE
        if row.up:
            offer(settings, worlds, state, e, qpu)
    cloud.running -= 1
    state.slots[e, cloud.running] = slot


@inlined
def offer(settings: Settings, worlds: Worlds, state: State, e: int, qpu: int) -> None:
    """Count what is free on a QPU that works."""
    row = state.qpus[e, qpu]
    free = row.capacity - row.held
    if settings.search_steps >= 0:
        free = largest_free(worlds.neighbours[qpu], state.owner[e, qpu], state.space, row.capacity)
    state.clouds[e].free += free - state.free[e, qpu]
    state.free[e, qpu] = free
