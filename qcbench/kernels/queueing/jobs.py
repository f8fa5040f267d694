"""The process of a job compiled: arrive, be admitted, go through its operations, be done."""

from typing import Any

from qcbench.cloud import admission
from qcbench.kernels.queueing import broker, pool
from qcbench.kernels.queueing.inlined import inlined
from qcbench.kernels.queueing.layout import NONE, Cloud, World

within: Any = inlined(admission.within)


@inlined
def arrive(world: World, cloud: Cloud, job: int) -> None:
    """Let a job in, or turn it away."""
    own, fixed = cloud.progress[job], world.jobs[job]
    if not _admitted(world, cloud, job):
        if fixed.first_task != NONE:
            cloud.state[0].dropped += 1
            broker.open_row(world, cloud, job, fixed.first_task)
            if not world.rules[0].per_job:
                broker.write_row(cloud, job, broker.DROPPED)
        own.status = broker.DROPPED
        _leave(cloud)
        return
    _change_present(cloud, 1)
    own.at = fixed.begin
    _begin(world, cloud, job)


@inlined
def go_on(world: World, cloud: Cloud, job: int) -> None:
    """Begin the operation after the one that is done."""
    own = cloud.progress[job]
    operation = world.operations[own.at]
    if operation.times:
        own.times += 1
        if own.times < operation.times:
            own.at = operation.back
        else:
            own.times = 0
            own.at += 1
    else:
        own.at += 1
    _begin(world, cloud, job)


@inlined
def _begin(world: World, cloud: Cloud, job: int) -> None:
    own = cloud.progress[job]
    if own.at == world.jobs[job].end:
        own.finish_s = cloud.state[0].now_s
        own.status = broker.DONE
        _change_present(cloud, -1)
        _leave(cloud)
        return
    operation = world.operations[own.at]
    if operation.task != NONE:
        broker.execute(world, cloud, job, operation.task)
    else:
        pool.submit(world, cloud, job)


@inlined
def give_up(world: World, cloud: Cloud, job: int) -> None:
    """End a job whose task a failure has ended."""
    if not world.rules[0].per_job:
        broker.write_row(cloud, job, broker.FAILED)
    cloud.progress[job].status = broker.FAILED
    _change_present(cloud, -1)
    _leave(cloud)


@inlined
def present_area(cloud: Cloud) -> float:
    """Integral over time of the admitted jobs that are not done, up to now."""
    s = cloud.state[0]
    return s.present_area + s.present * (s.now_s - s.present_changed_s)


@inlined
def _change_present(cloud: Cloud, by: int) -> None:
    s = cloud.state[0]
    s.present_area = present_area(cloud)
    s.present += by
    s.present_changed_s = s.now_s


@inlined
def _leave(cloud: Cloud) -> None:
    s = cloud.state[0]
    s.left -= 1
    if not s.left:
        broker.end(cloud)


@inlined
def _admitted(world: World, cloud: Cloud, job: int) -> bool:
    rules = world.rules[0]
    if not within(
        rules.admission,
        pool.active(cloud),
        broker.pending(cloud),
        broker.running(cloud),
        rules.classical_limit,
        rules.quantum_limit,
    ):
        return False
    return not rules.buckets or _take_token(world, cloud, world.jobs[job].bucket)


@inlined
def _take_token(world: World, cloud: Cloud, user: int) -> bool:
    """Take a token from a user's bucket, see `qcbench.cloud.admission.Quotas`."""
    bucket, now_s = cloud.buckets[user], cloud.state[0].now_s
    tokens = bucket.tokens + world.rates[user] * (now_s - bucket.counted_s)
    tokens = min(world.rules[0].burst, tokens)
    enough = tokens >= 1.0 - 1e-9
    bucket.tokens = tokens - 1.0 if enough else tokens
    bucket.counted_s = now_s
    return enough
