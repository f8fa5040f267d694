"""The built-in queueing policies compiled: each returns the same choice as its namesake in Python.

A choice is a position among the tasks that fit the QPU. `needs_draws` says which ones use random
numbers; they take them from ``draws`` in the order in which the Python policy does.
"""

from qcbench.kernels.compiling import inlined, offset
from qcbench.kernels.queueing.broker import candidate, choices, choose
from qcbench.kernels.queueing.codes import FAIR_SHARE, FIFO, FIFO_LEGACY, LIFO, RANDOM, WEIGHTED
from qcbench.kernels.queueing.layout import NONE, Cloud, World
from qcbench.kernels.queueing.queue import sort_in, take_out

TRIES = 4
"""Tasks that `weighted` looks at at once."""


@inlined
def pick(world: World, cloud: Cloud) -> int:
    """Return the choice of the cloud's policy, `NONE` where it has run out of random numbers."""
    policy = cloud.state[0].policy
    if policy == FIFO:
        return 0
    if policy == LIFO:
        return choices(cloud) - 1
    if policy == RANDOM:
        return _random(cloud)
    if policy == WEIGHTED:
        return _weighted(world, cloud)
    if policy == FIFO_LEGACY:
        return _fifo_legacy(world, cloud)
    return 0  # the queue is in the order of the policy


@inlined
def take(world: World, cloud: Cloud, choice: int) -> None:
    """Take the policy's decision, and remember what it needs for its next ones."""
    job, qpu = candidate(cloud, choice), cloud.state[0].deciding
    choose(world, cloud, choice)
    if cloud.state[0].policy == FAIR_SHARE:
        _charge(world, cloud, job, world.estimate_s[cloud.progress[job].task, qpu])


@inlined
def _charge(world: World, cloud: Cloud, job: int, exec_s: float) -> None:
    """Let the virtual time of a task's user grow, and with it the keys of the user's other tasks.

    All of these have the same key, and move towards the end of the queue.
    """
    s, user = cloud.state[0], world.jobs[job].user
    before = cloud.spent[user]
    s.level = max(s.level, before)
    key = s.level + exec_s / world.jobs[job].priority
    cloud.spent[user] = key
    if user >= len(cloud.buckets) or key == before:  # a job that counts as a user has but one task
        return
    place = 0
    while place < s.waiting and cloud.keys[s.head + place] <= before:
        if world.jobs[cloud.waiting[s.head + place]].user == user:
            sort_in(cloud, take_out(cloud, place), key)
        else:
            place += 1


@inlined
def _draw(cloud: Cloud) -> float:
    s = cloud.state[0]
    value = cloud.draws[offset(s.draw)]
    s.draw += 1
    return value


@inlined
def _random(cloud: Cloud) -> int:
    if cloud.state[0].draw == len(cloud.draws):
        return NONE
    return int(_draw(cloud) * choices(cloud))


@inlined
def _weighted(world: World, cloud: Cloud) -> int:
    """Look at several tries at once: which of them is kept cannot be predicted."""
    s, draws = cloud.state[0], cloud.draws
    count, highest = choices(cloud), world.rules[0].highest_priority
    while s.draw + 2 * TRIES <= len(draws):
        chosen, used = NONE, 2 * TRIES
        for back in range(1, TRIES + 1):
            at = offset(s.draw + 2 * (TRIES - back))
            choice = int(draws[at] * count)
            priority = world.jobs[offset(candidate(cloud, choice))].priority
            kept = draws[at + 1] * highest < priority
            chosen = choice if kept else chosen
            used = 2 * (TRIES + 1 - back) if kept else used
        s.draw += used
        if chosen != NONE:
            return chosen
    return NONE


@inlined
def _fifo_legacy(world: World, cloud: Cloud) -> int:
    """Take the first of the list that fits; its last entry takes that place."""
    s, listed, progress = cloud.state[0], cloud.listed, cloud.progress
    count = choices(cloud)
    first = 0
    if world.rules[0].alike:  # those who are new to the list are at the end of the queue
        first = count
        while first and not progress[candidate(cloud, first - 1)].listed:
            first -= 1
    for choice in range(first, count):
        job = candidate(cloud, choice)
        if not progress[job].listed:
            progress[job].listed = True
            listed[s.listed] = job
            s.listed += 1
    capacity = world.devices[s.deciding].qubits
    place = 0
    while progress[listed[place]].qubits > capacity:
        place += 1
    chosen = listed[place]
    progress[chosen].listed = False
    s.listed -= 1
    listed[place] = listed[s.listed]
    return _position(cloud, progress[chosen].ticket)


@inlined
def _position(cloud: Cloud, ticket: int) -> int:
    """Position among the choices of the task with this ticket; tickets grow along the queue."""
    low, high = 0, choices(cloud)
    while low < high:
        middle = (low + high) >> 1
        if cloud.progress[candidate(cloud, middle)].ticket < ticket:
            low = middle + 1
        else:
            high = middle
    return low
