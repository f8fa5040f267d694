"""The stream of a replay: arrivals in their time, decisions of all policies, jobs."""

import hashlib
import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qcbench.errors import InputError
from qcbench.hardware.cost import reserve_s, usage_s
from qcbench.hardware.executor import Executor
from qcbench.hardware.lanes import Lanes
from qcbench.hardware.ledger import OPEN, Decision, Intent, JobLedger
from qcbench.hardware.limits import choose
from qcbench.hardware.plan import CompiledTasks, ReplayWorld
from qcbench.hardware.port import BackendError, DeviceState, Port
from qcbench.policies.protocol import Placement, PolicyError

MOST_DECISIONS = 100
"""Decisions a task, on average, that a policy may take where the rules state no number."""
STATE_EVERY_S = 5.0
"""Wall-clock time for which a device's word about itself is believed."""


def intent_hash(replay: str, **content: Any) -> str:
    """Return the name of an intent: a hash of everything it consists of."""
    canonical = json.dumps({"replay": replay, **content}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


@dataclass(order=True)
class _Due:
    """A task that waits for the decision of a policy."""

    at_s: float
    turn: int
    policy: int = field(compare=False)
    task: int = field(compare=False)
    violations: int = field(compare=False, default=0)


@dataclass
class Stream:
    """Plays a stream to its last job; an earlier process's part of it is taken up, not repeated.

    Attributes:
        replay: name of the replay, part of every intent.
        simulated: the backend is a simulator, which has limits of its own.
        wall: clock of polls.
        say: hears how many tasks are placed, and ended, of how many.
    """

    world: ReplayWorld
    compiled: CompiledTasks
    port: Port
    ledger: JobLedger
    executor: Executor
    replay: str
    simulated: bool
    wall: Callable[[], float]
    say: Callable[[int, int, int], None] = lambda _placed, _ended, _all: None

    def __post_init__(self) -> None:
        fleet, tasks = self.world.scenario.fleet, self.world.scenario.workload.tasks
        self._policies: list[Placement] = [self.world.make(p) for p in self.world.config.policies]
        self._lanes = [Lanes(fleet, tasks, self.world.estimates) for _ in self._policies]
        self._sequence = [0] * len(self._policies)
        self._due: list[_Due] = []
        self._where: dict[str, tuple[int, int]] = {}
        self._states: dict[str, tuple[float, DeviceState | None]] = {}
        self._placed = self._ended = 0
        self._total = len(tasks) * len(self._policies)
        self.executor.on_end = self._on_end
        self._origin_s = 0.0

    def now_s(self) -> float:
        """Return the stream time."""
        return self.port.now_s() - self._origin_s

    def run(self) -> None:
        """Play to the end.

        Raises:
            PolicyError: a decision that the track does not know.
            InputError: a policy that decides otherwise than it did before a restart.
        """
        self._schedule()
        self._restore()
        while self._due or self.executor.pending:
            now = self.now_s()
            while self._due and self._due[0].at_s <= now:
                due = heapq.heappop(self._due)
                if self._sequence[due.policy] < self._most_decisions:
                    self._place(due)
                now = self.now_s()
            self.executor.advance()
            self._see_starts()
            self.say(self._placed, self._ended, self._total)
            self._wait()

    def _wait(self) -> None:
        """Sleep until the next arrival, retry or poll."""
        waits = []
        if self.executor.pending:
            waits.append((self.executor.next_due() - self.wall()) * self.port.speed)
        if self._due:
            waits.append(self._due[0].at_s - self.now_s())
        if waits:
            self.port.sleep(max(min(waits), 0.0))

    def _schedule(self) -> None:
        """Give every task to every policy, in an order that is drawn anew for each task."""
        rng = self.world.generator("interleaving")
        for task, arrival_s in enumerate(self.world.scenario.workload.arrival_s.tolist()):
            for turn, policy in enumerate(rng.permutation(len(self._policies)).tolist()):
                heapq.heappush(self._due, _Due(arrival_s, turn, policy, task))

    def _restore(self) -> None:
        """Take up what earlier processes decided; start the stream's clock."""
        position = {label: index for index, label in enumerate(self.world.labels)}
        latest_s = 0.0
        shifted: dict[tuple[int, int], _Due] = {(d.policy, d.task): d for d in self._due}
        for decision in self.ledger.decisions():
            policy = position[decision.policy]
            lanes = self._lanes[policy]
            lanes.show_again(dict(decision.view))
            choice = self._policies[policy](lanes.view)
            if choice != decision.qpu:
                raise InputError(
                    f"{self.ledger.path}: {decision.policy} placed task {decision.task} on QPU"
                    f" {decision.qpu} and would now place it on {choice}; its parameters or files"
                    " are not what they were"
                )
            self._sequence[policy] = decision.sequence + 1
            latest_s = max(latest_s, decision.at_s)
            key = (policy, decision.task)
            if decision.feasible:
                del shifted[key]
                self._placed += 1
            else:
                due = shifted[key]
                shifted[key] = replace(
                    due, at_s=due.at_s + self._delay_s, violations=due.violations + 1
                )
        self._due = list(shifted.values())
        heapq.heapify(self._due)
        # A stream that was interrupted goes on where it stopped: no arrival falls into the pause.
        self._origin_s = self.port.now_s() - latest_s
        block = int(self.ledger.get("sessions") or 0)
        with self.ledger.together():
            self.ledger.put("sessions", block + 1)
            self.ledger.put(f"began_{block}", self.port.now_s())
        for intent in self.ledger.intents():
            if intent.phase != "stream":
                continue
            policy = position[intent.policy]
            self._where[intent.hash] = (policy, intent.qpu)
            taken_up = intent.state in OPEN
            if intent.state == "refused":
                taken_up = self.executor.again(intent, self.now_s())
            if taken_up:
                self._lanes[policy].give(intent.qpu, intent.hash, intent.task)
            else:
                self._ended += 1
                self._lanes[policy].ended(intent.qpu, intent.hash, min(latest_s, intent.at_s))
        self.executor.recover()

    @property
    def _most_decisions(self) -> int:
        """After so many a policy is asked no more; its tasks that are left are truncated."""
        limit = self.world.scenario.rules.rescheduling.max_decisions
        return MOST_DECISIONS * len(self.world.scenario.workload) if limit is None else limit

    @property
    def _delay_s(self) -> float:
        return self.world.scenario.rules.rescheduling.delay_s

    def _place(self, due: _Due) -> None:
        """Let a policy decide about a task, and submit it."""
        lanes, label = self._lanes[due.policy], self.world.labels[due.policy]
        fleet = self.world.scenario.fleet
        now_s = max(self.now_s(), due.at_s)
        states = [self._state(self.world.device(qpu)) for qpu in range(len(fleet))]
        up = [state is None or state.operational for state in states]
        shown = lanes.look(due.task, due.violations, now_s, up)
        choice = self._policies[due.policy](lanes.view)
        if choice.__class__ is not int or not 0 <= choice < len(fleet):
            raise PolicyError(
                f"{label} returned {choice!r}; a placement is an int in 0..{len(fleet) - 1}"
            )
        feasible = bool(self.world.estimates.feasible[due.task, choice])
        decision = Decision(
            label, self._sequence[due.policy], due.task, choice, feasible, now_s, shown
        )
        self._sequence[due.policy] += 1
        if not feasible:
            self.ledger.decide(decision)
            again = replace(due, at_s=due.at_s + self._delay_s, violations=due.violations + 1)
            heapq.heappush(self._due, again)
            return
        intent = self._intent(due, choice, now_s, states[choice])
        self._where[intent.hash] = (due.policy, choice)
        lanes.give(choice, intent.hash, due.task)
        self._placed += 1
        # The decision and what follows from it appear together or not at all.
        with self.ledger.together():
            for digest in intent.circuits:
                self.ledger.keep(self.compiled.kept(choice, digest))
            self.ledger.decide(decision)
            self.executor.plan(intent)
        self.executor.start(intent.hash)

    def _intent(self, due: _Due, qpu: int, now_s: float, state: DeviceState | None) -> Intent:
        circuit = self.compiled.circuits.get((due.task, qpu))
        shots = int(self.world.scenario.workload.tasks.shots[due.task])
        label = self.world.labels[due.policy]
        digests = () if circuit is None else (circuit.figures.digest,)
        content = {"policy": label, "task": due.task, "qpu": qpu, "circuit": "".join(digests)}
        estimate, error_class, reason = 0.0, "", ""
        if circuit is not None:
            figures = circuit.figures
            estimate = usage_s([figures], shots, self.compiled.calibrations[qpu].repetition_delay_s)
            if self.simulated:
                reason = choose(figures.active_qubits, figures.two_qubit_gates, shots).reason
                error_class = "too_large" if reason else ""
        obstacle = self.compiled.obstacles.get((due.task, qpu))
        if obstacle is not None:
            error_class, reason = obstacle.kind, obstacle.reason
        return Intent(
            hash=intent_hash(self.replay, phase="stream", shots=shots, **content),
            phase="stream",
            policy=label,
            task=due.task,
            qpu=qpu,
            device=self.world.device(qpu),
            circuits=digests,
            shots=shots,
            estimate_s=estimate,
            reserve_s=reserve_s(estimate),
            at_s=now_s,
            planned_s=self.port.now_s(),
            pending_jobs=None if state is None else state.pending_jobs,
            state="not_run" if reason else "planned",
            error_class=error_class,
            error=reason,
        )

    def _state(self, device: str) -> DeviceState | None:
        """Ask a device about itself now and then; None where it does not answer."""
        asked, state = self._states.get(device, (-np.inf, None))
        if self.wall() - asked > STATE_EVERY_S:
            try:
                state = self.port.state(device)
            except BackendError as error:
                self.ledger.event(self.port.now_s(), error.kind, "", str(error))
            self._states[device] = (self.wall(), state)
        return state

    def _see_starts(self) -> None:
        for hash_, (policy, qpu) in self._where.items():
            if self.executor.status_of(hash_) == "running":
                self._lanes[policy].started(qpu, hash_, self.now_s())

    def _on_end(self, intent: Intent) -> None:
        found = self._where.get(intent.hash)
        if found is None:
            return
        policy, qpu = found
        self._lanes[policy].ended(qpu, intent.hash, self.now_s())
        self._ended += 1


def session_starts(ledger: JobLedger) -> list[float]:
    """Return the clock at which every session of a replay began: the first, and after restarts."""
    sessions = int(ledger.get("sessions") or 0)
    return [float(ledger.get(f"began_{session}") or 0.0) for session in range(sessions)]
