"""The cloud: every job is a process on SimPy's clock; one broker takes every decision."""

from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import chain, repeat

import numpy as np
from simpy import Event
from simpy.events import URGENT

from qcbench.cloud.admission import admission_test
from qcbench.cloud.allocation import AllocationBroker
from qcbench.cloud.broker import PushBroker, TaskLost
from qcbench.cloud.clock import ARRIVAL, HORIZON, Clock, Process
from qcbench.cloud.collect import Ending, collect
from qcbench.cloud.execution import CENSORED, DONE, DROPPED, FAILED, draw_slowdown
from qcbench.cloud.failures import failing_qpu, most_failures
from qcbench.cloud.hold_and_wait import HoldAndWaitBroker
from qcbench.cloud.hybrid_job import go_through
from qcbench.cloud.levels import NOTHING, Areas, Present, levels
from qcbench.cloud.partition import as_splits, batch_of, make_plan
from qcbench.cloud.placement import PlacementBroker
from qcbench.cloud.pool import ClassicalPool
from qcbench.cloud.queueing import QueueingBroker
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.splits import Splits
from qcbench.cloud.world import World
from qcbench.errors import InputError
from qcbench.policies.protocol import Decide, PolicyError
from qcbench.tracks import TRACKS
from qcbench.workload.workload import ClassicalPhase, QuantumPhase, Repeat


class Streams:
    """The generators of what the rules leave to chance, each made when it is first asked for.

    Args:
        make: gives the generator of a name.
    """

    def __init__(self, make: Callable[[str], np.random.Generator]) -> None:
        self._make = make

    @cached_property
    def failures(self) -> np.random.Generator:
        """Times of failures and repairs."""
        return self._make("failures")

    @cached_property
    def drift(self) -> np.random.Generator:
        """Calibration drift."""
        return self._make("drift")

    @cached_property
    def execution(self) -> np.random.Generator:
        """Real against estimated execution times."""
        return self._make("execution")


def seeded_streams(seed: int) -> Streams:
    """Return independent streams from one integer, for use outside a suite."""
    sequences = np.random.SeedSequence(seed).spawn(3)
    named = dict(zip(("failures", "drift", "execution"), sequences, strict=True))
    return Streams(lambda name: np.random.default_rng(named[name]))


