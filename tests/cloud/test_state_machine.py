"""Any sequence of arrivals, failures, repairs and waiting, on a live cloud of every kind.

The machine looks at the cloud from outside: the executions that are opened, and the views.
"""

from math import isnan
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tiny_clouds import BACKFILL, FIFO, PLACEMENT, PULL, make_cloud, make_fleet, make_workload

from qcbench.cloud.cloud import Cloud
from qcbench.cloud.execution import CENSORED, DONE, FAILED, Execution
from qcbench.cloud.rules import Dispatch, Failures
from qcbench.policies.protocol import Decide

QUBITS = st.integers(1, 6)
GAPS = st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0])
DURATIONS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 2.75, 7.0])
NEVER_S = 1e15


def random_placement(rng: np.random.Generator) -> Decide:
    """Any QPU, infeasible ones included."""
    return lambda view: int(rng.integers(len(view.queue_length)))


def random_split(rng: np.random.Generator) -> Decide:
    """Qubits thrown over what is free; waits only where that does not suffice."""

    def decide(view: Any) -> list[int] | None:
        if view.free_qubits.sum() < view.task_qubits:
            return None
        split = rng.multivariate_hypergeometric(view.free_qubits, view.task_qubits)
        return split.tolist()

    return decide


def random_choice(rng: np.random.Generator) -> Decide:
    return lambda view: int(rng.integers(len(view.waiting)))


