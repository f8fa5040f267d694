"""Everything that the gap report says, computed from the table of a replay."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.hardware.gap.anchors import AnchorDrift, anchor_drifts
from qcbench.hardware.gap.fidelities import FidelityFit, fit_fidelity
from qcbench.hardware.gap.models import TimeFit, fit_time
from qcbench.hardware.gap.occasions import days_of, periods_of, repetitions_of, scope, with_periods
from qcbench.hardware.gap.policies import PolicyGap, policy_gap
from qcbench.hardware.gap.queues import QueueFit, Waits, completions_of_policies, fit_queue, waits
from qcbench.hardware.gap.split import (
    FIDELITY_PARTS,
    TIME_PARTS,
    GapPart,
    fidelity_parts,
    summarise,
    time_parts,
    waits_alone,
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
        days: on which the same tasks were replayed.
        repetitions: how often; those of one day are no different days.
        devices: that something was measured on.
        scope: what the intervals speak of, in words.
        metrics: in the order of `METRICS`.
        policies: None where no task was finished under every policy.
        time: None where too little was measured to fit; so are `queue` and `fidelity`.
        waits: by QPU, with the jobs that never began.
        completions: by policy, with the jobs that never ended; none where all did.
        time_split: parts of the completion gap [s].
        fidelity_split: parts of the fidelity gap.
        anchors: what anchor circuits say of every device; none where the replay has none.
        notes: what could not be computed, in words.
    """

    label: str
    states: Mapping[str, int]
    errors: Mapping[str, int]
    duplicates: int
    days: int
    repetitions: int
    devices: int
    scope: str
    metrics: tuple[MetricGap, ...]
    policies: PolicyGap | None
    time: TimeFit | None
    queue: QueueFit | None
    waits: Mapping[str, Waits]
    completions: Mapping[str, Waits]
    fidelity: FidelityFit | None
    time_split: tuple[GapPart, ...]
    fidelity_split: tuple[GapPart, ...]
    anchors: tuple[AnchorDrift, ...]
    notes: tuple[str, ...]


def analyse(
    table: pl.DataFrame,
    fleet: Fleet,
    seed: int = 0,
    anchors: pl.DataFrame | None = None,
    waits_of_policies: Literal["as_measured", "alone"] = "as_measured",
) -> Gap:
    """Compute the gap.

    Args:
        table: of `qcbench replay`; of several of them with the number of each as
            `repetition`, and the date of its begin as `begun` where it is known.
        fleet: the simulator's profiles of its QPUs.
        seed: of what is drawn.
        anchors: the table of anchor circuits, where there are any.
        waits_of_policies: see `ReplayConfig.waits`.

    Raises:
        InputError: the table is empty or mixes labels.
    """
    labels = table["label"].unique().to_list() if "label" in table.columns else []
    if len(labels) != 1:
        raise InputError(
            "replay: has no tasks" if not labels else f"replay: mixes {' and '.join(labels)} rows"
        )
    rng = np.random.default_rng(seed)
    table = with_periods(table)
    days, repetitions, periods = days_of(table), repetitions_of(table), periods_of(table)
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
        time_split = summarise(time_parts(table, fitted, fleet), TIME_PARTS, periods)
    except InputError as error:
        notes.append(str(error))
    fidelity = fit_fidelity(table)
    parts = fidelity_parts(table)
    unknown = _measured_fidelities(table) - parts.height
    if unknown and parts.height and {"readout", "recalibration"} & set(parts.columns):
        notes.append(
            f"replay: of {unknown} fidelities the readout was not measured, or the calibration of"
            " the job's time is not known; their gap is not split"
        )
    if fidelity is None:
        notes.append(f"replay: {parts.height} fidelities were measured; too few to fit errors to")
    policies = policy_gap(waits_alone(table) if waits_of_policies == "alone" else table, rng)
    if policies is None:
        notes.append("replay: no task was finished under every policy; they are not compared")
    devices = int(table.filter(pl.col("execution_s").is_finite())["qpu"].n_unique())
    return Gap(
        label=str(labels[0]),
        states=_counts(table, "state"),
        errors={name: n for name, n in _counts(table, "error_class").items() if name},
        duplicates=int(table["duplicates"].sum()),
        days=days,
        repetitions=repetitions,
        devices=devices,
        scope=scope(days, repetitions, devices),
        metrics=tuple(metric_gap(table, metric, rng) for metric in METRICS),
        policies=policies,
        time=time,
        queue=queue,
        waits=waits(table),
        completions=completions_of_policies(table),
        fidelity=fidelity,
        time_split=tuple(time_split),
        fidelity_split=tuple(summarise(parts, FIDELITY_PARTS, periods)) if parts.height else (),
        anchors=anchor_drifts(anchors),
        notes=tuple(notes),
    )


def _measured_fidelities(table: pl.DataFrame) -> int:
    both = pl.col("fidelity").is_finite() & pl.col("fidelity_as_calibrated").is_finite()
    return table.filter(both).height


def _counts(table: pl.DataFrame, column: str) -> dict[str, int]:
    return {str(name): int(n) for name, n in table[column].value_counts().sort(column).iter_rows()}