class Cloud:
    """One trial's cloud: built from a scenario and a policy, run once.

    Raises:
        InputError: a model lacks a figure, a task fits nowhere, or the rules do not go together.
    """

    def __init__(self, scenario: Scenario, decide: Decide, streams: Streams | None = None) -> None:
        self.scenario = scenario
        streams = streams or seeded_streams(0)
        rules, workload, fleet = scenario.rules, scenario.workload, scenario.fleet
        self._drift_rng = streams.drift
        self.clock = Clock()
        self._over = Event(self.clock)
        slowdown = draw_slowdown(rules.execution_sigma, len(workload.tasks), streams.execution)
        estimates = scenario.estimates
        self.world = World(
            clock=self.clock,
            fleet=fleet,
            workload=workload,
            estimates=estimates,
            splits=Splits(workload.tasks, fleet, scenario.physics, estimates, fleet.errors()),
            rules=rules,
            links=scenario.physics.links,
            over=self._over,
            slowdown=None if slowdown is None else slowdown.tolist(),
        )
        self.broker: PushBroker | QueueingBroker = _broker(self.world, decide, scenario)
        self.pool = ClassicalPool(self.clock, rules.classical)
        self._admits = admission_test(rules.admission, self.clock, self.pool, self.broker, workload)
        self._present = Present()
        self._warm = NOTHING
        self._job_finish_s = np.full(len(workload), np.nan)
        self._job_status = np.full(len(workload), CENSORED, dtype=np.int64)
        self._arrival_s = iter(workload.arrival_s.tolist())
        self._left = len(workload)
        if rules.failures is not None:
            most = most_failures(len(fleet))
            for qpu, rng in enumerate(streams.failures.spawn(len(fleet))):
                self.clock.process(
                    failing_qpu(self.clock, self.broker, qpu, rules.failures, rng, most)
                )
        self.clock.at(0.0, URGENT).callbacks.append(self._await_arrival)

    def run(self) -> Records:
        """Simulate until all jobs are done, the horizon, or the last allowed decision.

        Raises:
            PolicyError: a decision that the track does not know, or a policy that waits for ever.
        """
        horizon_s = self.scenario.rules.horizon_s
        if horizon_s is not None:
            self.clock.at(horizon_s, HORIZON).callbacks.append(self._stop)
        warm_up_s = self.scenario.rules.warm_up_s
        if warm_up_s > 0 and self._left:
            self.clock.at(warm_up_s, HORIZON).callbacks.append(self._warmed_up)
        if self._left and not self.clock.run_until_processed(self._over):
            raise PolicyError(f"{self._left} jobs wait for ever: nothing is left to happen")
        return self.records()

    def _await_arrival(self, alarm: Event) -> None:
        """Put the next arrival on the clock."""
        arrival_s = next(self._arrival_s, None)
        if arrival_s is not None:
            self.clock.rearm(alarm, [self._arrive], arrival_s, ARRIVAL)

    def _arrive(self, alarm: Event) -> None:
        """Begin with a job; the next arrival is on the clock by then."""
        self._await_arrival(alarm)
        job = self.world.arrived
        self.world.arrived = job + 1
        self.clock.begin(self._job(job))

    def _job(self, job: int) -> Process:
        """Arrive, be admitted, go through the phases, be done."""
        status = DONE
        if self._admits is not None and not self._admits(job):
            status = DROPPED
            row = self._first_task(job)
            if row is not None:
                self.world.open(job, row).status = DROPPED
        else:
            self._present.change(1, self.clock.now)
            try:
                if isinstance(self.broker, QueueingBroker):
                    phases = self._phases(job)
                    if not (yield go_through(phases, job, self.clock, self.pool, self.broker)):
                        raise TaskLost
                elif self.scenario.workload.phases is None:
                    yield from self.broker.execute(job, job)
                else:
                    for phase in self._phases(job):
                        if isinstance(phase, ClassicalPhase):
                            yield self.pool.submit(phase.operations)
                        else:
                            yield from self.broker.execute(job, phase.task)
                self._job_finish_s[job] = self.clock.now
            except TaskLost:
                status = DROPPED if job in self.world.late else FAILED
            self._present.change(-1, self.clock.now)
        self._job_status[job] = status
        self._left -= 1
        if not self._left:
            self.world.end()

    def _phases(self, job: int) -> Iterable[ClassicalPhase | QuantumPhase]:
        """Return the phases of a job one by one, each as often as it is gone through."""
        phases = self.scenario.workload.phases
        if phases is None:
            return (QuantumPhase(job),)
        return chain.from_iterable(
            chain.from_iterable(repeat(phase.phases, phase.times))
            if isinstance(phase, Repeat)
            else (phase,)
            for phase in phases[job]
        )

    def _first_task(self, job: int) -> int | None:
        """Row of the first circuit of a job, None where it has only classical phases."""
        return next((task for task, _ in self.scenario.workload.quantum_phases(job)), None)

    @property
    def arrived(self) -> int:
        """Jobs that have arrived up to now."""
        return self.world.arrived

    def ended(self, job: int) -> tuple[int, float]:
        """Return how and when a job has ended, `CENSORED` where it has not."""
        return int(self._job_status[job]), float(self._job_finish_s[job])

    def areas(self) -> Areas:
        """Return the integrals up to now of what is on the platform."""
        now_s, broker = self.clock.now, self.broker
        waiting_s = broker.waiting_area_s() if isinstance(broker, QueueingBroker) else np.nan
        running_s = float(broker.busy_s().sum())
        return Areas(now_s, self._present.area_s(now_s), self.pool.area_s, waiting_s, running_s)

    def _warmed_up(self, _event: Event) -> None:
        self._warm = self.areas()

    def _stop(self, _horizon: Event) -> None:
        """End the trial before anything else happens at this instant."""
        if not self._over.triggered:
            self.clock.fire(self._over)

    def records(self) -> Records:
        """Return what has happened up to now; to be called once, when nothing more will."""
        ending = Ending(
            arrived=self.world.arrived,
            end_s=self.clock.now,
            job_finish_s=self._job_finish_s,
            job_status=self._job_status,
            busy_s=self.broker.busy_s(),
            levels=levels(self._warm, self.areas()),
            decisions=self.world.decisions,
            truncated=self.world.truncated,
        )
        return collect(self.world, ending, self._drift_rng)


def _broker(world: World, decide: Decide, scenario: Scenario) -> PushBroker | QueueingBroker:
    dispatch = world.rules.dispatch
    if dispatch.mode == "pull":
        if dispatch.qpus == "shared":
            raise InputError("rules.dispatch: shared QPUs take tasks by push; pull needs exclusive")
        return QueueingBroker(world, decide)  # type: ignore[arg-type]
    if dispatch.holds_and_waits and dispatch.qpus != "shared":
        raise InputError(
            f"rules.dispatch: order {dispatch.order} is a way to share QPUs; set qpus to shared"
        )
    if dispatch.holds_and_waits:
        return HoldAndWaitBroker(world, decide)  # type: ignore[arg-type]
    if TRACKS[scenario.track].at_once:
        batch = batch_of(world.workload.tasks, world.fleet, scenario.physics.node_cost)
        world.plan = make_plan(batch, decide)  # type: ignore[arg-type]
        return AllocationBroker(world, as_splits(world.plan))
    if dispatch.qpus == "shared":
        return AllocationBroker(world, decide)  # type: ignore[arg-type]
    return PlacementBroker(world, decide)  # type: ignore[arg-type]
