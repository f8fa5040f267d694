"""The queue of a compiled cloud: waiting jobs in the order of arrival, or in that of the policy.

It lies somewhere in an array that is more than twice as long, so that both ends can move. Where in
it a task joins or leaves cannot be predicted, and neither can a loop over a few tasks; blocks of
`BLOCK` are compared and moved as a whole, with what lies beyond the ends of the queue.
"""

import numpy as np

from qcbench.kernels.compiling import inlined, offset
from qcbench.kernels.queueing.layout import BLOCK, MARGIN, Array, Cloud

LONG = 64
"""In a longer queue it is worth it to halve, and to move the shorter side."""


@inlined
def append(cloud: Cloud, job: int) -> None:
    """Put a task at the end of a queue in the order of arrival."""
    s, waiting = cloud.state[0], cloud.waiting
    if s.head + s.waiting == len(waiting) - MARGIN:
        _move(waiting, MARGIN, s.head, s.waiting)
        s.head = MARGIN
    waiting[s.head + s.waiting] = job
    s.waiting += 1


@inlined
def sort_in(cloud: Cloud, job: int, key: float) -> None:
    """Put a task into a sorted queue; those with an equal key stand in the order of arrival."""
    s, waiting, keys, progress = cloud.state[0], cloud.waiting, cloud.keys, cloud.progress
    count = s.waiting
    if s.head == MARGIN or s.head + count == len(waiting) - MARGIN:
        centre = (len(waiting) - count) >> 1
        _move(waiting, centre, s.head, count)
        _move(keys, centre, s.head, count)
        s.head = centre
    head = s.head
    end = head + count
    place = _behind(keys, head, end, key)
    ticket = progress[job].ticket
    while place > head and keys[place - 1] == key and progress[waiting[place - 1]].ticket > ticket:
        place -= 1
    if count > LONG and 2 * (place - head) > count:
        _move(waiting, place + 1, place, end - place)
        _move(keys, place + 1, place, end - place)
    else:
        _open_gap(waiting, head, place)
        _open_gap(keys, head, place)
        s.head = head - 1
        place -= 1
    waiting[offset(place)] = job
    keys[offset(place)] = key
    s.waiting = count + 1


@inlined
def take_out(cloud: Cloud, place: int) -> int:
    """Take a task out of the queue and return its job; the tasks on one side of it move up."""
    s, waiting, keys = cloud.state[0], cloud.waiting, cloud.keys
    head, count = s.head, s.waiting - 1
    job = int(np.int64(waiting[offset(head + place)]))
    s.waiting = count
    if not place or (count > LONG and 2 * place < count):
        _move(waiting, head + 1, head, place)
        if s.ranked:
            _move(keys, head + 1, head, place)
        s.head = head + 1
    else:
        _close_gap(waiting, head + place, head + count)
        if s.ranked:
            _close_gap(keys, head + place, head + count)
    return job


@inlined
def _behind(keys: Array, low: int, high: int, key: float) -> int:
    """Return the place behind all keys that are not greater."""
    while low < high:
        middle = (low + high) >> 1
        if keys[offset(middle)] <= key:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def _open_gap(values: Array, begin: int, end: int) -> None:
    """Move what lies in begin..end, and up to a block before it, one place down."""
    for block in range(end - (end - begin + BLOCK - 1) // BLOCK * BLOCK, end, BLOCK):
        at = offset(block - 1)
        for place in range(BLOCK):
            values[at + place] = values[at + place + 1]


@inlined
def _close_gap(values: Array, gap: int, end: int) -> None:
    """Move what lies in gap + 1..end, and up to a block behind it, one place down."""
    for block in range(gap, end, BLOCK):
        at = offset(block)
        for place in range(BLOCK):
            values[at + place] = values[at + place + 1]


@inlined
def _move(values: Array, to: int, begin: int, count: int) -> None:
    """Move values within one array."""
    if to < begin:
        for place in range(count):
            values[offset(to + place)] = values[offset(begin + place)]
    else:
        for place in range(count - 1, -1, -1):
            values[offset(to + place)] = values[offset(begin + place)]
