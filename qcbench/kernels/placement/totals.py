"""What a cloud counts while it runs: jobs that are present and that are left, and busy times."""

from qcbench.kernels.compiling import kernel
from qcbench.kernels.placement.event_state import NOT_YET, EventState
from qcbench.kernels.placement.step import NOBODY, Table
from qcbench.kernels.placement.worlds import Worlds


@kernel
def one_less(state: EventState, e: int) -> None:
    """Count a job that is over."""
    state.clouds[e].left -= 1
    if state.clouds[e].left == 0:
        end(state, e)


@kernel
def end(state: EventState, e: int) -> None:
    """Put the end of the trial on the clock, if it is not there."""
    if state.clouds[e].over_tick == NOT_YET:
        state.clouds[e].over_tick = state.clouds[e].tick
        state.clouds[e].tick += 1


@kernel
def change_jobs(state: EventState, e: int, by: int) -> None:
    """Count jobs that come or go."""
    state.clouds[e].jobs_s += state.clouds[e].jobs * (
        state.clouds[e].now_s - state.clouds[e].changed_s
    )
    state.clouds[e].jobs += by
    state.clouds[e].changed_s = state.clouds[e].now_s


@kernel
def jobs_until_now_s(state: EventState, e: int) -> float:
    """Return the integral over time of the jobs present."""
    return state.clouds[e].jobs_s + state.clouds[e].jobs * (
        state.clouds[e].now_s - state.clouds[e].changed_s
    )


@kernel
def busy_until_now_s(worlds: Worlds, state: EventState, rows: Table, e: int, at: int) -> float:
    """Return the time for which a QPU has worked, the current execution included up to now."""
    if state.servers[at].running == NOBODY:
        return state.servers[at].busy_s
    start_s = rows[e * worlds.width + state.servers[at].running].start_s
    return state.servers[at].busy_s + state.clouds[e].now_s - start_s


@kernel
def warmed_up(worlds: Worlds, state: EventState, rows: Table, e: int) -> None:
    """Keep what was counted up to the end of the warm-up."""
    qpus = len(worlds.qpu_qubits)
    state.clouds[e].warm_jobs_s = jobs_until_now_s(state, e)
    for at in range(e * qpus, (e + 1) * qpus):
        state.servers[at].warm_busy_s = busy_until_now_s(worlds, state, rows, e, at)
