"""A whole trial where nothing fails and execution times are as estimated."""

from dataclasses import replace

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.execution import DONE
from qcbench.kernels.compiling import drawing, kernel
from qcbench.kernels.placement.outcome import Outcome
from qcbench.kernels.placement.step import OVER, State, Table, advance, begin, make_state, place
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import Limits
from qcbench.kernels.twins import Twin, asker
from qcbench.policies.twins import NO_DECISION, Placing

choose = asker("placement", seeing=Placing)

ENDED, TRUNCATED, SCRIPT_ENDED = range(3)


def run_exact(
    worlds: Worlds, limits: Limits, twin: Twin, rng: np.random.Generator, rows: Table
) -> Outcome | None:
    """Run the first world under a twin and fill the rows; None where the script ends too early."""
    state = make_state(1, worlds)
    horizon_s, warm_up_s = limits.horizon_s, limits.warm_up_s
    sequence = np.zeros(worlds.width, dtype=np.int64)
    why, placed = _decide_all(worlds, limits, state, twin, rng, rows, sequence)
    if why == SCRIPT_ENDED:
        return None
    sequence = sequence[:placed]
    now_s, arrived = float(state.clouds["now_s"][0]), int(state.clouds["next_arrival"][0])
    arrival_s = worlds.arrival_s[: worlds.tasks[0]]
    if why == TRUNCATED:
        end_s = now_s
        # One that arrives at that very instant was on its way already.
        arrived += arrived < len(arrival_s) and bool(arrival_s[arrived] == end_s)
    else:
        last_s = float(rows["finish_s"][sequence].max()) if placed == len(arrival_s) else np.inf
        end_s = min(last_s, horizon_s)
        arrived = int(np.searchsorted(arrival_s, horizon_s))
    finish_s = rows["finish_s"][sequence]
    outcome = Outcome(
        arrived=arrived,
        end_s=end_s,
        busy_s=_busy_s(rows, sequence, len(worlds.qpu_qubits), end_s),
        jobs_s=_jobs_s(arrival_s[:arrived], np.sort(finish_s), end_s),
        warm=None,
        decisions=int(state.clouds["decisions"][0]),
        truncated=why == TRUNCATED,
    )
    if warm_up_s <= end_s and warm_up_s < horizon_s:
        busy_s = _busy_s(rows, sequence, len(worlds.qpu_qubits), warm_up_s)
        jobs_s = _jobs_s(arrival_s[:arrived], np.sort(finish_s), warm_up_s)
        outcome = replace(outcome, warm=(warm_up_s, busy_s, jobs_s))
    rows["status"][sequence[finish_s <= end_s]] = DONE
    rows["finish_s"][sequence[finish_s > end_s]] = np.nan
    rows["start_s"][sequence[rows["start_s"][sequence] > end_s]] = np.nan
    return outcome


@drawing
def _decide_all(
    worlds: Worlds,
    limits: Limits,
    state: State,
    twin: Twin,
    rng: np.random.Generator,
    rows: Table,
    sequence: IntArray,
) -> tuple[int, int]:
    """Decide on every task; return why it ended, and how many tasks were placed.

    Args:
        sequence: filled with the tasks in the order in which they were placed.
    """
    qpus = len(worlds.qpu_qubits)
    begin(worlds, state, 0, 0)
    placed = 0
    while state.clouds[0].task != OVER and state.clouds[0].now_s < limits.horizon_s:
        if state.clouds[0].decisions >= limits.max_decisions:
            return TRUNCATED, placed
        task, now_s = state.clouds[0].task, state.clouds[0].now_s
        task_at = task * worlds.stride
        view = Placing(
            qpus,
            now_s,
            state.free_at_s,
            0,
            worlds.exec_s,
            worlds.fidelity,
            worlds.price,
            task_at,
        )
        choice = choose(twin.rule, view, twin.memory, rng)
        if choice == NO_DECISION:
            return SCRIPT_ENDED, placed
        free_s = state.free_at_s[choice]
        if place(worlds, state, 0, choice, limits.delay_s):
            start_s = free_s if free_s > now_s else now_s
            rows[task].submit_s = now_s
            rows[task].start_s = start_s
            rows[task].finish_s = state.placed[task].finish_s
            rows[task].exec_s = worlds.exec_s[task_at + choice]
            rows[task].qpu = choice
            rows[task].estimated_wait_s = start_s - now_s
            rows[task].estimated_exec_s = rows[task].exec_s
            rows[task].order = placed
            sequence[placed] = task
            placed += 1
        else:
            rows[task].violations += 1
            rows[task].submit_s = now_s + limits.delay_s
        advance(worlds, state, 0)
    return ENDED, placed


@drawing
def _busy_s(rows: Table, sequence: IntArray, qpus: int, at_s: float) -> FloatArray:
    """Return the time that each QPU has worked up to a moment."""
    busy_s = np.zeros(qpus)
    for task in sequence:
        if rows[task].finish_s <= at_s:
            busy_s[rows[task].qpu] += rows[task].exec_s
        elif rows[task].start_s <= at_s:
            busy_s[rows[task].qpu] = busy_s[rows[task].qpu] + at_s - rows[task].start_s
    return busy_s


@kernel
def _jobs_s(arrival_s: FloatArray, finish_s: FloatArray, at_s: float) -> float:
    """Return the integral of the number of jobs present up to a moment.

    Args:
        arrival_s, finish_s: in order of time.
    """
    area_s, changed_s = 0.0, 0.0
    arrived = ended = 0
    while True:
        arrives_s = arrival_s[arrived] if arrived < len(arrival_s) else np.inf
        ends_s = finish_s[ended] if ended < len(finish_s) else np.inf
        now_s = min(arrives_s, ends_s)
        if now_s > at_s:
            return area_s + (arrived - ended) * (at_s - changed_s)
        area_s += (arrived - ended) * (now_s - changed_s)
        changed_s = now_s
        if ends_s <= arrives_s:
            ended += 1
        else:
            arrived += 1
