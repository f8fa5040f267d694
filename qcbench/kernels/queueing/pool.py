"""The classical pool compiled, see `qcbench.cloud.pool` and `qcbench.cloud.containers`."""

import numpy as np

from qcbench.kernels.clock import next_number
from qcbench.kernels.compiling import inlined, offset
from qcbench.kernels.heap import push, remove
from qcbench.kernels.queueing.layout import NOTHING, Cloud, World


@inlined
def active(cloud: Cloud) -> int:
    """Tasks in the pool, those that wait for their container included."""
    return cloud.state[0].sharing + cloud.state[0].starting


@inlined
def area(cloud: Cloud) -> float:
    """Integral over time of the tasks that share the workers, up to now."""
    s = cloud.state[0]
    return s.pool_area + (s.now_s - s.changed_s) * s.sharing


@inlined
def submit(world: World, cloud: Cloud, job: int) -> None:
    """Start a job's classical task, or boot a container for it."""
    if world.rules[0].cold:
        delay_s = _acquire(world, cloud)
        if delay_s > 0.0:
            _boot(cloud, job, cloud.state[0].now_s + delay_s)
            return
    enter(world, cloud, job)


@inlined
def enter(world: World, cloud: Cloud, job: int) -> None:
    """Let a job's classical task share the workers."""
    s, heap = cloud.state[0], cloud.sharing
    operation = world.operations[offset(cloud.progress[job].at)]
    work, alone_s = operation.work, operation.alone_s
    count = s.sharing
    if count:
        _advance(world, cloud)
        s.ties += 1
        push(heap, count, s.virtual + work, s.ties, job)
        s.sharing = count + 1
        _schedule(world, cloud)
    else:
        s.changed_s = s.now_s
        heap[0].key = work
        heap[0].tie = 0
        heap[0].item = job
        s.sharing = 1
        s.alarm_s = s.now_s + alone_s
        s.alarm_number = next_number(s)


@inlined
def complete(world: World, cloud: Cloud) -> int:
    """Take out the task that is done now; return its job."""
    s, heap = cloud.state[0], cloud.sharing
    job = int(np.int64(heap[0].item))
    if s.sharing == 1:
        s.pool_area += s.now_s - s.changed_s
        s.changed_s = s.now_s
        s.virtual = 0.0
        s.sharing = 0
        s.alarm_s = np.inf
    else:
        _advance(world, cloud)
        # The alarm fires at a rounded time; the work done by then is the tag itself.
        s.virtual = heap[0].key
        s.sharing -= 1
        remove(heap, s.sharing, 0)
        _schedule(world, cloud)
    if world.rules[0].cold:
        _release(cloud)
    return job


@inlined
def ready(world: World, cloud: Cloud) -> None:
    """Begin the task whose container is ready now."""
    s, heap = cloud.state[0], cloud.booting
    job = int(np.int64(heap[0].item))
    s.starting -= 1
    remove(heap, s.starting, 0)
    enter(world, cloud, job)


@inlined
def _rate(world: World, cloud: Cloud) -> float:
    rules = world.rules[0]
    return rules.speed * min(1.0, rules.workers / cloud.state[0].sharing)


@inlined
def _advance(world: World, cloud: Cloud) -> None:
    s = cloud.state[0]
    elapsed = s.now_s - s.changed_s
    s.changed_s = s.now_s
    s.pool_area += elapsed * s.sharing
    s.virtual += elapsed * _rate(world, cloud)


@inlined
def _schedule(world: World, cloud: Cloud) -> None:
    s = cloud.state[0]
    left = max(0.0, cloud.sharing[0].key - s.virtual)
    s.alarm_s = s.now_s + left / _rate(world, cloud)
    s.alarm_number = next_number(s)


@inlined
def _acquire(world: World, cloud: Cloud) -> float:
    """Take a container; return the time until it is ready."""
    s, rules = cloud.state[0], world.rules[0]
    if s.idle_containers:
        if s.now_s - cloud.idle_s[s.idle_containers - 1] <= rules.keep_alive_s:
            s.idle_containers -= 1
            return 0.0
        s.idle_containers = 0
    if s.warm_containers:
        s.warm_containers -= 1
        s.busy_of_pool += 1
        return 0.0
    if np.isnan(s.image_s):
        s.image_s = s.now_s + rules.image_pull_s
    return max(0.0, s.image_s - s.now_s) + rules.boot_s


@inlined
def _release(cloud: Cloud) -> None:
    s = cloud.state[0]
    if s.busy_of_pool:
        s.busy_of_pool -= 1
        s.warm_containers += 1
    else:
        cloud.idle_s[s.idle_containers] = s.now_s
        s.idle_containers += 1


@inlined
def _boot(cloud: Cloud, job: int, ready_s: float) -> None:
    s, heap = cloud.state[0], cloud.booting
    s.number += 1
    s.other = NOTHING
    push(heap, s.starting, ready_s, s.number, job)
    s.starting += 1
