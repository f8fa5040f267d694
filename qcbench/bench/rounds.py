"""The rounds of a run that grows: how many worlds each scenario has by now, and what ended it.

Rounds are fixed by counts of worlds, and a scenario's next one is decided by its complete rounds
alone: not by workers, the order of results, or other scenarios. Only `seconds` goes by the clock.
What was decided is written before a trial of it runs, so that whoever goes on with the run, or runs
it again from its manifest and this file, has the same worlds.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import ceil
from pathlib import Path
from typing import Any

from qcbench.bench.trial import Trial
from qcbench.errors import InputError
from qcbench.storage.places import shown_path

FILE = "rounds.json"

GROWTH = 1.25
"""How many times as many worlds the next round ends with. Shorter rounds would wait more often for
their last trials, longer ones add worlds that nothing needs."""


@dataclass(frozen=True)
class Rounds:
    """What was decided.

    Attributes:
        worlds: by scenario, at the end of its last round that has begun.
        ended: why a scenario gets no more: `decided`, `narrow`, `replicates` or `seconds`.
    """

    worlds: Mapping[str, int]
    ended: Mapping[str, str]

    @property
    def open(self) -> tuple[str, ...]:
        """Scenarios that may get more worlds."""
        return tuple(name for name in self.worlds if name not in self.ended)

    def grown(self, scenario: str, worlds: int) -> "Rounds":
        """Return these with another round of a scenario."""
        return replace(self, worlds={**self.worlds, scenario: worlds})

    def end(self, scenario: str, why: str) -> "Rounds":
        """Return these with no further round of a scenario."""
        return replace(self, ended={**self.ended, scenario: why})


def first(trials: Sequence[Trial]) -> Rounds:
    """Return the first round, of which the manifest has all trials."""
    worlds: dict[str, int] = {}
    for trial in trials:
        worlds[trial.scenario] = max(worlds.get(trial.scenario, 0), trial.replicate + 1)
    return Rounds(worlds, {})


def following(worlds: int, most: int) -> int:
    """Return with how many worlds the round after one of `worlds` ends."""
    return min(most, ceil(worlds * GROWTH))


def trials_of(begun: Sequence[Trial], rounds: Rounds) -> tuple[Trial, ...]:
    """Return all trials of a run, in order.

    Args:
        begun: those of the first round in order; others differ from them by their replicate alone.
    """
    found: list[Trial] = []
    for (scenario, _), own in groupby(begun, key=lambda trial: (trial.scenario, trial.policy)):
        found += own
        found += more_of(found[-1], found[-1].replicate + 1, rounds.worlds[scenario])
    return tuple(found)


def more_of(trial: Trial, start: int, end: int) -> list[Trial]:
    """Return trials like one, of the replicates from `start` to before `end`."""
    found = [
        replace(trial, replicate=number, ordinal=trial.ordinal + number - trial.replicate)
        for number in range(start, end)
    ]
    return [each.uncorrected() for each in found] if found and trial.is_uncorrected else found


def dump(rounds: Rounds) -> bytes:
    """Return rounds as JSON: the same bytes, in whichever order scenarios came to their ends."""
    ended = {name: rounds.ended[name] for name in rounds.worlds if name in rounds.ended}
    return (json.dumps({"worlds": rounds.worlds, "ended": ended}, indent=2) + "\n").encode()


def load(folder: Path, begun: Sequence[Trial]) -> Rounds:
    """Return the rounds of a run; the first where nothing was decided yet.

    Raises:
        InputError: a file that does not fit the run.
    """
    path, start = folder / FILE, first(begun)
    try:
        data: Any = json.loads(path.read_bytes())
        found = Rounds(dict(data["worlds"]), dict(data["ended"]))
        fits = found.worlds.keys() == start.worlds.keys() >= found.ended.keys() and all(
            type(found.worlds[name]) is int and found.worlds[name] >= least
            for name, least in start.worlds.items()
        )
    except FileNotFoundError:
        return start
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        fits = False
    if not fits:
        raise InputError(
            f"{shown_path(path)}: does not say how many worlds each scenario of the run has; "
            "restore it, or remove it and `qcbench resume` decides anew"
        )
    return found
