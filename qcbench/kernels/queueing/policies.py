"""The built-in queueing policies compiled: each returns the same choice as its namesake in Python.

A choice is a position among the tasks that fit the QPU. `needs_draws` says which ones use random
numbers; they take them from ``draws`` in the order in which the Python policy does.
"""

import numpy as np

from qcbench.kernels.queueing.broker import candidate, choices
from qcbench.kernels.queueing.codes import FAIR_SHARE, FIFO, FIFO_LEGACY, LIFO, RANDOM, WEIGHTED
from qcbench.kernels.queueing.inlined import inlined
from qcbench.kernels.queueing.layout import NONE, Cloud, World


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
    if policy == FAIR_SHARE:
        return _fair_share(world, cloud)
    return _least(cloud)


@inlined
def _draw(cloud: Cloud) -> float:
    s = cloud.state[0]
    value = cloud.draws[s.draw]
    s.draw += 1
    return value


@inlined
def _random(cloud: Cloud) -> int:
    if cloud.state[0].draw == len(cloud.draws):
        return NONE
    return int(_draw(cloud) * choices(cloud))


@inlined
def _weighted(world: World, cloud: Cloud) -> int:
    s, keys, fits = cloud.state[0], cloud.keys, cloud.fits
    count, all_fit, head = choices(cloud), s.fitting == NONE, s.head
    highest = world.rules[0].highest_priority
    while s.draw + 2 <= len(cloud.draws):
        choice = int(_draw(cloud) * count)
        if _draw(cloud) * highest < keys[head + (choice if all_fit else fits[choice])]:
            return choice
    return NONE


@inlined
def _least(cloud: Cloud) -> int:
    """The first of the tasks with the least key."""
    s, keys, fits = cloud.state[0], cloud.keys, cloud.fits
    count, head = choices(cloud), s.head
    best, least = 0, np.inf
    if s.fitting == NONE:
        for choice in range(count):
            if keys[head + choice] < least:
                best, least = choice, keys[head + choice]
    else:
        for choice in range(count):
            if keys[head + fits[choice]] < least:
                best, least = choice, keys[head + fits[choice]]
    return best


@inlined
def _fair_share(world: World, cloud: Cloud) -> int:
    s, keys, fits, spent = cloud.state[0], cloud.keys, cloud.fits, cloud.spent
    count, head = choices(cloud), s.head
    best, least = 0, np.inf
    if s.fitting == NONE:
        for choice in range(count):
            value = spent[int(keys[head + choice])]
            if value < least:
                best, least = choice, value
    else:
        for choice in range(count):
            value = spent[int(keys[head + fits[choice]])]
            if value < least:
                best, least = choice, value
    job = candidate(cloud, best)
    s.level = max(s.level, least)
    exec_s = world.estimate_s[cloud.progress[job].task, s.deciding]
    spent[world.jobs[job].user] = s.level + exec_s / world.jobs[job].priority
    return best


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