class CloudMachine(RuleBasedStateMachine):
    dispatch: Dispatch
    policy: Any

    @initialize(
        capacity=st.lists(QUBITS, min_size=1, max_size=4),
        jobs=st.lists(st.tuples(GAPS, DURATIONS, QUBITS), min_size=1, max_size=14),
        on_failure=st.sampled_from(["restart", "resubmit", "fail"]),
        seed=st.integers(0, 2**32 - 1),
    )
    def start(
        self,
        capacity: list[int],
        jobs: list[tuple[float, float, int]],
        on_failure: Any,
        seed: int,
    ) -> None:
        largest = sum(capacity) if self.dispatch.qpus == "shared" else max(capacity)
        gaps, durations, qubits = zip(*jobs, strict=True)
        self.capacity = capacity
        self.on_failure = on_failure
        self.durations = durations
        self.qubits = [min(n, largest) for n in qubits]
        self.cloud: Cloud = make_cloud(
            make_workload(np.cumsum(gaps), durations, self.qubits),
            make_fleet(*capacity),
            self.policy(np.random.default_rng(seed)),
            self.dispatch,
            failures=Failures(mean_up_s=NEVER_S, mean_down_s=1.0, on_failure=on_failure),
        )
        self.up = [True] * len(capacity)
        self.failures = 0
        self.settle(0.0)

    def settle(self, until_s: float) -> None:
        """Process every event up to and including this time."""
        clock = self.cloud.clock
        while clock.peek() <= until_s:
            clock.step()
        clock.run_until_processed(clock.at(until_s))

    @rule(elapsed_s=st.sampled_from([0.25, 0.5, 1.0, 4.0]))
    def wait(self, elapsed_s: float) -> None:
        self.settle(self.cloud.clock.now + elapsed_s)

    @rule()
    def wait_for_next_event(self) -> None:
        next_s = self.cloud.clock.peek()
        if next_s < NEVER_S / 1e3:
            self.settle(next_s)

    @precondition(lambda self: any(self.up))
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        qpu = data.draw(st.sampled_from([q for q, up in enumerate(self.up) if up]))
        self.up[qpu] = False
        self.failures += 1
        self.cloud.broker.fail(qpu)
        self.settle(self.cloud.clock.now)

    @precondition(lambda self: not all(self.up))
    @rule(data=st.data())
    def repair(self, data: st.DataObject) -> None:
        qpu = data.draw(st.sampled_from([q for q, up in enumerate(self.up) if not up]))
        self.up[qpu] = True
        self.cloud.broker.repair(qpu)
        self.settle(self.cloud.clock.now)

    # What can be seen from outside.

    @property
    def executions(self) -> list[Execution]:
        return self.cloud.world.executions

    def running(self) -> list[Execution]:
        return [e for e in self.executions if e.status == CENSORED and not isnan(e.start_s)]

    def waiting(self) -> list[Execution]:
        return [e for e in self.executions if e.status == CENSORED and isnan(e.start_s)]

    def held(self) -> list[int]:
        """Qubits in use per QPU."""
        held = [0] * len(self.capacity)
        for execution in self.running():
            for qpu, qubits in execution.parts:
                held[qpu] += qubits
        return held

    @invariant()
    def every_arrived_job_is_somewhere_once(self) -> None:
        arrivals = self.cloud.scenario.workload.arrival_s
        arrived = int((arrivals <= self.cloud.clock.now).sum())
        assert sorted(e.job for e in self.executions) == list(range(arrived))
        assert all(e.status in (CENSORED, DONE, FAILED) for e in self.executions)

    @invariant()
    def the_broker_counts_right(self) -> None:
        broker = self.cloud.broker
        assert broker.running == len(self.running())
        assert broker.pending == len(self.waiting())

    @invariant()
    def nothing_exceeds_a_qpu_or_runs_on_one_that_is_down(self) -> None:
        for qpu, held in enumerate(self.held()):
            assert held <= (self.capacity[qpu] if self.up[qpu] else 0)

    @invariant()
    def running_tasks_hold_what_they_need_and_are_within_their_time(self) -> None:
        now = self.cloud.clock.now
        for execution in self.running():
            assert sum(n for _, n in execution.parts) == self.qubits[execution.row]
            end_s = execution.start_s + execution.comm_s + execution.exec_s
            assert execution.start_s <= now < end_s

    @invariant()
    def work_is_not_longer_than_time(self) -> None:
        now = self.cloud.clock.now
        assert (self.cloud.broker.busy_s() <= now * (1 + 1e-12)).all()

    @invariant()
    def only_the_rule_for_failures_fails_tasks(self) -> None:
        failed = [e for e in self.executions if e.status == FAILED]
        lost = sum(e.restarts for e in self.executions)
        assert self.on_failure == "fail" or not failed
        if self.on_failure == "fail":
            assert lost == len(failed)
        if self.dispatch.qpus == "exclusive":
            assert lost <= self.failures

    def teardown(self) -> None:
        if not hasattr(self, "cloud"):
            return
        for qpu, up in enumerate(self.up):
            if not up:
                self.cloud.broker.repair(qpu)
        records = self.cloud.run()
        count = len(self.durations)
        assert records.job.tolist() == list(range(count))
        assert records.frame().height == count
        assert set(records.status) <= {DONE, FAILED}
        assert records.job_status.tolist() == records.status.tolist()
        done = records.status == DONE
        if self.on_failure != "fail":
            assert done.all()
        np.testing.assert_array_equal(records.exec_s[done], np.array(self.durations)[done])
        np.testing.assert_allclose(
            records.completion_s[done],
            (records.delay_s + records.wait_s + records.comm_s + records.exec_s)[done],
            atol=1e-9,
        )
        assert (records.wait_s[done] >= -1e-9).all()
        assert np.isnan(records.finish_s[~done]).all()
        assert np.isnan(records.fidelity[~done]).all()
        assert self.held() == [0] * len(self.capacity)
        self.check_end(records)

    def check_end(self, records: Any) -> None:
        """What holds of the finished trial for this way of dispatching."""


class ExclusiveMachine(CloudMachine):
    @invariant()
    def one_execution_at_a_time(self) -> None:
        used = [qpu for execution in self.running() for qpu, _ in execution.parts]
        assert len(used) == len(set(used))

    def check_end(self, records: Any) -> None:
        for qpu in range(len(self.capacity)):
            rows = np.flatnonzero((records.qpu == qpu) & (records.status == DONE))
            rows = rows[np.lexsort((records.order[rows], records.start_s[rows]))]
            assert (records.start_s[rows][1:] >= records.finish_s[rows][:-1]).all()
            assert (records.fleet.qubits[qpu] >= np.array(self.qubits)[rows]).all()


