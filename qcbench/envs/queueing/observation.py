"""What is seen of a compiled cloud when a decision is due."""

from typing import Any

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.envs.steps import Config, Output, Row
from qcbench.kernels.compiling import called, inlined, offset
from qcbench.kernels.queueing import broker
from qcbench.kernels.queueing.layout import Cloud, World
from qcbench.kernels.queueing.run import view_of
from qcbench.kernels.twins import compiled
from qcbench.policies.features import queueing as features
from qcbench.policies.features import queueing_relative

observe_shared: Any = inlined(features.observe_shared)
observe_task: Any = inlined(features.observe_task)
observe_task_due: Any = inlined(features.observe_task_due)
observe_empty: Any = inlined(features.observe_empty)
observe_relative: Any = compiled(queueing_relative.observe)
notice: Any = called(queueing_relative.notice)


@inlined
def see(world: World, cloud: Cloud, config: Config, episode: Row, e: int, out: Output) -> None:
    """Write the observation and the mask of the decision that is due."""
    s, slots = cloud.state[0], config.slots
    now_s, qpu, observation = s.now_s, s.deciding, out.observation
    count = broker.choices(cloud)
    seen = min(count, slots)
    shortest_s, fresh = np.inf, 0
    for place in range(seen):
        own = cloud.progress[broker.candidate(cloud, place)]
        shortest_s = min(shortest_s, world.estimate_s[own.task, qpu])
        fresh += own.attained_s == 0.0
    at, each = e * config.size, config.each
    qubits = world.devices[qpu].qubits
    observe_shared(
        count,
        seen,
        now_s - cloud.progress[broker.candidate(cloud, 0)].joined_s,
        shortest_s,
        fresh,
        qubits,
        config.largest,
        now_s - episode.before_s,
        now_s - episode.first_s,
        observation,
        at,
    )
    episode.before_s = now_s
    newest_s = now_s - cloud.progress[broker.candidate(cloud, seen - 1)].joined_s
    at += config.shared
    for place in range(seen):
        job = broker.candidate(cloud, place)
        own = cloud.progress[job]
        observe_task(
            now_s - own.joined_s,
            now_s - world.jobs[job].arrival_s,
            newest_s,
            world.jobs[job].priority,
            world.rules[0].highest_priority,
            world.estimate_s[own.task, qpu],
            shortest_s,
            own.attained_s,
            own.qubits,
            qubits,
            observation,
            at,
        )
        if config.due:
            observe_task_due(
                now_s,
                world.jobs[job].arrival_s,
                world.jobs[job].due_s,
                world.jobs[job].value,
                world.estimate_s[own.task, qpu],
                observation,
                at,
            )
        out.mask[e * slots + place] = 1
        at += each
    for place in range(seen, slots):
        observe_empty(observation, at, each)
        out.mask[e * slots + place] = 0
        at += each


@inlined
def see_relative(
    world: World, cloud: Cloud, config: Config, memory: FloatArray, e: int, out: Output
) -> None:
    """Write the observation in figures of the workload itself, and the mask."""
    slots, view = config.slots, view_of(world, cloud)
    at = offset(e * config.size)
    seen = observe_relative(
        view, slots, memory, offset(e * queueing_relative.MEMORY), out.observation, at
    )
    at += config.shared + seen * config.each
    for place in range(slots):
        out.mask[offset(e * slots + place)] = 1 if place < seen else 0
        if place >= seen:
            observe_empty(out.observation, at, config.each)
            at += config.each


@inlined
def pass_by(world: World, cloud: Cloud, memory: FloatArray, e: int) -> None:
    """Remember what there is at a decision that is not the agent's."""
    notice(view_of(world, cloud), memory, offset(e * queueing_relative.MEMORY))
