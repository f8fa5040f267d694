"""Counts of trials for Prometheus, among the metrics that every node of a Ray cluster exports."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from qcbench.bench.outcome import Outcome

NAME = "qcbench_trials"
"""Prometheus sees `ray_qcbench_trials_total{suite, status}`."""


class TrialMetrics:
    """What a driver on a joined cluster has stored, by suite and status; a rate follows from it."""

    def __init__(self, suite: str) -> None:
        from ray.util import metrics  # noqa: PLC0415 - a suite without Ray starts without it

        self._counter: Any = metrics.Counter(
            NAME, description="Trials with a result.", tag_keys=("suite", "status")
        )
        self._counter.set_default_tags({"suite": suite})

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Count results that were stored."""
        for status, number in Counter(str(each.row["status"]) for each in outcomes).items():
            self._counter.inc(number, {"status": status})
