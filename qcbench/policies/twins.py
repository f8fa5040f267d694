"""What a policy that runs compiled is given.

A policy owns its twin: beside its factory, its file may hold a plain function ``twin`` that takes
the same decisions from arrays, and that kernels compile into their loops. A twin that draws takes
the policy's generator as its last argument and calls it in the order in which the factory's
function does. What it remembers lies in two arrays, which ``remember(fleet, **parameters)`` beside
it makes; where parameters go beyond what the twin can do, that returns None, and the policy is
asked in Python.
"""

from typing import NamedTuple

import numpy as np

from qcbench.arrays import FloatArray, IntArray

NO_DECISION = -1
"""What a twin returns that has no decision left."""


class Memory(NamedTuple):
    """What a twin remembers, and its parameters: whole and real numbers in an order of its own."""

    whole: IntArray
    real: FloatArray


def memory(whole: int = 0, real: int = 0) -> Memory:
    """Return so many numbers, all 0."""
    return Memory(np.zeros(whole, dtype=np.int64), np.zeros(real))


class Placing(NamedTuple):
    """A decision of the placement track as in `PlacementView`: arrays, and where to look in them.

    Attributes:
        qpus: how many there are.
        now_s: the time.
        free_at_s: when QPU ``q`` will have done what it was given, at ``state_at + q``.
        exec_s, fidelity, price: of the task on QPU ``q``, at ``task_at + q``; where the task does
            not fit, the execution time is infinite.
    """

    qpus: int
    now_s: float
    free_at_s: FloatArray
    state_at: int
    exec_s: FloatArray
    fidelity: FloatArray
    price: FloatArray
    task_at: int
