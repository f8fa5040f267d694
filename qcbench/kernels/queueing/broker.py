"""The broker and its QPUs compiled, see `qcbench.cloud.queueing` and `qcbench.cloud.qpu`.

A function that needs a decision sets ``state.deciding`` and ends; `choose` goes on from there.
"""

import numpy as np

from qcbench.cloud.execution import DONE, DROPPED, FAILED
from qcbench.kernels import clock
from qcbench.kernels.compiling import inlined
from qcbench.kernels.queueing import queue
from qcbench.kernels.queueing.layout import NONE, NOTHING, Cloud, World
from qcbench.kernels.rules import FAIL, RESTART
from qcbench.kernels.twins import asker
from qcbench.policies import twins

figure = asker("queueing", "figure")
waiting_of = inlined(twins.waiting_of)


@inlined
def pending(cloud: Cloud) -> int:
    """Tasks in the queue, and those that wait for the repair of the QPU that lost them."""
    return cloud.state[0].waiting + cloud.state[0].held


@inlined
def running(cloud: Cloud) -> int:
    """Tasks that are being executed."""
    count = 0
    for qpu in range(len(cloud.qpus)):
        count += cloud.qpus[qpu].running != NONE
    return count


@inlined
def waiting_area(cloud: Cloud) -> float:
    """Integral over time of the tasks that wait, up to now."""
    return cloud.state[0].stamps_s + pending(cloud) * cloud.state[0].now_s


@inlined
def busy_s(cloud: Cloud, qpu: int) -> float:
    """Time that a QPU has worked up to now."""
    own = cloud.qpus[qpu]
    if own.running == NONE:
        return own.busy_s
    return own.busy_s + cloud.state[0].now_s - cloud.progress[own.running].start_s


@inlined
def open_row(world: World, cloud: Cloud, job: int, task: int) -> None:
    """Begin the record of an execution, or go on with that of its job."""
    s, own = cloud.state[0], cloud.progress[job]
    own.task = task
    own.submit_s = s.now_s
    own.start_s = np.nan
    if world.rules[0].per_job:
        own.row = job
        return
    own.row = s.rows
    s.rows += 1
    row = cloud.rows[own.row]
    row.job = job
    row.task = task
    row.arrival_s = s.now_s
    row.finish_s = np.nan
    own.qpu = NONE
    own.exec_s = np.nan
    own.restarts = 0
    own.estimated_wait_s = np.nan
    own.estimated_exec_s = np.nan
    own.order = NONE


@inlined
def write_row(cloud: Cloud, job: int, status: int) -> None:
    """Finish the record of an execution, where there are such."""
    own = cloud.progress[job]
    row = cloud.rows[own.row]
    row.start_s = own.start_s
    row.exec_s = own.exec_s
    row.qpu = own.qpu
    row.held_qubits = own.held_qubits
    row.restarts = own.restarts
    row.estimated_wait_s = own.estimated_wait_s
    row.estimated_exec_s = own.estimated_exec_s
    row.order = own.order
    row.status = status
    if status == DONE:
        row.finish_s = cloud.state[0].now_s
    own.row = NONE


@inlined
def execute(world: World, cloud: Cloud, job: int, task: int) -> None:
    """Queue a task."""
    open_row(world, cloud, job, task)
    cloud.progress[job].qubits = world.tasks[task].qubits
    cloud.progress[job].mean_exec_s = world.tasks[task].mean_s
    join(world, cloud, job)


@inlined
def join(world: World, cloud: Cloud, job: int) -> None:
    """Put a task at the end of the queue; an idle QPU that it fits asks for a decision."""
    s, own = cloud.state[0], cloud.progress[job]
    own.joined_s = s.now_s
    s.stamps_s -= s.now_s
    own.ticket = s.tickets
    s.tickets += 1
    if s.ranked:
        queue.sort_in(cloud, job, _figure(world, cloud, job))
    else:
        queue.append(cloud, job)
    if not s.idle_qpus:
        return
    for qpu in range(len(cloud.qpus)):
        candidate = cloud.qpus[qpu]
        if candidate.running == NONE and candidate.up and own.qubits <= world.devices[qpu].qubits:
            pull(world, cloud, qpu)
            return


@inlined
def _figure(world: World, cloud: Cloud, job: int) -> float:
    """Return what the policy ranks a task by."""
    twin = cloud.twin
    return figure(twin.rule, waiting_of(world.jobs, cloud.progress, job), twin.memory, 0)


@inlined
def refresh(world: World, cloud: Cloud) -> None:
    """Put tasks whose figures have grown where they belong, until the first one stays."""
    s = cloud.state[0]
    while True:
        place = s.head + (0 if s.fitting == NONE else cloud.fits[0])
        now = _figure(world, cloud, int(np.int64(cloud.waiting[place])))
        if now == cloud.keys[place]:
            return
        queue.sort_in(cloud, queue.take_out(cloud, place - s.head), now)
        _find_fitting(world, cloud, s.deciding)


@inlined
def pull(world: World, cloud: Cloud, qpu: int) -> None:
    """Ask for a decision among the waiting tasks that fit this idle QPU."""
    s = cloud.state[0]
    if not s.waiting:
        return
    _find_fitting(world, cloud, qpu)
    if not s.fitting:
        return
    if s.decisions >= world.limits.max_decisions:
        s.truncated = True
        end(cloud)
        return
    s.decisions += 1
    s.deciding = qpu


