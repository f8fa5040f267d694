"""Who is let in: `qcbench.cloud.admission` compiled."""

from qcbench.cloud import admission
from qcbench.kernels.allocation.arrays import Settings, State, Worlds
from qcbench.kernels.compiling import inlined

within = inlined(admission.within)


@inlined
def admitted(settings: Settings, worlds: Worlds, state: State, e: int, job: int) -> bool:
    """Whether a job may come in; one that the limits turn away takes no token."""
    cloud = state.clouds[e]
    if not within(
        settings.admission,
        0,  # no job has classical tasks
        cloud.waiting,
        cloud.running,
        settings.classical_limit,
        settings.quantum_limit,
    ):
        return False
    return state.buckets.shape[1] == 0 or take_token(settings, worlds, state, e, job)


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
