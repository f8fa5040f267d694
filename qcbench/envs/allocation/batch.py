"""The compiled part of the vector environments: one decision in each of many clouds."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.cloud.execution import FAILED
from qcbench.envs.dues import cost_of, settled
from qcbench.envs.steps import DUE, MORE, OVER, Config, Output, forget, stepping
from qcbench.kernels.allocation import events
from qcbench.kernels.allocation.arrays import Outcomes, Row, Settings, State, Worlds
from qcbench.kernels.allocation.begin import begin as begin_world
from qcbench.kernels.allocation.executions import start
from qcbench.kernels.allocation.quality import Quality, split_fidelity
from qcbench.kernels.allocation.waiting import pass_over
from qcbench.kernels.compiling import called, inlined, kernel, offset
from qcbench.policies.features import allocation as features
from qcbench.policies.features import allocation_action as actions_formula
from qcbench.policies.features import allocation_relative, allocation_survey, relative
from qcbench.policies.features.rewards import cost_reward

called(actions_formula._chain)
for formula in (
    *allocation_survey.FORMULAS,
    *relative.FORMULAS,
    *allocation_relative.FORMULAS,
):
    called(formula)
observe = inlined(features.observe)
observe_due = inlined(features.observe_due)
observe_relative = inlined(allocation_relative.observe)
split_from_weights = inlined(actions_formula.split_from_weights)
split_over_set = inlined(actions_formula.split_over_set)
split_over_emptiest = inlined(actions_formula.split_over_emptiest)
set_holds = inlined(actions_formula.set_holds)
cost = inlined(cost_reward)

WAIT = actions_formula.WAIT
LEAST_WEIGHT, MOST_WEIGHT = actions_formula.LEAST_WEIGHT, actions_formula.MOST_WEIGHT


class Actions(NamedTuple):
    """Actions of E environments; the array of the kind that is not taken is empty.

    Attributes:
        weights: shape (E, QPUs).
        choices: shape (E,).
    """

    weights: npt.NDArray[np.float32]
    choices: IntArray


class Arrays(NamedTuple):
    """What the kernel works on; `price` is that of a part on each QPU.

    Where the menu has sets of QPUs, actions choose one; otherwise they are weights. `paid` is as
    `qcbench.envs.dues.make_paid` gives it, `memory` what the observation remembers
    (`Layout.memory`), shape (E * numbers,).
    """

    settings: Settings
    worlds: Worlds
    quality: Quality
    price: FloatArray
    state: State
    outcomes: Outcomes
    menu: BoolArray
    paid: FloatArray
    memory: FloatArray


@kernel
def all_finite(weights: npt.NDArray[np.float32]) -> bool:
    """Whether all weights are finite, shape (E, QPUs)."""
    for e in range(weights.shape[0]):
        for qpu in range(weights.shape[1]):
            if not np.isfinite(weights[e, qpu]):
                return False
    return True


@inlined
def _write_mask(arrays: Arrays, e: int, out: Output) -> None:
    """Write which actions can be taken."""
    state, menu = arrays.state, arrays.menu
    cloud, free = state.clouds[e], state.free[e]
    task, qpus = arrays.worlds.tasks[cloud.world, cloud.task], state.free.shape[1]
    if len(menu) > 0:
        at = offset(e * (1 + len(menu)))
        out.mask[at] = 1 if cloud.running > 0 else 0
        for choice in range(len(menu)):
            out.mask[at + 1 + choice] = 1 if set_holds(menu[choice], free, task.qubits) else 0
    else:
        for qpu in range(qpus):
            out.mask[offset(e * qpus) + qpu] = 1 if free[qpu] > 0 else 0


@inlined
def _see(arrays: Arrays, config: Config, episode: Row, e: int, out: Output) -> None:
    """Write the observation and the mask of the decision that is due."""
    state, worlds = arrays.state, arrays.worlds
    cloud = state.clouds[e]
    world, place = offset(cloud.world), offset(cloud.task)
    task = worlds.tasks[world, place]
    qpus = state.free.shape[1]
    free = state.free[e]
    _write_mask(arrays, e, out)
    observe(
        qpus,
        cloud.now_s - episode.first_s,
        cloud.now_s - episode.before_s,
        cloud.decisions - 1,
        cloud.waiting,
        cloud.running,
        task.qubits,
        task.depth,
        task.two_qubit_gates,
        arrays.settings.time_per_qubit_s,
        free,
        0,
        worlds.exec_s[world, place],
        arrays.quality.fidelity[world, place],
        arrays.price[world, place],
        0,
        worlds.capacity[world],
        0,
        out.observation,
        offset(e * config.size),
        config.shared,
        config.each,
    )
    if config.due:
        observe_due(
            qpus,
            cloud.now_s,
            task.due_s,
            task.value,
            worlds.exec_s[world, place],
            0,
            out.observation,
            offset(e * config.size),
        )
    episode.before_s = cloud.now_s


@inlined
def _see_relative(arrays: Arrays, config: Config, episode: Row, e: int, out: Output) -> None:
    """Write the observation in figures of the workload itself, and the mask."""
    state, worlds = arrays.state, arrays.worlds
    cloud = state.clouds[e]
    world, place = offset(cloud.world), offset(cloud.task)
    task = worlds.tasks[world, place]
    _write_mask(arrays, e, out)
    observe_relative(
        state.free.shape[1],
        cloud.now_s,
        cloud.task,
        task.arrival_s,
        cloud.waiting,
        cloud.running,
        task.qubits,
        task.depth,
        task.two_qubit_gates,
        arrays.settings.time_per_qubit_s,
        state.free[e],
        0,
        worlds.exec_s[world, place],
        arrays.quality.fidelity[world, place],
        arrays.price[world, place],
        0,
        worlds.capacity[world],
        0,
        arrays.memory,
        offset(e * allocation_relative.MEMORY),
        out.observation,
        offset(e * config.size),
    )
    episode.before_s = cloud.now_s


@inlined
def choose(arrays: Arrays, actions: Actions, e: int, out: Output) -> int:
    """Make a chain of an action, and return its length; say whether it was a violation."""
    state = arrays.state
    cloud = state.clouds[e]
    qubits = arrays.worlds.tasks[cloud.world, cloud.task].qubits
    free, chain_qpu, chain_qubits = state.free[e], state.chain_qpu[e], state.chain_qubits[e]
    may_wait = cloud.running > 0
    if len(arrays.menu) == 0:
        for qpu in range(len(free)):
            weight = actions.weights[e, qpu]
            actions.weights[e, qpu] = min(max(weight, LEAST_WEIGHT), MOST_WEIGHT)
        return split_from_weights(
            actions.weights[e], free, qubits, may_wait, chain_qpu, chain_qubits, state.share[e]
        )
    choice = actions.choices[e]
    allowed = may_wait
    if choice != WAIT:
        allowed = set_holds(arrays.menu[choice - 1], free, qubits)
    if not allowed:
        out.violated[e] = True
        if may_wait:
            return 0
        return split_over_emptiest(free, qubits, chain_qpu, chain_qubits)
    if choice == WAIT:
        return 0
    return split_over_set(arrays.menu[choice - 1], free, qubits, chain_qpu, chain_qubits)


@inlined
def follow(arrays: Arrays, config: Config, e: int, parts: int) -> float:
    """Do what was chosen; return what is due at once."""
    settings, worlds, state = arrays.settings, arrays.worlds, arrays.state
    cloud = state.clouds[e]
    task = cloud.task
    if parts == 0:
        pass_over(state, e)
        return 0.0
    exec_s = 0.0
    comm_s = 0.0
    per_s = 0.0
    for place in range(parts):
        qpu = state.chain_qpu[e, place]
        exec_s = max(exec_s, worlds.exec_s[cloud.world, task, qpu])
        per_s += arrays.quality.price_per_s[qpu]
        if place > 0:
            sides = state.chain_qubits[e, place - 1] + state.chain_qubits[e, place]
            comm_s += settings.time_per_qubit_s * sides
    fidelity = 1.0
    if config.per_infidelity != 0.0:
        fidelity = split_fidelity(
            worlds,
            arrays.quality,
            cloud.world,
            task,
            state.chain_qpu[e],
            state.chain_qubits[e],
            parts,
        )
        if config.against_best:
            best = 0.0
            for whole in arrays.quality.fidelity[cloud.world, task]:
                best = max(best, whole)
            fidelity += 1.0 - best
    time_s = cloud.now_s - worlds.tasks[cloud.world, task].arrival_s + comm_s + exec_s
    if settings.charge:
        state.paid_s[e, task] += time_s
    promised = 0.0
    if config.counts_due:
        row = worlds.tasks[cloud.world, task]
        promised = cost_of(config, cloud.now_s + (comm_s + exec_s), row.due_s, row.value)
        arrays.paid[e, task] += promised
    start(settings, worlds, state, arrays.outcomes, e, parts)
    return -promised + cost(
        time_s,
        fidelity,
        exec_s * per_s,
        config.per_second,
        config.per_infidelity,
        config.per_price,
    )


@inlined
def _open_world(arrays: Arrays, _config: Config, world: int, e: int) -> None:
    """See `qcbench.envs.steps.stepping`, as for what follows."""
    arrays.state.clouds[e].world = world
    begin_world(arrays.settings, arrays.worlds, arrays.state, arrays.outcomes, e)


@inlined
def _advance(arrays: Arrays, _config: Config, _episode: Row, e: int) -> int:
    reason = events.advance(arrays.settings, arrays.worlds, arrays.state, arrays.outcomes, e)
    if reason == events.DRAW:
        return MORE
    return DUE if reason == events.ASK else OVER


@inlined
def _dues(arrays: Arrays, config: Config, e: int) -> float:
    """Return what has come due of the due times of jobs that have ended."""
    cloud, owed = arrays.state.clouds[e], 0.0
    for task in range(cloud.arrived):
        row, outcome = arrays.worlds.tasks[cloud.world, task], arrays.outcomes.tasks[e, task]
        if outcome.status == FAILED and cloud.lost:
            continue  # nobody has heard of it
        owed += settled(
            config,
            arrays.paid[e],
            task,
            outcome.status,
            outcome.finish_s,
            row.due_s,
            row.value,
            not arrays.settings.charge,
        )
    return owed


@inlined
def _begin(arrays: Arrays, config: Config, episode: Row, e: int) -> None:
    cloud = arrays.state.clouds[e]
    episode.first_s = episode.before_s = cloud.now_s
    cloud.dropped = cloud.failed = 0
    cloud.late_s = 0.0
    if config.counts_due:
        arrays.paid[e] = 0.0
        _dues(arrays, config, e)


@inlined
def _begin_relative(arrays: Arrays, config: Config, episode: Row, e: int) -> None:
    _begin(arrays, config, episode, e)
    forget(arrays.memory, e, len(arrays.state.clouds))


@inlined
def _act(
    arrays: Arrays, config: Config, _episode: Row, actions: Actions, e: int, out: Output
) -> None:
    parts = choose(arrays, actions, e, out)
    out.reward[e] = follow(arrays, config, e, parts)
    if out.violated[e]:
        out.reward[e] -= config.violation


@inlined
def _come_due(arrays: Arrays, config: Config, episode: Row, e: int) -> float:
    cloud = arrays.state.clouds[e]
    late = config.per_second * cloud.late_s
    due = -(config.drop * cloud.dropped + late + config.failure * cloud.failed)
    cloud.dropped = cloud.failed = 0
    cloud.late_s = 0.0
    if config.counts_due:
        due -= _dues(arrays, config, e)
    return due - config.per_elapsed * (cloud.now_s - episode.before_s)


@inlined
def _conclude(arrays: Arrays, result: Row, e: int) -> bool:
    cloud = arrays.state.clouds[e]
    result.completion_s = cloud.completion_s / cloud.done if cloud.done > 0 else np.nan
    result.world = cloud.world
    result.jobs = cloud.arrived
    result.done = cloud.done
    return bool(cloud.now_s >= arrays.settings.limits.horizon_s)


step = stepping(
    __name__,
    open_world=_open_world,
    advance=_advance,
    begin=_begin,
    act=_act,
    come_due=_come_due,
    see=_see,
    conclude=_conclude,
)

step_relative = stepping(
    __name__,
    "step_relative",
    open_world=_open_world,
    advance=_advance,
    begin=_begin_relative,
    act=_act,
    come_due=_come_due,
    see=_see_relative,
    conclude=_conclude,
)
