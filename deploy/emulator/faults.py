"""Which fault meets which request."""

import threading
from collections import Counter

from .config import Fault, FaultsConfig, Maintenance, Request
from .draws import of_day

ON_SUBMIT: tuple[Fault, ...] = ("lost_response", "unavailable_after", "job_error")
ON_ANY: tuple[Fault, ...] = ("unavailable", "rate_limit", "slow")
LAST: tuple[Fault, ...] = ("unauthorized",)
"""Drawn after all others, on any request."""


class Faults:
    """Decides by script first, then by probability; the nth request of a kind has its own draw.

    So a request meets the same fault in every run with this seed, day and number of restarts,
    whatever the others do meanwhile.
    """

    def __init__(self, config: FaultsConfig, seed: int, day: int = 0, restart: int = 0) -> None:
        self._config = config
        self._seed, self._day, self._restart = seed, day, restart
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()

    def next(self, kind: Request) -> Fault | None:
        """Return the fault of the next request of a kind, if it has one."""
        with self._lock:
            self._seen[kind] += 1
            self._seen["any"] += 1
            nth, nth_of_all = self._seen[kind], self._seen["any"]
        for scripted in self._config.script:
            if scripted.nth == (nth_of_all if scripted.on == "any" else nth) and scripted.on in {
                kind,
                "any",
            }:
                return scripted.fault
        rng = of_day(self._seed, self._day, "faults", kind, nth, restart=self._restart)
        for fault in (*ON_ANY, *(ON_SUBMIT if kind == "submit" else ()), *LAST):
            if rng.random() < getattr(self._config, fault):
                return fault
        return None


def open_again_s(windows: tuple[Maintenance, ...], moment_s: float) -> float:
    """Return when a backend next runs jobs: the moment itself where it is not in maintenance.

    Returns:
        Emulated seconds; infinity if it never will.
    """
    moved = True
    while moved:
        moved = False
        for window in windows:
            end_s = float("inf") if window.end_s is None else window.end_s
            if window.start_s <= moment_s < end_s:
                moment_s, moved = end_s, True
    return moment_s
