"""Everything that the gap report says, computed from the table of a replay."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.hardware.gap.models import (
    FidelityFit,
    QueueFit,
    TimeFit,
    fit_fidelity,
    fit_queue,
    fit_time,
)
from qcbench.hardware.gap.policies import PolicyGap, policy_gap
from qcbench.hardware.gap.split import (
    FIDELITY_PARTS,
    TIME_PARTS,
    GapPart,
    fidelity_parts,
    summarise,
    time_parts,
)
from qcbench.hardware.gap.tasks import METRICS, MetricGap, metric_gap


@dataclass(frozen=True)
class Gap:
    """The gap of a replay.

    Attributes:
        label: `hardware`, `emulated` or `local`.
        states: rows by their end; failed and censored ones are in the table like all others.
        errors: rows by class of error, where there was one.
        duplicates: further jobs that were found and cancelled.
        metrics: in the order of `METRICS`.
        policies: None where no task was finished under every policy.
        time: None where too little was measured to fit; so are `queue` and `fidelity`.
        time_split: parts of the completion gap [s].
        fidelity_split: parts of the fidelity gap.
        notes: what could not be computed, in words.
    """

    label: str
    states: Mapping[str, int]
    errors: Mapping[str, int]
    duplicates: int
    metrics: tuple[MetricGap, ...]
    policies: PolicyGap | None
    time: TimeFit | None
    queue: QueueFit | None
    fidelity: FidelityFit | None
    time_split: tuple[GapPart, ...]
    fidelity_split: tuple[GapPart, ...]
    notes: tuple[str, ...]


def analyse(table: pl.DataFrame, fleet: Fleet, seed: int = 0) -> Gap:
    """Compute the gap.

    Args:
        table: of `qcbench replay`.
        fleet: the simulator's profiles of its QPUs.
        seed: of the resamples.

    Raises:
        InputError: the table is empty or mixes labels.
    """
    labels = table["label"].unique().to_list() if "label" in table.columns else []
    if len(labels) != 1:
        raise InputError(
            "replay: has no tasks" if not labels else f"replay: mixes {' and '.join(labels)} rows"
        )
    rng = np.random.default_rng(seed)
    notes: list[str] = []
    time = queue = None
    time_split: list[GapPart] = []
    try:
        time = fit_time(table, fleet)
        fitted = time.fitted[time.chosen]
        if "ibm_usage" not in time.fitted:
            notes.append(
                "replay: a QPU states no two_qubit_duration_s or no readout_duration_s, so that "
                "the time model ibm_usage is not fitted; give them in the fleet"
            )
        queue = fit_queue(table, fitted, fleet)
        time_split = summarise(time_parts(table, fitted, fleet), TIME_PARTS, rng)
    except InputError as error:
        notes.append(str(error))
    fidelity = fit_fidelity(table)
    parts = fidelity_parts(table)
    if fidelity is None:
        notes.append(f"replay: {parts.height} fidelities were measured; too few to fit errors to")
    policies = policy_gap(table, rng)
    if policies is None:
        notes.append("replay: no task was finished under every policy; they are not compared")
    return Gap(
        label=str(labels[0]),
        states=_counts(table, "state"),
        errors={name: n for name, n in _counts(table, "error_class").items() if name},
        duplicates=int(table["duplicates"].sum()),
        metrics=tuple(metric_gap(table, metric, rng) for metric in METRICS),
        policies=policies,
        time=time,
        queue=queue,
        fidelity=fidelity,
        time_split=tuple(time_split),
        fidelity_split=tuple(summarise(parts, FIDELITY_PARTS, rng)) if parts.height else (),
        notes=tuple(notes),
    )


def _counts(table: pl.DataFrame, column: str) -> dict[str, int]:
    return {str(name): int(n) for name, n in table[column].value_counts().sort(column).iter_rows()}
