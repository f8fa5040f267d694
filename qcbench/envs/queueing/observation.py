"""What is seen of a compiled cloud when a decision is due."""

from typing import Any

import numpy as np

from qcbench.envs.steps import Config, Output, Row
from qcbench.kernels.compiling import inlined
from qcbench.kernels.queueing import broker
from qcbench.kernels.queueing.layout import Cloud, World
from qcbench.policies.features import queueing as features

observe_shared: Any = inlined(features.observe_shared)
observe_task: Any = inlined(features.observe_task)
observe_task_due: Any = inlined(features.observe_task_due)
observe_empty: Any = inlined(features.observe_empty)


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
