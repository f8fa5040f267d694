"""Trained policies of the track compiled, see `qcbench.policies.queueing.learned`.

A queue in the order of arrival is observed as `qcbench.policies.features.observer` does it, by the
same formulas, and scored by the compiled network.
"""

import numpy as np

from qcbench.kernels import networks
from qcbench.kernels.compiling import inlined
from qcbench.kernels.networks import Network
from qcbench.kernels.queueing.broker import candidate, choices
from qcbench.kernels.queueing.layout import Cloud, World
from qcbench.policies.features import queueing

SHARED, EACH = queueing.SHARED, queueing.EACH
_observe_shared = inlined(queueing.observe_shared)
_observe_task = inlined(queueing.observe_task)


@inlined
def pick(world: World, cloud: Cloud, network: Network) -> int:
    """Return the choice of a trained policy."""
    s, out, devices = cloud.state[0], network.observation, world.devices
    now_s, qpu = s.now_s, s.deciding
    elapsed_s, gap_s = networks.tick(network, now_s)
    waiting = choices(cloud)
    seen = min(waiting, len(network.scores))
    largest = devices[0].qubits
    for other in range(1, len(devices)):
        largest = max(largest, devices[other].qubits)
    shortest_s, fresh = np.inf, 0
    for place in range(seen):
        own = cloud.progress[candidate(cloud, place)]
        shortest_s = min(shortest_s, world.estimate_s[own.task, qpu])
        fresh += own.attained_s == 0.0
    oldest_s = now_s - cloud.progress[candidate(cloud, 0)].joined_s
    newest_s = now_s - cloud.progress[candidate(cloud, seen - 1)].joined_s
    _observe_shared(
        waiting,
        seen,
        oldest_s,
        shortest_s,
        fresh,
        devices[qpu].qubits,
        largest,
        gap_s,
        elapsed_s,
        out,
        0,
    )
    for place in range(seen):
        job = candidate(cloud, place)
        own, fixed = cloud.progress[job], world.jobs[job]
        _observe_task(
            now_s - own.joined_s,
            now_s - fixed.arrival_s,
            newest_s,
            fixed.priority,
            world.rules[0].highest_priority,
            world.estimate_s[own.task, qpu],
            shortest_s,
            own.attained_s,
            own.qubits,
            devices[qpu].qubits,
            out,
            SHARED + place * EACH,
        )
    return networks.best(network, seen)
