"""Which trials are still to be run, in chunks of the right size, and who is to blame for a death.

Pure bookkeeping without processes: the driver asks for the next chunk and reports what became of
it. Every trial leaves the ledger exactly once, with the outcome that is stored.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from qcbench.bench.outcome import Outcome, failed_row
from qcbench.bench.trial import Trial
from qcbench.sums import added

MAX_CHUNK = 1000
"""Trials in a chunk at most, however short they are."""

SHARES = 3
"""A chunk takes at most this part of a worker's share of the rest, so that chunks shrink at the
end and all workers finish together."""

EXTRA_DEATHS = 2
"""Workers that a trial may take down beyond `retries` before it is given up. A death is more often
the machine's fault (a preempted node, another process out of memory) than an exception is."""


@dataclass(frozen=True)
class Chunk:
    """Trials that are handed to a worker together.

    Attributes:
        trials: in order.
        estimate_s: expected time [s]; infinite where nothing like them has been measured yet.
    """

    trials: tuple[Trial, ...]
    estimate_s: float


class Ledger:
    """Trials that are waiting, how often each was tried, and how long its like took.

    Attributes:
        unresolved: trials that have no outcome yet, waiting or in hand.
        workers: among how many the work is shared out now, at least 1.
    """

    def __init__(
        self, trials: Sequence[Trial], *, workers: int, chunk_s: float, retries: int, track: str
    ) -> None:
        self.unresolved = len(trials)
        self.workers = max(1, workers)
        self._chunk_s = chunk_s
        self._retries = retries
        self._track = track
        self._queue = deque(by_world(trials))
        self._waiting = Counter(_group(trial) for trial in trials)
        self._typical_s: dict[tuple[str, str], float] = {}
        self._failures: Counter[str] = Counter()
        self._deaths: Counter[str] = Counter()
        self._alone: set[str] = set()

    def add(self, trials: Sequence[Trial]) -> None:
        """Take in further trials, which come after those that wait."""
        self.unresolved += len(trials)
        self._queue.extend(by_world(trials))
        self._waiting.update(_group(trial) for trial in trials)

    @property
    def plenty(self) -> bool:
        """Whether so much waits that a worker may be given more than it has in hand.

        Towards the end a chunk that waits behind another would wait while other workers are idle,
        for as long as the one in hand turns out to take.
        """
        return self._waiting_s() > self.workers * self._chunk_s

    def worth(self, each_s: float, in_hand_s: float) -> int:
        """Return how many workers would have at least `each_s` of what waits to do.

        Args:
            each_s: time [s].
            in_hand_s: how long the first trials have been in hand [s], which is all that is known
                before one is measured: the others take at least as long.
        """
        waiting_s = self._waiting_s() if self._typical_s else in_hand_s * len(self._queue)
        return int(waiting_s // each_s)

    def next_chunk(self) -> Chunk | None:
        """Take the next trials off the queue; None where none is waiting.

        A trial of a kind that was never measured, or one that may have killed a worker, is a chunk
        of its own. A chunk ends with a world where the next world would not fit as a whole, so that
        trials on one world come to one process as far as they can.
        """
        if not self._queue:
            return None
        target_s = min(self._chunk_s, self._waiting_s() / (self.workers * SHARES))
        taken = [self._take()]
        total_s = self._estimate_s(taken[0])
        while self._queue and len(taken) < MAX_CHUNK and taken[0].trial_id not in self._alone:
            following = self._queue[0]
            estimate_s = wanted_s = self._estimate_s(following)
            if _world(following) != _world(taken[-1]):
                world_s = self._world_s()
                wanted_s = world_s if world_s <= target_s else estimate_s
            if following.trial_id in self._alone or total_s + wanted_s > target_s:
                break
            taken.append(self._take())
            total_s += estimate_s
        return Chunk(tuple(taken), total_s)

    def settle(self, chunk: Chunk, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Take the outcomes of a chunk; return those to store.

        A failed trial with attempts left, and a trial without an outcome, go back to the queue.
        """
        by_id = {outcome.trial_id: outcome for outcome in outcomes}
        final: list[Outcome] = []
        again: list[Trial] = []
        for trial in chunk.trials:
            outcome = by_id.get(trial.trial_id)
            if outcome is None:
                again.append(trial)
                continue
            self._learn(trial, outcome.elapsed_s)
            attempt = self._failures[trial.trial_id] + self._deaths[trial.trial_id] + 1
            if outcome.failed:
                self._failures[trial.trial_id] += 1
                if outcome.retry and self._failures[trial.trial_id] <= self._retries:
                    again.append(trial)
                    continue
            final.append(outcome._replace(attempt=attempt))
        self._put_back(again)
        self.unresolved -= len(final)
        return final

    def lost(self, chunk: Chunk, *, started: bool, reason: str) -> list[Outcome]:
        """Take back a chunk whose worker died; return the outcomes of trials that are given up.

        Args:
            chunk: what the worker had.
            started: whether it was the chunk in hand, not one that waited behind it.
            reason: how the worker died, kept beside the row of a trial that is given up.

        A chunk in hand hides which of its trials was running: all are run again, each alone. A
        trial that dies alone is to blame, and is given up after `retries + EXTRA_DEATHS` further
        attempts.
        """
        given_up: list[Outcome] = []
        again: list[Trial] = []
        for trial in chunk.trials:
            name = trial.trial_id
            if started and name in self._alone:
                self._deaths[name] += 1
                if self._deaths[name] > self._retries + EXTRA_DEATHS:
                    attempt = self._failures[name] + self._deaths[name]
                    # The reason names processes; the row must be the same in every run.
                    error = f"WorkerDied: the process that ran it died {self._deaths[name]} times"
                    row = failed_row(trial, self._track, error)
                    given_up.append(
                        Outcome(
                            trial_id=name,
                            row=row,
                            wall_s=0.0,
                            cpu_s=0.0,
                            elapsed_s=0.0,
                            attempt=attempt,
                            traceback=reason,
                        )
                    )
                    continue
            if started:
                self._alone.add(name)
            again.append(trial)
        self._put_back(again)
        self.unresolved -= len(given_up)
        return given_up

    def _take(self) -> Trial:
        trial = self._queue.popleft()
        self._waiting[_group(trial)] -= 1
        return trial

    def _put_back(self, trials: Sequence[Trial]) -> None:
        self._queue.extendleft(reversed(trials))
        self._waiting.update(_group(trial) for trial in trials)

    def _learn(self, trial: Trial, elapsed_s: float) -> None:
        """Follow the time of a kind of trial; the first of a worker also pays for imports."""
        group = _group(trial)
        known_s = self._typical_s.get(group, elapsed_s)
        self._typical_s[group] = max(1e-6, 0.7 * known_s + 0.3 * elapsed_s)

    def _estimate_s(self, trial: Trial) -> float:
        return self._typical_s.get(_group(trial), float("inf"))

    def _world_s(self) -> float:
        """Expected time of all trials at the head of the queue that are on one world."""
        world = _world(self._queue[0])
        same = takewhile(lambda trial: _world(trial) == world, self._queue)
        return added(map(self._estimate_s, same))

    def _waiting_s(self) -> float:
        """Expected time of all that waits; kinds never measured count as the mean of the others."""
        if not self._typical_s:
            return 0.0
        mean_s = added(self._typical_s.values()) / len(self._typical_s)
        return added(
            count * self._typical_s.get(group, mean_s) for group, count in self._waiting.items()
        )


def by_world(trials: Sequence[Trial]) -> list[Trial]:
    """Return trials so that those on one world follow each other, else in the order given."""
    scenarios = {
        name: place for place, name in enumerate(dict.fromkeys(t.scenario for t in trials))
    }
    return sorted(trials, key=lambda trial: (scenarios[trial.scenario], trial.replicate))


def _world(trial: Trial) -> tuple[str, int]:
    """What decides which world a trial of a suite is on."""
    return trial.scenario, trial.replicate


def _group(trial: Trial) -> tuple[str, str]:
    """Trials that take about equally long: same scenario and policy, other seeds."""
    return trial.scenario, trial.policy
