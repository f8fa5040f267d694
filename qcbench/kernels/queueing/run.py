"""What Python calls: reset a cloud, advance it to a decision, or run it under a twin."""

from qcbench.kernels.compiling import inlined, kernel
from qcbench.kernels.queueing import broker, clock, start
from qcbench.kernels.queueing.layout import (
    DECIDE,
    NEED_DRAWS,
    NONE,
    Cloud,
    Clouds,
    World,
    Worlds,
)
from qcbench.kernels.twins import asker
from qcbench.policies.twins import NO_DECISION, Choosing

choose, taken = asker("queueing"), asker("queueing", "taken")


@inlined
def world_of(worlds: Worlds, place: int) -> World:
    """Return one of the worlds."""
    qpus = worlds.rules[place].qpus
    return World(
        worlds.limits,
        worlds.rules[place : place + 1],
        worlds.jobs[place],
        worlds.operations[place],
        worlds.tasks[place],
        worlds.devices[place, :qpus],
        worlds.estimate_s[place],
        worlds.fidelity[place],
        worlds.tokens_per_s[place],
        worlds.gap_s[place],
    )


@inlined
def cloud_of(clouds: Clouds, place: int, qpus: int) -> Cloud:
    """Return one of the clouds."""
    return Cloud(
        clouds.state[place : place + 1],
        clouds.qpus[place, :qpus],
        clouds.progress[place],
        clouds.rows[place],
        clouds.sharing[place],
        clouds.booting[place],
        clouds.idle_s[place],
        clouds.waiting[place],
        clouds.keys[place],
        clouds.fits[place],
        clouds.lost[place],
        clouds.buckets[place],
        clouds.twin,
    )


@inlined
def opened(worlds: Worlds, clouds: Clouds, place: int) -> tuple[World, Cloud]:
    """Return one of the clouds and the world that it is in."""
    world = world_of(worlds, clouds.state[place].world)
    return world, cloud_of(clouds, place, world.rules[0].qpus)


@kernel
def reset(worlds: Worlds, clouds: Clouds, place: int, world: int, ranked: bool) -> None:
    """Put a cloud back to the beginning of a world; `ranked` says how its queue is kept."""
    qpus = worlds.rules[world].qpus
    clouds.state[place].ranked = ranked
    start.clear(world_of(worlds, world), cloud_of(clouds, place, qpus), world)


@kernel
def advance(worlds: Worlds, clouds: Clouds, place: int, choice: int) -> int:
    """Take a decision, if one is due, and go on to the next; say why it stopped."""
    world, cloud = opened(worlds, clouds, place)
    if choice != NONE:
        broker.choose(world, cloud, choice)
    return clock.advance(world, cloud)


@kernel
def run(worlds: Worlds, clouds: Clouds, place: int) -> int:
    """Run a cloud under its twin; say why it stopped."""
    world, cloud = opened(worlds, clouds, place)
    while True:
        why = clock.advance(world, cloud)
        if why != DECIDE:
            return why
        twin, choice = cloud.twin, 0
        if cloud.state[0].ranked:
            broker.refresh(world, cloud)
            job, qpu = broker.candidate(cloud, 0), cloud.state[0].deciding
            task = broker.waiting_of(world.jobs, cloud.progress, job)
            taken(twin.rule, task, twin.memory, world.estimate_s[task.row, qpu])
        else:
            choice = choose(twin.rule, view_of(world, cloud), twin.memory, twin.drawn)
            if choice == NO_DECISION:
                return NEED_DRAWS
        broker.choose(world, cloud, choice)


@inlined
def view_of(world: World, cloud: Cloud) -> Choosing:
    """Return what a policy sees at the decision that is due."""
    s = cloud.state[0]
    return Choosing(
        broker.choices(cloud),
        s.fitting == NONE,
        s.now_s,
        s.deciding,
        world.rules[0].highest_priority,
        world.rules[0].alike,
        world.estimate_s,
        world.devices,
        cloud.waiting,
        s.head,
        cloud.fits,
        world.jobs,
        cloud.progress,
    )
