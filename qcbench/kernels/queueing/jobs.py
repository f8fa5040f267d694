"""The process of a job compiled: arrive, be admitted, go through its operations, be done."""

from qcbench.cloud.execution import DONE, DROPPED
from qcbench.kernels.admission import ALL, PENDING, take_token, within
from qcbench.kernels.compiling import inlined
from qcbench.kernels.levels import change_present
from qcbench.kernels.queueing import broker, pool
from qcbench.kernels.queueing.layout import NONE, Cloud, World


@inlined
def arrive(world: World, cloud: Cloud, job: int) -> None:
    """Let a job in, or turn it away."""
    own, fixed = cloud.progress[job], world.jobs[job]
    if not _admitted(world, cloud, job):
        if fixed.first_task != NONE:
            cloud.state[0].dropped += 1
            broker.open_row(world, cloud, job, fixed.first_task)
            if not world.rules[0].per_job:
                broker.write_row(cloud, job, DROPPED)
        own.status = DROPPED
        broker.leave(cloud)
        return
    change_present(cloud.state[0], 1)
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
        own.status = DONE
        change_present(cloud.state[0], -1)
        broker.leave(cloud)
        return
    operation = world.operations[own.at]
    if operation.task != NONE:
        broker.execute(world, cloud, job, operation.task)
    else:
        pool.submit(world, cloud, job)


@inlined
def give_up(world: World, cloud: Cloud, job: int, status: int) -> None:
    """End a job whose task was given up."""
    if not world.rules[0].per_job:
        broker.write_row(cloud, job, status)
    cloud.progress[job].status = status
    change_present(cloud.state[0], -1)
    broker.leave(cloud)


@inlined
def _admitted(world: World, cloud: Cloud, job: int) -> bool:
    limits = world.limits
    if limits.admission != ALL:
        running = 0 if limits.admission == PENDING else broker.running(cloud)
        if not within(limits, pool.active(cloud), broker.pending(cloud), running):
            return False
    if limits.burst < 0.0:
        return True
    user = world.jobs[job].bucket
    return take_token(limits, cloud.buckets[user], world.tokens_per_s[user], cloud.state[0].now_s)
