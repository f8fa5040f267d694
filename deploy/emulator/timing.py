"""How long jobs take: a time model whose figures nobody is told.

It is not the model of the simulator, and that is the gap that a replay has to find.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .config import ExecutionConfig

USAGE_SETUP_S = (1.2, 3.0)
USAGE_FACTOR = (1.2, 1.7)
"""Ranges of the figures; IBM's own rule (2 s, 1) predicted 0.7 of the time of real jobs."""

AFFINE_SETUP_S = (2.0, 5.0)
AFFINE_FACTOR_S = (2e-6, 8e-6)
CLASSICAL_SIGMA = 0.25


@dataclass(frozen=True)
class Load:
    """What an item of a job asks of a device.

    Attributes:
        executions: shots times parameter sets.
        length_s: of its circuit.
        depth: of its circuit.
    """

    executions: int
    length_s: float
    depth: int


@dataclass(frozen=True)
class RunTimes:
    """The times of a job, from the moment that the device turns to it.

    Attributes:
        lead_s: before the first circuit.
        items_s: each item on the QPU, one after another.
        tail_s: after the last circuit.
    """

    lead_s: float
    items_s: tuple[float, ...]
    tail_s: float

    @property
    def qpu_s(self) -> float:
        """Time on the QPU."""
        return math.fsum(self.items_s)

    @property
    def total_s(self) -> float:
        """From start to finish."""
        return self.lead_s + self.qpu_s + self.tail_s

    def charge_s(self, elapsed_s: float | None = None) -> int:
        """Return the QPU seconds that are charged, for all of it or for what ran until then."""
        used = self.qpu_s
        if elapsed_s is not None:
            used = min(max(elapsed_s - self.lead_s, 0.0), used)
        return math.ceil(used)


@dataclass(frozen=True)
class TimeModel:
    """A device's hidden figures."""

    setup_s: float
    factor: float
    repetition_delay_s: float
    config: ExecutionConfig

    def draw(self, loads: Sequence[Load], rng: np.random.Generator) -> RunTimes:
        """Return the times of a job."""
        scale = float(np.exp(rng.normal(0.0, self.config.noise)))
        items = [scale * self._item_s(load) for load in loads]
        items[0] += scale * self.setup_s
        classical_s = self.config.classical_median_s * float(
            np.exp(rng.normal(0.0, CLASSICAL_SIGMA))
        )
        return RunTimes(0.8 * classical_s, tuple(items), 0.2 * classical_s)

    def _item_s(self, load: Load) -> float:
        if self.config.model == "affine":
            return self.factor * load.depth * load.executions
        return self.factor * (self.repetition_delay_s + load.length_s) * load.executions


def draw_time_model(
    configuration: Mapping[str, Any], config: ExecutionConfig, rng: np.random.Generator
) -> TimeModel:
    """Draw a device's time model."""
    setup, factor = (
        (AFFINE_SETUP_S, AFFINE_FACTOR_S)
        if config.model == "affine"
        else (USAGE_SETUP_S, USAGE_FACTOR)
    )
    delay_us = float(configuration.get("default_rep_delay") or 250.0)
    return TimeModel(
        setup_s=float(rng.uniform(*setup)),
        factor=float(rng.uniform(*factor)),
        repetition_delay_s=delay_us * 1e-6,
        config=config,
    )
