"""A binary heap of records with the fields `key`, `tie` and `item`: least key first, then tie."""

from typing import Any

import numpy as np

from qcbench.kernels.compiling import inlined


@inlined
def push(heap: Any, count: int, key: float, tie: int, item: int) -> None:
    """Add to a heap of ``count`` entries."""
    _rise(heap, count, key, tie, item)


@inlined
def remove(heap: Any, count: int, place: int) -> None:
    """Take out the entry at a place, of a heap of which ``count`` others are left."""
    if place == count:
        return
    key, tie, item = (
        heap[count].key,
        int(np.int64(heap[count].tie)),
        int(np.int64(heap[count].item)),
    )
    # The last one sinks from there: the earlier child goes up until both are later.
    child = 2 * place + 1
    while child < count:
        right = child + 1
        if right < count and _before(heap, right, heap[child].key, heap[child].tie):
            child = right
        if not _before(heap, child, key, tie):
            break
        heap[place] = heap[child]
        place = child
        child = 2 * place + 1
    _rise(heap, place, key, tie, item)


@inlined
def _rise(heap: Any, place: int, key: float, tie: int, item: int) -> None:
    """Put an entry at a place or above it."""
    while place > 0:
        parent = (place - 1) >> 1
        if not (key < heap[parent].key or (key == heap[parent].key and tie < heap[parent].tie)):
            break
        heap[place] = heap[parent]
        place = parent
    heap[place].key = key
    heap[place].tie = tie
    heap[place].item = item


@inlined
def _before(heap: Any, place: int, key: float, tie: int) -> bool:
    return heap[place].key < key or (heap[place].key == key and tie > heap[place].tie)