class PlacementMachine(ExclusiveMachine):
    dispatch = PLACEMENT
    policy = staticmethod(random_placement)

    @invariant()
    def a_qpu_that_works_is_not_idle_while_tasks_wait_on_it(self) -> None:
        busy = {qpu for e in self.running() for qpu, _ in e.parts}
        for execution in self.waiting():
            for qpu, _ in execution.parts:
                assert qpu in busy or not self.up[qpu]

    @invariant()
    def the_view_shows_the_queues(self) -> None:
        view = self.cloud.broker.view  # type: ignore[attr-defined]
        placed = [q for e in self.running() + self.waiting() for q, _ in e.parts]
        assert view.queue_length.tolist() == [placed.count(q) for q in range(len(self.capacity))]
        assert view.up.tolist() == self.up

    @invariant()
    def violations_are_shifts_of_one_second(self) -> None:
        for execution in self.executions:
            shift_s = execution.submit_s - execution.arrival_s
            assert shift_s == pytest.approx(execution.violations)

    def check_end(self, records: Any) -> None:
        super().check_end(records)
        for qpu in range(len(self.capacity)):  # first in, first out
            rows = np.flatnonzero((records.qpu == qpu) & (records.status == DONE))
            rows = rows[np.argsort(records.order[rows])]
            assert (np.diff(records.start_s[rows]) >= 0).all()


class QueueingMachine(ExclusiveMachine):
    dispatch = PULL
    policy = staticmethod(random_choice)

    @invariant()
    def no_qpu_is_idle_while_a_task_that_fits_waits(self) -> None:
        busy = {qpu for e in self.running() for qpu, _ in e.parts}
        for qpu, capacity in enumerate(self.capacity):
            if self.up[qpu] and qpu not in busy:
                free_tasks = [e for e in self.waiting() if not e.parts]
                assert all(self.qubits[e.row] > capacity for e in free_tasks)


class SharedMachine(CloudMachine):
    policy = staticmethod(random_split)

    @invariant()
    def free_and_held_qubits_add_up(self) -> None:
        view = self.cloud.broker.view  # type: ignore[attr-defined]
        for qpu, held in enumerate(self.held()):
            free = self.capacity[qpu] - held if self.up[qpu] else 0
            assert view.free_qubits[qpu] == free

    @invariant()
    def who_waits_holds_nothing(self) -> None:
        assert all(not execution.parts for execution in self.waiting())

    def free(self) -> int:
        return sum(c for c, up in zip(self.capacity, self.up, strict=True) if up) - sum(self.held())


class FifoMachine(SharedMachine):
    dispatch = FIFO

    @invariant()
    def somebody_who_waits_cannot_be_served(self) -> None:
        # The head of the line; who that is depends on what was lost, so: not everybody fits.
        needs = [self.qubits[e.row] for e in self.waiting()]
        assert not needs or max(needs) > self.free()

    @invariant()
    def nobody_overtakes_without_failures(self) -> None:
        if self.failures == 0:
            started = sorted(self.executions, key=lambda e: e.order if e.order >= 0 else 10**9)
            assert [e.job for e in started] == sorted(e.job for e in started)


class BackfillMachine(SharedMachine):
    dispatch = BACKFILL

    @invariant()
    def nobody_waits_who_could_be_served(self) -> None:
        assert all(self.qubits[e.row] > self.free() for e in self.waiting())


def _case(machine: type[CloudMachine]) -> Any:
    case = machine.TestCase
    case.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
    return case


TestPlacement = _case(PlacementMachine)
TestQueueing = _case(QueueingMachine)
TestFifo = _case(FifoMachine)
TestBackfill = _case(BackfillMachine)
