"""Observations from the views of a running cloud: what exported policies and environments share.

An observer is asked at every decision of one episode and keeps what a view does not show: when the
first decision and the one before were, and how many there have been.
"""

from typing import Any, Protocol

import numpy as np

from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.policies.features.layout import Layout, Observation, Target, layout_named
from qcbench.policies.features.queueing import SLOTS
from qcbench.tracks import TRACKS, Track, is_learned, learned_tracks, module_of

OBSERVERS = "qcbench.policies.features.observers"


class Observer(Protocol):
    """Writes the observation and the action mask of each decision of one episode.

    Attributes:
        layout: what the observation holds.
        items: QPUs, or places for waiting tasks.
    """

    layout: Layout
    items: int

    def observe(self, view: Any, out: Target) -> None:
        """Write the observation, `layout.size(items)` numbers; once for each decision."""

    def mask(self, view: Any, out: Target) -> None:
        """Write 1 for every item that can be chosen and 0 for the others."""


class Elapsed:
    """Times between the decisions of an episode."""

    __slots__ = ("_first_s", "_previous_s", "decisions")

    def __init__(self) -> None:
        self.decisions = -1
        self._first_s = self._previous_s = 0.0

    def tick(self, now_s: float) -> tuple[float, float]:
        """Count a decision; return the time since the first and since the one before."""
        self.decisions += 1
        if not self.decisions:
            self._first_s = self._previous_s = now_s
        times = now_s - self._first_s, now_s - self._previous_s
        self._previous_s = now_s
        return times


def observer(
    track: Track, fleet: Fleet, *, observation: Observation = "usual", slots: int = SLOTS
) -> Observer:
    """Return the observer of a track for one episode.

    Raises:
        InputError: the track has none, or none of this observation.
    """
    if not is_learned(track):
        known = ", ".join(learned_tracks())
        raise InputError(f"track {track}: has no observation; {known} have one")
    check_observation(observation, track)
    layout = layout_named(track, observation)
    found: Observer = module_of(OBSERVERS, track).observer(fleet, layout, slots=slots)
    return found


def check_observation(observation: str, track: Track, key: str = "observation") -> None:
    """Check that a track has an observation of this kind.

    Raises:
        InputError: it has not; `key` is what the message begins with.
    """
    of = [name for name, info in TRACKS.items() if observation in info.observations]
    if track not in of:
        raise InputError(f"{key}: {observation} is of track {' and '.join(of)}, not {track}")


def check_prices(fleet: Fleet) -> None:
    """Check that the QPUs can be compared by price: all state one, or none does.

    Where none does they are alike, and an observation calls none of them dearer than another.

    Raises:
        InputError: one states none and others do.
    """
    known = np.isfinite(fleet.prices())
    if known.any():
        fleet.known(
            "price_per_s", "the observation, which compares prices,", "state none for all QPUs"
        )


def check_circuit(depth: int, observation: str) -> None:
    """Check that a task has a circuit whose depth and gates can be observed.

    Raises:
        InputError: it has none.
    """
    if depth < 0:
        raise InputError(
            f"a task without a circuit has no depth and gates, which the {observation} observation "
            "holds; take a workload of circuits"
        )
