"""What Python calls: reset a cloud, advance it to a decision, or run it under a compiled policy."""

from qcbench.kernels.compiling import inlined, kernel
from qcbench.kernels.networks import Network
from qcbench.kernels.queueing import broker, clock, learned, policies, start
from qcbench.kernels.queueing.layout import (
    DECIDE,
    NEED_DRAWS,
    NONE,
    Cloud,
    Clouds,
    World,
    Worlds,
)


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
        clouds.draws[place],
        clouds.listed[place],
        clouds.spent[place],
    )


@inlined
def opened(worlds: Worlds, clouds: Clouds, place: int) -> tuple[World, Cloud]:
    """Return one of the clouds and the world that it is in."""
    world = world_of(worlds, clouds.state[place].world)
    return world, cloud_of(clouds, place, world.rules[0].qpus)


@kernel
def reset(
    worlds: Worlds, clouds: Clouds, place: int, world: int, policy: int, parameter: float
) -> None:
    """Put a cloud back to the beginning of a world, under a compiled policy if any."""
    qpus = worlds.rules[world].qpus
    clouds.state[place].policy = policy
    clouds.state[place].parameter = parameter
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
    """Run a cloud under its compiled policy; say why it stopped."""
    world, cloud = opened(worlds, clouds, place)
    while True:
        why = clock.advance(world, cloud)
        if why != DECIDE:
            return why
        choice = policies.pick(world, cloud)
        if choice == NONE:
            return NEED_DRAWS
        policies.take(world, cloud, choice)


@kernel
def run_learned(worlds: Worlds, clouds: Clouds, place: int, network: Network) -> int:
    """Run a cloud under a trained policy; say why it stopped."""
    world, cloud = opened(worlds, clouds, place)
    while True:
        why = clock.advance(world, cloud)
        if why != DECIDE:
            return why
        broker.choose(world, cloud, learned.pick(world, cloud, network))
