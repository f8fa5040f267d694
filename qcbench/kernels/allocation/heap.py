"""The ends of what runs: a binary heap by time, then by number of the event."""

from qcbench.kernels.allocation.arrays import Row, State
from qcbench.kernels.compiling import inlined


@inlined
def push(state: State, e: int, end_s: float, number: int, slot: int) -> None:
    """Add an end; `running` of the cloud counts them."""
    cloud = state.clouds[e]
    place = cloud.running
    cloud.running += 1
    rise(state.ends[e], place, end_s, number, slot)


@inlined
def remove(state: State, e: int, place: int) -> None:
    """Take an end out; the caller counts `running` down."""
    ends = state.ends[e]
    last = state.clouds[e].running - 1
    if place == last:
        return
    row = ends[last]
    end_s, number, slot = row.end_s, row.number, row.slot
    # Sink: the earlier child goes up until both are later.
    child = 2 * place + 1
    while child < last:
        if child + 1 < last and earlier(ends[child + 1], ends[child].end_s, ends[child].number):
            child += 1
        if not earlier(ends[child], end_s, number):
            break
        move(ends, child, place)
        place = child
        child = 2 * place + 1
    rise(ends, place, end_s, number, slot)


@inlined
def rise(ends: Row, place: int, end_s: float, number: int, slot: int) -> None:
    """Put an end at a place or above it."""
    while place > 0:
        parent = (place - 1) // 2
        if not (
            end_s < ends[parent].end_s
            or (end_s == ends[parent].end_s and number < ends[parent].number)
        ):
            break
        move(ends, parent, place)
        place = parent
    ends[place].end_s = end_s
    ends[place].number = number
    ends[place].slot = slot


@inlined
def earlier(row: Row, end_s: float, number: int) -> bool:
    """Whether a row comes before a time and number."""
    return bool(row.end_s < end_s or (row.end_s == end_s and row.number < number))


@inlined
def move(ends: Row, source: int, target: int) -> None:
    """Copy a row."""
    ends[target].end_s = ends[source].end_s
    ends[target].number = ends[source].number
    ends[target].slot = ends[source].slot
