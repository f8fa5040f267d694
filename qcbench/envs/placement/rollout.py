"""Many decisions without a way back to Python: what a simple policy earns, as fast as it goes.

For baselines, for sweeps over worlds, and to see what the kernel itself can do.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.envs.placement.batch import Arrays, conclude, due_now
from qcbench.envs.placement.vector import PlacementVectorEnv
from qcbench.envs.steps import (
    EPISODE,
    NOT_BEGUN,
    RESULT,
    RUNNING,
    Config,
    Table,
    next_world,
)
from qcbench.errors import InputError, nearest
from qcbench.kernels.compiling import called, kernel
from qcbench.kernels.placement import step
from qcbench.kernels.placement.step import OVER, make_state
from qcbench.kernels.twins import asker
from qcbench.policies.twins import Memory, Placing, memory

PLAIN = ("earliest_completion", "earliest_available", "fastest", "best_fidelity")
POLICIES = ("random", "random_fitting", *PLAIN)
"""`random` takes any QPU, `random_fitting` any that the task fits; the others are the policies of
these names, which remember nothing."""

RANDOM, RANDOM_FITTING = range(2)

choose = asker("placement", among=PLAIN, first=2)


class Sums(NamedTuple):
    """Sums over a rollout, one entry each.

    Attributes:
        reward, completion_s: rewards; completion times of tasks done in episodes that ended.
        counts: decisions, violations, episodes that ended, and tasks done in them.
    """

    reward: FloatArray
    completion_s: FloatArray
    counts: IntArray


@dataclass(frozen=True)
class Rollout:
    """What came of many decisions.

    Attributes:
        decisions: taken, violations included.
        violations: infeasible ones.
        episodes: that ended.
        done: tasks done in them.
        mean_completion_s: mean completion time of these.
        mean_reward: of a decision.
    """

    decisions: int
    violations: int
    episodes: int
    done: int
    mean_completion_s: float
    mean_reward: float


def fused_rollout(
    envs: PlacementVectorEnv, decisions: int, policy: str = "random", seed: int = 0
) -> Rollout:
    """Take decisions in the worlds of a vector environment, which stays as it is.

    As many clouds as there are environments begin anew, the first with ``seed``, the others count
    on, and each takes its share of the decisions, rounded up.

    Raises:
        InputError: an unknown policy, no decisions, or worlds in which something can fail.
    """
    if policy not in POLICIES:
        raise InputError(f"policy {policy}: cannot be rolled out{nearest(policy, POLICIES)}")
    if decisions < 1 or seed < 0:
        raise InputError(f"decisions {decisions}, seed {seed}: must be positive, not negative")
    bank = envs.bank
    if bank.chances is not None:
        raise InputError(
            f"{envs.options.source.name}: QPUs fail, times are uncertain or jobs are turned away; "
            "step the environments instead"
        )
    count = envs.num_envs
    episodes = np.zeros(count, dtype=EPISODE)
    episodes["seed"] = seed + np.arange(count)
    episodes["number"] = -1
    episodes["ended"] = NOT_BEGUN
    sums = Sums(np.zeros(1), np.zeros(1), np.zeros(4, dtype=np.int64))
    state = make_state(count, bank.worlds)
    each = -(-decisions // count)
    rule = POLICIES.index(policy)
    _roll(
        Arrays(bank.worlds, state, bank.limits.delay_s, bank.limits.horizon_s, np.zeros(0)),
        envs.config,
        episodes,
        np.zeros(1, dtype=RESULT),
        rule,
        memory(),
        each,
        sums,
    )
    taken, violations, ended, done = sums.counts.tolist()
    return Rollout(
        decisions=taken,
        violations=violations,
        episodes=ended,
        done=done,
        mean_completion_s=float(sums.completion_s[0]) / done if done else float("nan"),
        mean_reward=float(sums.reward[0]) / taken,
    )


@kernel
def _roll(
    arrays: Arrays,
    config: Config,
    episodes: Table,
    results: Table,
    rule: int,
    nothing: Memory,
    each: int,
    sums: Sums,
) -> None:
    """Take ``each`` decisions in every cloud, one cloud after the other."""
    worlds, state, horizon_s = arrays.worlds, arrays.state, arrays.horizon_s
    qpus = len(worlds.qpu_qubits)
    reward_sum, completion_s = 0.0, 0.0
    violations = ended = done = 0
    for e in range(len(episodes)):
        cloud, episode, result = state.clouds[e], episodes[e], results[0]
        random = np.uint32(episode.seed * 2654435761 + 1013904223)
        for _ in range(each):
            if episode.ended != RUNNING:
                while True:
                    world = next_world(config, episode)
                    first_s = worlds.arrival_s[world * worlds.width]
                    if worlds.tasks[world] > 0 and first_s < horizon_s:
                        break
                step.begin(worlds, state, e, world)
                episode.violations = 0
                episode.ended = RUNNING
            task_at = (cloud.world * worlds.width + cloud.task) * worlds.stride
            choice: Any = 0
            if rule <= RANDOM_FITTING:
                random = np.uint32(random * np.uint32(1664525) + np.uint32(1013904223))
                drawn = np.uint32(random ^ (random >> np.uint32(15)))
                if rule == RANDOM:
                    choice = (np.int64(drawn) * qpus) >> 32
                else:
                    choice = _fitting(qpus, drawn, worlds.exec_s, task_at)
            else:
                view = Placing(
                    qpus,
                    cloud.now_s,
                    state.free_at_s,
                    e * qpus,
                    worlds.exec_s,
                    worlds.fidelity,
                    worlds.price,
                    task_at,
                )
                choice = choose(rule, view, nothing, 0)
            reward, violated = due_now(
                worlds,
                config,
                cloud,
                choice,
                state.free_at_s[e * qpus + choice],
                arrays.delay_s,
            )
            reward_sum += reward
            violations += 1 if violated else 0
            step.place(worlds, state, e, choice, arrays.delay_s)
            step.advance(worlds, state, e)
            if (
                cloud.task == OVER
                or cloud.now_s >= horizon_s
                or cloud.decisions >= config.max_decisions
            ):
                episode.ended = NOT_BEGUN
                conclude(arrays, result, e)
                ended += 1
                done += result.done
                completion_s += result.completion_s * result.done if result.done > 0 else 0.0
    sums.reward[0], sums.completion_s[0] = reward_sum, completion_s
    sums.counts[0], sums.counts[1] = len(episodes) * each, violations
    sums.counts[2], sums.counts[3] = ended, done


@called
def _fitting(qpus: int, drawn: np.uint32, exec_s: FloatArray, task_at: int) -> int:
    """Return one of the QPUs that the task fits; ``drawn`` is uniform below 2^32."""
    fitting = 0
    for q in range(qpus):
        fitting += 1 if exec_s[task_at + q] < np.inf else 0
    left = (np.int64(drawn) * fitting) >> 32
    for q in range(qpus):
        if exec_s[task_at + q] < np.inf:
            if left == 0:
                return q
            left -= 1
    return 0
