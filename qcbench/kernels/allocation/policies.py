"""Compiled twins of the built-in allocation policies: they write the chain, and return its length.

0 parts is to wait. The originals are in `qcbench.policies.allocation`; every twin decides like its
original, ties included.
"""

from typing import NamedTuple

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.fleet.profile import Fleet
from qcbench.kernels.allocation.arrays import State, Worlds
from qcbench.kernels.compiling import inlined
from qcbench.policies.allocation.fair import EPSILON
from qcbench.policies.splitting import LEAST_PARTS, error_scores

NAMES = ("speed", "fidelity", "fair", "fewest_parts", "proportional", "random")
SPEED, FIDELITY, FAIR, FEWEST_PARTS, PROPORTIONAL, RANDOM = range(len(NAMES))
IN_PYTHON = -1
"""The kind of a policy that has no twin."""


class Twin(NamedTuple):
    """A policy as numbers.

    Attributes:
        kind: index in `NAMES`, or `IN_PYTHON`.
        widest: qubits of the largest QPU.
        score: error score of each QPU, shape (QPUs,).
        least_errors: the QPUs by it.
        orders: random ones of the QPUs for the first decisions, shape (decisions, QPUs).
    """

    kind: int
    widest: int
    score: FloatArray
    least_errors: IntArray
    orders: IntArray


def twin_of(name: str, fleet: Fleet) -> Twin:
    """Return the twin of a built-in policy, or that it must be asked in Python."""
    ranks = name in ("fair", "fidelity")
    score = error_scores(fleet, name) if ranks else np.zeros(len(fleet))
    return Twin(
        kind=NAMES.index(name) if name in NAMES else IN_PYTHON,
        widest=int(fleet.qubits.max()),
        score=score + EPSILON,
        least_errors=np.argsort(score, kind="stable").astype(np.int64),
        orders=np.zeros((0, len(fleet)), dtype=np.int64),
    )


def draw_orders(rng: np.random.Generator, count: int, qpus: int) -> IntArray:
    """Draw orders of the QPUs, the same as that many calls of ``rng.permutation(qpus)``."""
    return rng.permuted(np.tile(np.arange(qpus), (count, 1)), axis=1)


@inlined
def decide(twin: Twin, worlds: Worlds, state: State, e: int) -> int:
    """Decide on the task that is looked at."""
    if twin.kind == RANDOM:
        return random(twin, worlds, state, e)
    if twin.kind == FEWEST_PARTS:
        return fewest_parts(worlds, state, e)
    if twin.kind == PROPORTIONAL:
        return proportional(twin, worlds, state, e)
    return published(twin, worlds, state, e)


