"""A cloud at time 0."""

import numpy as np

from qcbench.cloud.execution import CENSORED
from qcbench.kernels.clock import NOT_YET, next_number
from qcbench.kernels.compiling import inlined
from qcbench.kernels.queueing import clock
from qcbench.kernels.queueing.layout import MARGIN, NONE, NOTHING, Cloud, World
from qcbench.kernels.rules import NEVER_FAILS


@inlined
def clear(world: World, cloud: Cloud, place_of_world: int) -> None:
    """Put a cloud back to time 0; drawn times and numbers must be there."""
    s, rules = cloud.state[0], world.rules[0]
    s.world = place_of_world
    s.now_s = 0.0
    s.number = 0
    s.arrived = 0
    s.left = rules.jobs
    s.dropped = 0
    s.over_number = NOT_YET
    s.horizon_s = world.limits.horizon_s
    s.warm_up_s = world.limits.warm_up_s
    s.other = NOTHING
    _clear_pool(world, cloud)
    _clear_broker(world, cloud)
    s.present = 0
    s.present_since_s = 0.0
    s.present_area_s = 0.0
    s.warm_s = 0.0
    s.warm_jobs = 0.0
    s.warm_classical = 0.0
    s.warm_pending = 0.0
    s.warm_running = 0.0
    for user in range(len(cloud.buckets)):
        cloud.buckets[user].tokens = world.limits.burst
        cloud.buckets[user].counted_s = 0.0
    for job in range(rules.jobs):
        _clear_job(world, cloud, job)
    for qpu in range(rules.qpus):
        own = cloud.qpus[qpu]
        own.alarm_s = np.inf
        own.running = NONE
        own.held = NONE
        own.busy_s = 0.0
        own.up = True
        own.changes = 0
        own.change_s = np.inf
        if world.limits.on_failure != NEVER_FAILS:
            clock.set_timer(world, cloud, qpu)
    s.arrival_number = next_number(s)


@inlined
def _clear_pool(world: World, cloud: Cloud) -> None:
    s, rules = cloud.state[0], world.rules[0]
    s.sharing = 0
    s.virtual = 0.0
    s.changed_s = 0.0
    s.alarm_s = np.inf
    s.ties = 0
    s.pool_area = 0.0
    s.starting = 0
    s.warm_containers = rules.warm_pool
    s.busy_of_pool = 0
    s.idle_containers = 0
    s.image_s = 0.0 if rules.warm_pool else np.nan


@inlined
def _clear_broker(world: World, cloud: Cloud) -> None:
    s, rules = cloud.state[0], world.rules[0]
    s.head = MARGIN
    s.waiting = 0
    s.held = 0
    s.idle_qpus = rules.qpus
    s.tickets = 0
    s.stamps_s = 0.0
    s.decisions = 0
    s.placed = 0
    s.truncated = False
    s.lost = 0
    s.deciding = NONE
    s.fitting = NONE
    s.executed = NONE
    s.rows = 0


@inlined
def _clear_job(world: World, cloud: Cloud, job: int) -> None:
    own = cloud.progress[job]
    own.at = 0
    own.times = 0
    own.status = CENSORED
    own.finish_s = np.nan
    own.task = NONE
    own.attained_s = 0.0
    own.remaining_s = world.jobs[job].quantum_s
    own.row = NONE
    own.submit_s = np.nan
    own.start_s = np.nan
    own.exec_s = np.nan
    own.qpu = NONE
    own.held_qubits = 0
    own.restarts = 0
    own.estimated_wait_s = np.nan
    own.estimated_exec_s = np.nan
    own.order = NONE
    own.executions = 0
    own.first_start_s = np.nan
    own.waited_s = 0.0
    own.executed_s = 0.0
    own.cost = 0.0
    own.fidelity = 0.0
