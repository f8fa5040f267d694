"""Which policies have a compiled twin, and the one function that asks any of them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.fleet.profile import Fleet
from qcbench.kernels.compiling import drawing
from qcbench.kernels.placement import twins
from qcbench.kernels.placement.lookahead import MOST_SAMPLES, Lookahead, lookahead, make_lookahead
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.placement.greedy_error import readout_errors
from qcbench.policies.placement.scripted import read_actions
from qcbench.policies.weights import weighed_prices

TWINS = (
    "earliest_completion",
    "earliest_available",
    "fastest",
    "best_fidelity",
    "greedy",
    "greedy_error",
    "random",
    "round_robin",
    "weighted",
    "scripted",
    "lookahead",
)
"""Policies that run without Python; their positions are `Twin.rule`."""

(
    EARLIEST_COMPLETION,
    EARLIEST_AVAILABLE,
    FASTEST,
    BEST_FIDELITY,
    GREEDY,
    GREEDY_ERROR,
    RANDOM,
    ROUND_ROBIN,
    WEIGHTED,
    SCRIPTED,
    LOOKAHEAD,
) = range(len(TWINS))

NONE_LEFT = -1
"""In the place of a choice: the script has ended."""


class Twin(NamedTuple):
    """A policy with what it remembers, for one trial.

    Attributes:
        rule: position in `TWINS`.
        memory: decisions taken, and violations in a row, shape (2,).
        weights: of `weighted`.
        tie_break: of `greedy_error`, shape (QPUs,).
        script: of `scripted`.
        lookahead: of `lookahead`.
    """

    rule: int
    memory: IntArray
    weights: FloatArray
    tie_break: FloatArray
    script: IntArray
    lookahead: Lookahead


def make_twin(policy: PolicyConfig, fleet: Fleet) -> Twin | None:
    """Return the twin of a policy whose parameters have been checked, None where it has none."""
    if policy.name not in TWINS:
        return None
    known = registry.find("placement", policy.name).parameters
    told = {name: parameter.default for name, parameter in known.items()} | policy.parameters
    if told.get("samples", 1) > MOST_SAMPLES:
        return None
    if policy.name == "weighted":
        weighed_prices(fleet, float(told["price"]))
    actions = []
    if "file" in told:
        actions = read_actions(Path(told["file"]), len(fleet), told["sha256"])
    return Twin(
        rule=TWINS.index(policy.name),
        memory=np.zeros(2, dtype=np.int64),
        weights=np.array([float(told.get(name, 0.0)) for name in ("time", "fidelity", "price")]),
        tie_break=(
            readout_errors(fleet) if policy.name == "greedy_error" else np.zeros(len(fleet))
        ),
        script=np.array(actions, dtype=np.int64),
        lookahead=make_lookahead(len(fleet), told.get("horizon", 1), told.get("samples", 1)),
    )


@drawing
def choose(
    twin: Twin,
    rng: np.random.Generator,
    qpus: int,
    now_s: float,
    free_at_s: FloatArray,
    state_at: int,
    exec_s: FloatArray,
    fidelity: FloatArray,
    price: FloatArray,
    task_at: int,
) -> int:
    """Return the index of a QPU, or `NONE_LEFT`."""
    turn = twin.memory[0]
    twin.memory[0] += 1
    if twin.rule == EARLIEST_COMPLETION:
        return twins.earliest_completion(qpus, now_s, free_at_s, state_at, exec_s, task_at)
    if twin.rule == EARLIEST_AVAILABLE:
        return twins.earliest_available(qpus, free_at_s, state_at, exec_s, task_at)
    if twin.rule == FASTEST:
        return twins.fastest(qpus, exec_s, task_at)
    if twin.rule == BEST_FIDELITY:
        return twins.best_fidelity(qpus, exec_s, fidelity, task_at)
    if twin.rule in (GREEDY, GREEDY_ERROR):
        skipped = twin.memory[1] % qpus
        choice = twins.by_free_time(qpus, skipped, free_at_s, state_at, twin.tie_break)
        fits = exec_s[task_at + choice] < np.inf
        twin.memory[1] = 0 if fits else twin.memory[1] + 1
        return choice
    if twin.rule == RANDOM:
        return int(rng.integers(0, qpus))
    if twin.rule == ROUND_ROBIN:
        return turn % qpus
    if twin.rule == WEIGHTED:
        return twins.weighted(
            qpus, now_s, free_at_s, state_at, exec_s, fidelity, price, task_at, twin.weights
        )
    if twin.rule == SCRIPTED:
        return int(twin.script[turn]) if turn < len(twin.script) else NONE_LEFT
    return lookahead(twin.lookahead, rng, qpus, now_s, free_at_s, state_at, exec_s, task_at)
