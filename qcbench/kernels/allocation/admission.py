"""Who is let in: `qcbench.cloud.admission` compiled."""

from qcbench.kernels.allocation.arrays import (
    PAPER,
    PENDING,
    TOTAL,
    Row,
    Settings,
    State,
    Worlds,
)
from qcbench.kernels.compiling import inlined


@inlined
def admitted(settings: Settings, worlds: Worlds, state: State, e: int, job: int) -> bool:
    """Whether a job may come in; one that the limits turn away takes no token."""
    if not within(settings, state.clouds[e]):
        return False
    return state.buckets.shape[1] == 0 or take_token(settings, worlds, state, e, job)


@inlined
def within(settings: Settings, cloud: Row) -> bool:
    """Whether a job is within the limits; no classical task is active."""
    if settings.admission == PENDING:
        return settings.classical_limit > 0 and cloud.waiting < settings.quantum_limit
    if settings.admission == TOTAL:
        present = cloud.waiting + cloud.running
        return settings.classical_limit > 0 and present < settings.quantum_limit
    if settings.admission == PAPER:
        return settings.classical_limit >= 0 and cloud.waiting <= settings.quantum_limit
    return True


@inlined
def take_token(settings: Settings, worlds: Worlds, state: State, e: int, job: int) -> bool:
    """Take a token from the bucket of a job's user; False where it holds less than one."""
    cloud = state.clouds[e]
    user = worlds.tasks[cloud.world, job].user
    bucket = state.buckets[e, user]
    gained = worlds.tokens_per_s[cloud.world, user] * (cloud.now_s - bucket.counted_s)
    tokens = min(settings.burst, bucket.tokens + gained)
    enough = tokens >= 1.0 - 1e-9
    bucket.tokens = tokens - 1.0 if enough else tokens
    bucket.counted_s = cloud.now_s
    return bool(enough)