@inlined
def _find_fitting(world: World, cloud: Cloud, qpu: int) -> None:
    """Find the waiting tasks that fit a QPU."""
    s, capacity = cloud.state[0], world.devices[qpu].qubits
    s.fitting = NONE
    if capacity >= world.rules[0].widest:
        return
    s.fitting = 0
    for place in range(s.waiting):
        if cloud.progress[cloud.waiting[s.head + place]].qubits <= capacity:
            cloud.fits[s.fitting] = place
            s.fitting += 1


@inlined
def end(cloud: Cloud) -> None:
    """End the trial after what happens now."""
    clock.end(cloud.state[0])
    cloud.state[0].other = NOTHING


@inlined
def leave(cloud: Cloud) -> None:
    """Count a job that is done, failed or dropped; after the last one the trial ends."""
    clock.leave(cloud.state[0])
    cloud.state[0].other = NOTHING


@inlined
def choices(cloud: Cloud) -> int:
    """Tasks that a decision can choose among."""
    return cloud.state[0].waiting if cloud.state[0].fitting == NONE else cloud.state[0].fitting


@inlined
def candidate(cloud: Cloud, choice: int) -> int:
    """Return the job behind a choice."""
    s = cloud.state[0]
    place = choice if s.fitting == NONE else cloud.fits[choice]
    return int(np.int64(cloud.waiting[s.head + place]))


@inlined
def choose(world: World, cloud: Cloud, choice: int) -> bool:
    """Take the decision that is due: start a waiting task on the deciding QPU.

    Return whether it was started: the rules may drop it instead.
    """
    s = cloud.state[0]
    place = choice if s.fitting == NONE else cloud.fits[choice]
    qpu = s.deciding
    s.deciding = NONE
    job = queue.take_out(cloud, place)
    own = cloud.progress[job]
    s.stamps_s += s.now_s
    if world.limits.drops and s.now_s > world.jobs[job].due_s - world.tasks[own.task].best_s:
        s.dropped += 1
        lose(cloud, job, DROPPED)
        pull(world, cloud, qpu)
        return False
    estimate_s = world.estimate_s[own.task, qpu]
    own.qpu = qpu
    own.held_qubits = own.qubits
    own.order = s.placed
    s.placed += 1
    own.estimated_wait_s = s.now_s - own.submit_s
    own.estimated_exec_s = estimate_s
    own.exec_s = estimate_s * world.tasks[own.task].slowdown
    _start(cloud, qpu, job)
    return True


@inlined
def _start(cloud: Cloud, qpu: int, job: int) -> None:
    s, device, own = cloud.state[0], cloud.qpus[qpu], cloud.progress[job]
    device.running = job
    s.idle_qpus -= 1
    own.start_s = s.now_s
    device.alarm_s = s.now_s + own.exec_s
    device.alarm_number = clock.next_number(s)


@inlined
def finish(world: World, cloud: Cloud, qpu: int) -> None:
    """End an execution: the QPU goes on, and after its decision the job."""
    s, device = cloud.state[0], cloud.qpus[qpu]
    job = int(np.int64(device.running))
    device.running = NONE
    device.alarm_s = np.inf
    s.idle_qpus += 1
    device.busy_s += cloud.progress[job].exec_s
    s.executed = job
    pull(world, cloud, qpu)


@inlined
def executed(world: World, cloud: Cloud, job: int) -> None:
    """Write down an execution that is done."""
    own = cloud.progress[job]
    if world.rules[0].per_job:
        if not own.executions:
            own.first_start_s = own.start_s
        own.executions += 1
        own.waited_s += own.start_s - own.submit_s
        own.executed_s += own.exec_s
        if world.rules[0].quality:
            own.fidelity += world.fidelity[own.task, own.qpu]
            own.cost += world.devices[own.qpu].price_per_s * own.exec_s
    else:
        write_row(cloud, job, DONE)
    own.attained_s += own.exec_s
    own.remaining_s -= world.tasks[own.task].mean_s


@inlined
def _resume(cloud: Cloud, qpu: int) -> None:
    job = int(np.int64(cloud.qpus[qpu].held))
    cloud.qpus[qpu].held = NONE
    cloud.state[0].held -= 1
    _start(cloud, qpu, job)


@inlined
def fail(world: World, cloud: Cloud, qpu: int) -> None:
    """Stop a QPU; by the rules, what it executed is restarted there, queued again or failed."""
    s, device, rule = cloud.state[0], cloud.qpus[qpu], world.limits.on_failure
    device.up = False
    job = int(np.int64(device.running))
    if job == NONE:
        s.idle_qpus -= 1
        return
    own = cloud.progress[job]
    device.running = NONE
    device.alarm_s = np.inf
    device.busy_s += s.now_s - own.start_s
    own.restarts += 1
    if rule == FAIL:
        lose(cloud, job, FAILED)
        return
    own.start_s = np.nan
    if rule == RESTART:
        device.held = job
        s.held += 1
        s.stamps_s -= s.now_s
    else:
        own.qpu = NONE
        join(world, cloud, job)


@inlined
def lose(cloud: Cloud, job: int, status: int) -> None:
    """Let a job hear at this instant, after what happens now, that its task was given up."""
    s = cloud.state[0]
    cloud.lost[s.lost].number = clock.next_number(s)
    cloud.lost[s.lost].job = job
    cloud.lost[s.lost].status = status
    s.lost += 1
    s.other = NOTHING


@inlined
def repair(world: World, cloud: Cloud, qpu: int) -> None:
    """Put a QPU back into service, with what it had lost first."""
    s, device = cloud.state[0], cloud.qpus[qpu]
    device.up = True
    s.idle_qpus += 1
    if device.held != NONE:
        s.stamps_s += s.now_s
        _resume(cloud, qpu)
    else:
        pull(world, cloud, qpu)
