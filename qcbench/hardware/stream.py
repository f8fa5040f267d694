"""The stream of a replay: arrivals in their time, decisions of all policies, jobs."""

import hashlib
import heapq
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qcbench.errors import InputError
from qcbench.hardware.crossover import start_key
from qcbench.hardware.executor import Executor
from qcbench.hardware.intents import OPEN, Decision, Intent
from qcbench.hardware.lanes import Lanes
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.moments import latest_end_s
from qcbench.hardware.plan import CompiledTasks, ReplayWorld
from qcbench.hardware.port import BackendError, DeviceState, Port
from qcbench.hardware.refusals import comes_again
from qcbench.hardware.suspension import Suspensions
from qcbench.policies.protocol import Placement, PolicyError

MOST_DECISIONS = 100
"""Decisions a task, on average, that a policy may take where the rules state no number."""
PLAYING = "playing"
"""Of a ledger: 1 from the first decision to the table."""
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
        wall: clock of polls.
        say: hears how many tasks are placed, and ended, of how many.
        placed: hears how many are placed, of how many, before it waits.
    """

    world: ReplayWorld
    compiled: CompiledTasks
    port: Port
    ledger: JobLedger
    executor: Executor
    replay: str
    wall: Callable[[], float]
    say: Callable[[int, int, int], None] = lambda _placed, _ended, _all: None
    placed: Callable[[int, int], None] = lambda _placed, _all: None

    def __post_init__(self) -> None:
        fleet, tasks = self.world.scenario.fleet, self.world.scenario.workload.tasks
        self._policies: list[Placement] = [self.world.make(p) for p in self.world.config.policies]
        self._lanes = [Lanes(fleet, tasks, self.world.estimates) for _ in self._policies]
        self._sequence = [0] * len(self._policies)
        self._due: list[_Due] = []
        self._late: deque[Intent] = deque()
        self._sections: deque[tuple[int, list[_Due], list[Intent]]] = deque()
        self._where: dict[str, tuple[int, int]] = {}
        self._states: dict[str, tuple[float, DeviceState | None]] = {}
        self._placed = self._ended = 0
        self._total = len(tasks) * len(self._policies)
        self.executor.on_end(self._on_end)
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
        self._restore(self._schedule())
        suspensions = Suspensions(lambda: self.port.now_s() / self.port.speed, self.wall)
        while self._due or self._late or self._sections or self.executor.pending:
            now = self._moment(suspensions)
            if self._sections and not (self._due or self._late or self.executor.pending):
                self._begin_section(now)
            while self._late and self._has_room:
                self._take_up(self._late.popleft())
            while self._due and self._due[0].at_s <= now and self._has_room:
                due = heapq.heappop(self._due)
                if self._sequence[due.policy] < self._most_decisions:
                    self._place(due)
                now = self._moment(suspensions)
            self.placed(self._placed, self._total)
            self.executor.advance()
            self._see_starts()
            self.say(self._placed, self._ended, self._total)
            self._wait()

    def _moment(self, suspensions: Suspensions) -> float:
        """Return the stream time; no arrival falls into a time for which this machine slept."""
        slept_s = suspensions.slept_s()
        if slept_s > 0:
            self.ledger.event(self.port.now_s(), "suspended", "", f"for {slept_s:.0f} s")
            self._begin_session(self.now_s() - slept_s * self.port.speed)
        return self.now_s()

    def _begin_session(self, stream_s: float) -> None:
        """Note that the stream goes on now, at a stream time."""
        self._origin_s = self.port.now_s() - stream_s
        block = int(self.ledger.get("sessions") or 0)
        with self.ledger.together():
            self.ledger.put(PLAYING, 1)
            self.ledger.put("sessions", block + 1)
            self.ledger.put(f"began_{block}", self.port.now_s())
            self.ledger.put(f"origin_{block}", self._origin_s)

    def _wait(self) -> None:
        """Sleep until the next arrival, retry or poll."""
        waits = []
        if self.executor.pending:
            waits.append((self.executor.next_due() - self.wall()) * self.port.speed)
        if self._due and self._has_room:
            waits.append(self._due[0].at_s - self.now_s())
        if waits:
            self.port.sleep(max(min(waits), 0.0))

    @property
    def _has_room(self) -> bool:
        """Whether another task may come: in a closed loop one comes when another has ended."""
        most = self.world.config.concurrency
        return most is None or self.executor.pending < most

    def _schedule(self) -> list[_Due]:
        """Give every task to every policy: in an order that is drawn anew for each task, or alone.

        In crossover blocks arrivals count from the start of the policy's section.
        """
        closed, policies = self.world.config.concurrency is not None, len(self._policies)
        blocks = self.world.crossover
        if blocks is not None:
            return [
                _Due(0.0 if closed else blocks.after_start_s(task), task, policy, task)
                for policy in range(policies)
                for task in range(len(self.world.scenario.workload))
            ]
        again = self.world.config.repetition or 1
        rng = self.world.generator("interleaving" if again == 1 else f"interleaving {again}")
        due = []
        for task, arrival_s in enumerate(self.world.scenario.workload.arrival_s.tolist()):
            for turn, policy in enumerate(rng.permutation(policies).tolist()):
                at_s, place = (0.0, task * policies + turn) if closed else (arrival_s, turn)
                due.append(_Due(at_s, place, policy, task))
        return due

    def _into_sections(self, left: list[_Due], late: list[Intent]) -> None:
        """Let what is left of the section that has begun be due, and the others wait.

        What an earlier session was refused waits too, until its policy has the devices again: after
        the section that goes on, in the order of the plan.

        Args:
            left: what is not placed.
            late: what was refused and may be submitted now.
        """
        blocks = self.world.crossover
        if blocks is None:
            self._due, self._late = left, deque(late)
            heapq.heapify(self._due)
            return
        dues: dict[int, list[_Due]] = {}
        for due in left:
            dues.setdefault(blocks.section(due.policy, due.task), []).append(due)
        refused: dict[int, list[Intent]] = {}
        between: list[Intent] = []
        section = None
        for intent in late:
            between.append(intent)  # anchors go with the task before which they were due
            if intent.phase == "stream":
                section = blocks.section(self._where[intent.hash][0], intent.task)
                refused.setdefault(section, []).extend(between)
                between = []
        if section is None:
            self._late.extend(between)
        else:
            refused[section] += between
        for section in sorted({*dues, *refused}):
            began_s = self.ledger.get(start_key(section))
            if began_s is not None and section in dues:
                self._let_arrive(dues[section], float(began_s))
                self._late.extend(refused.get(section, ()))
            else:
                part = section, dues.get(section, []), refused.get(section, [])
                self._sections.append(part)

    def _begin_section(self, now_s: float) -> None:
        """Let the next policy have the devices, for the first time or for what was refused."""
        section, dues, late = self._sections.popleft()
        if self.ledger.get(start_key(section)) is None:
            self.ledger.put(start_key(section), now_s)
        self._let_arrive(dues, now_s)
        self._late.extend(late)

    def _take_up(self, intent: Intent) -> None:
        """Submit what an earlier session was refused, where it fits now."""
        if intent.phase != "stream":
            self.executor.again(intent, intent.at_s)
            return
        policy, qpu = self._where[intent.hash]
        if self.executor.again(intent, self.now_s()):
            self._lanes[policy].give(qpu, intent.hash, intent.task)
        else:
            self._ended += 1

    def _let_arrive(self, dues: list[_Due], began_s: float) -> None:
        for due in dues:
            heapq.heappush(self._due, replace(due, at_s=began_s + due.at_s))

    def _restore(self, scheduled: list[_Due]) -> None:
        """Take up what earlier processes decided; start the stream's clock."""
        position = {label: index for index, label in enumerate(self.world.labels)}
        latest_s = 0.0
        shifted: dict[tuple[int, int], _Due] = {(d.policy, d.task): d for d in scheduled}
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
        # A stream that was interrupted goes on where it stopped: no arrival falls into the pause,
        # and nothing begins before the end of what has ended.
        self._begin_session(max(latest_s, latest_end_s(self.ledger)))
        last_moment = (self.world.config.anchors or 0) - 1
        late = []
        for intent in self.ledger.intents():
            if intent.phase == "anchor" and 0 < intent.task < last_moment and comes_again(intent):
                late.append(intent)
            if intent.phase != "stream":
                continue
            policy = position[intent.policy]
            self._where[intent.hash] = (policy, intent.qpu)
            if intent.state in OPEN:
                self._lanes[policy].give(intent.qpu, intent.hash, intent.task)
                continue
            self._lanes[policy].ended(intent.qpu, intent.hash, min(latest_s, intent.at_s))
            if comes_again(intent):
                late.append(intent)
            else:
                self._ended += 1
        left = [d for d in shifted.values() if self._sequence[d.policy] < self._most_decisions]
        self._into_sections(left, late)
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
            delay_s = self.compiled.calibrations[qpu].repetition_delay_s
            estimate = self.world.expected(qpu, [figures], shots, delay_s)
            reason = self.world.too_large(figures.active_qubits, figures.two_qubit_gates, shots)
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
            estimate=estimate,
            reserve=self.world.provider.price.reserve(estimate),
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