@inlined
def published(twin: Twin, worlds: Worlds, state: State, e: int) -> int:  # noqa: PLR0912
    """Decide like the modes of the allocation study, `qcbench.policies.splitting`."""
    cloud = state.clouds[e]
    qubits = worlds.tasks[cloud.world, cloud.task].qubits
    free = state.free[e]
    ranking = state.ranking[e]
    size = len(free)
    if qubits <= twin.widest:
        rank(twin, worlds, state, e, True)
        for place in range(size):
            if free[ranking[place]] >= qubits:
                state.chain_qpu[e, 0] = ranking[place]
                state.chain_qubits[e, 0] = qubits
                return 1
        if cloud.running:
            return 0
        rank(twin, worlds, state, e, False)
        return even_within(state, e, qubits, size)
    rank(twin, worlds, state, e, False)
    chain_qpu, chain_qubits = state.chain_qpu[e], state.chain_qubits[e]
    least = qubits / size
    eligible = 0
    most = 0
    for place in range(size):
        qpu = ranking[place]
        if free[qpu] >= least:
            chain_qpu[eligible] = qpu
            eligible += 1
            most = max(most, free[qpu])
    if eligible >= LEAST_PARTS:
        count = eligible
        if twin.kind == FIDELITY:
            count = min(eligible, -(-qubits // most))
        part, more = divmod(qubits, count)
        fits = True
        for place in range(count):
            chain_qubits[place] = part + (1 if place < more else 0)
            fits = fits and chain_qubits[place] <= free[chain_qpu[place]]
        if fits:
            return without_empty(state, e, count)
        for place in range(count):
            ranking[place] = chain_qpu[place]
        parts = even_within(state, e, qubits, count)
        if parts:
            return parts
        if cloud.running:
            return 0
        rank(twin, worlds, state, e, False)
    if cloud.running:
        return 0
    return even_within(state, e, qubits, size)


@inlined
def rank(twin: Twin, worlds: Worlds, state: State, e: int, small: bool) -> None:
    """Put the QPUs into the policy's order; `small` tasks fit one QPU."""
    cloud = state.clouds[e]
    ranking = state.ranking[e]
    size = len(ranking)
    if twin.kind == FIDELITY:
        for place in range(size):
            ranking[place] = twin.least_errors[place]
        return
    if twin.kind == SPEED and not small:
        for place in range(size):
            ranking[place] = place
        return
    key = state.share[e]
    for qpu in range(size):
        key[qpu] = worlds.exec_s[cloud.world, cloud.task, qpu]
        if twin.kind == FAIR:
            key[qpu] *= twin.score[qpu]
        place = qpu
        while place > 0 and key[ranking[place - 1]] > key[qpu]:
            ranking[place] = ranking[place - 1]
            place -= 1
        ranking[place] = qpu


@inlined
def even_within(state: State, e: int, qubits: int, count: int) -> int:
    """Split as evenly as what is free allows over the first QPUs of the ranking."""
    free, ranking = state.free[e], state.ranking[e]
    chain_qpu, chain_qubits = state.chain_qpu[e], state.chain_qubits[e]
    unfilled = 0
    for place in range(count):
        chain_qpu[place] = ranking[place]
        chain_qubits[place] = 0
        unfilled += 1 if free[ranking[place]] > 0 else 0
    left = qubits
    while left > 0 and unfilled > 0:
        share, more = divmod(left, unfilled)
        turn = 0
        remaining = 0
        for place in range(count):
            room = free[chain_qpu[place]] - chain_qubits[place]
            if room > 0:
                part = min(share + (1 if turn < more else 0), room)
                chain_qubits[place] += part
                left -= part
                turn += 1
                remaining += 1 if part < room else 0
        unfilled = remaining
    if left > 0:
        return 0
    return without_empty(state, e, count)


@inlined
def without_empty(state: State, e: int, count: int) -> int:
    """Leave out parts of a chain that have no qubits."""
    parts = 0
    for place in range(count):
        if state.chain_qubits[e, place] > 0:
            state.chain_qpu[e, parts] = state.chain_qpu[e, place]
            state.chain_qubits[e, parts] = state.chain_qubits[e, place]
            parts += 1
    return parts


@inlined
def rank_emptiest(state: State, e: int) -> None:
    """Put the QPUs with the most free qubits first."""
    free, ranking = state.free[e], state.ranking[e]
    for qpu in range(len(free)):
        place = qpu
        while place > 0 and free[ranking[place - 1]] < free[qpu]:
            ranking[place] = ranking[place - 1]
            place -= 1
        ranking[place] = qpu


@inlined
def fewest_parts(worlds: Worlds, state: State, e: int) -> int:
    """Take all that is free, the emptiest QPU first."""
    rank_emptiest(state, e)
    return one_after_the_other(worlds, state, e)


@inlined
def one_after_the_other(worlds: Worlds, state: State, e: int) -> int:
    """Take all that is free on the QPUs of the ranking; the chain is in the fleet's order."""
    cloud = state.clouds[e]
    left = worlds.tasks[cloud.world, cloud.task].qubits
    free, ranking = state.free[e], state.ranking[e]
    size = len(free)
    for qpu in range(size):
        state.chain_qpu[e, qpu] = qpu
        state.chain_qubits[e, qpu] = 0
    for place in range(size):
        part = min(free[ranking[place]], left)
        state.chain_qubits[e, ranking[place]] = part
        left -= part
    return without_empty(state, e, size)


@inlined
def proportional(twin: Twin, worlds: Worlds, state: State, e: int) -> int:
    """Split in proportion to what is free, by largest remainder."""
    cloud = state.clouds[e]
    qubits = worlds.tasks[cloud.world, cloud.task].qubits
    free, ranking = state.free[e], state.ranking[e]
    size = len(free)
    if qubits <= twin.widest:
        rank_emptiest(state, e)
        if free[ranking[0]] >= qubits:
            state.chain_qpu[e, 0] = ranking[0]
            state.chain_qubits[e, 0] = qubits
            return 1
        if cloud.running:
            return 0
    left = qubits
    for qpu in range(size):
        part, remainder = divmod(free[qpu] * qubits, cloud.free)
        state.chain_qpu[e, qpu] = qpu
        state.chain_qubits[e, qpu] = part
        left -= part
        state.share[e, qpu] = remainder
    for _ in range(left):
        largest = 0
        for qpu in range(1, size):
            if state.share[e, qpu] > state.share[e, largest]:
                largest = qpu
        state.chain_qubits[e, largest] += 1
        state.share[e, largest] = -1.0
    return without_empty(state, e, size)


@inlined
def random(twin: Twin, worlds: Worlds, state: State, e: int) -> int:
    """Take all that is free, in the random order that was drawn for this decision."""
    turn = state.clouds[e].decisions - 1
    for place in range(twin.orders.shape[1]):
        state.ranking[e, place] = twin.orders[turn, place]
    return one_after_the_other(worlds, state, e)
