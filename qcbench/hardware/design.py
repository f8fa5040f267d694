"""A replay as an experiment: what it can resolve, the plan that is frozen before it, deviations.

The plan says what will be compared and what will be left out, before anything is measured. It is
written and hashed before the first submit; the report compares with it what was done.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.errors import InputError
from qcbench.files import parse_json, write_durable
from qcbench.hardware.crossover import orders
from qcbench.hardware.plan import ReplayWorld
from qcbench.hardware.replay_config import ANCHOR_SHOTS, ReplayConfig, replay_id
from qcbench.hardware.table import BLOCKS
from qcbench.stats.claims import p_value
from qcbench.stats.clusters import LEAST_CLUSTERS, clustered_mean
from qcbench.stats.intervals import LEVEL, student_t_quantile

if TYPE_CHECKING:
    import polars as pl

PLAN = "plan.json"
POWER = 0.8
DRAWS = 200
DEVICE, DEVICE_DAY, BURST, NOISE = 0.25, 0.10, 0.10, 0.05
"""Spreads of logarithms that the power assumes: of devices, of a device on a day, of a block of
time on a device, of a job."""


@dataclass(frozen=True)
class Resolution:
    """What a design can tell, by simulation.

    Attributes:
        tasks: of a day that every policy finishes.
        occasions: independent ones: blocks of time, or days from three on.
        by_day: whether they are days.
        mean_s: mean completion.
        resolved_s: difference of two policies that is claimed in four of five such replays; NaN
            where none is ever claimed.
        devices: of the fleet.
        gap_percent: half the width of the interval of the mean gap over devices; NaN below three.
    """

    tasks: int
    occasions: int
    by_day: bool
    mean_s: float
    resolved_s: float
    devices: int
    gap_percent: float


def resolution(world: ReplayWorld, draws: int = DRAWS) -> Resolution:
    """Simulate what the design of a replay resolves.

    The stream is simulated under every policy; devices, days, blocks of time and jobs are made to
    vary, and the policies are made equal: what is left is what a difference must stand out from.
    """
    config = world.config
    rng = world.generator("power")
    records = [world.simulate(policy) for policy in config.policies]
    tasks = len(world.scenario.workload.tasks)
    completion = np.full((tasks, len(records)), np.nan)
    qpu = np.zeros((tasks, len(records)), dtype=np.int64)
    for column, record in enumerate(records):
        completion[record.row, column] = record.wait_s + record.exec_s
        qpu[record.row, column] = record.qpu
    done = np.isfinite(completion).all(axis=1)
    completion, qpu = completion[done], qpu[done]
    number = np.flatnonzero(done)
    devices, days = len(world.scenario.fleet), config.repeat
    by_day = days >= LEAST_CLUSTERS
    gap = np.nan
    if devices >= LEAST_CLUSTERS:
        t = student_t_quantile((1.0 + LEVEL) / 2.0, devices - 1)
        gap = 100.0 * float(np.expm1(t * DEVICE / np.sqrt(devices)))
    blocks = config.blocks or BLOCKS
    block = number * blocks // max(tasks, 1)
    day = np.repeat(np.arange(days), len(number))
    task = np.tile(np.arange(len(number)), days)
    clusters = day if by_day else day * blocks + np.tile(block, days)
    clusters = np.unique(clusters, return_inverse=True)[1]
    resolved = np.nan
    if len(records) > 1 and len(number):
        together = config.blocks is None
        found = _differences(
            completion,
            qpu,
            np.tile(block, days),
            day,
            task,
            clusters,
            rng,
            draws,
            together=together,
        )
        resolved = _resolved(found, len(list(combinations(records, 2))))
    return Resolution(
        tasks=len(number),
        occasions=int(np.unique(clusters).size),
        by_day=by_day,
        mean_s=float(completion.mean()) if len(number) else np.nan,
        resolved_s=resolved,
        devices=devices,
        gap_percent=gap,
    )


def _differences(
    completion: FloatArray,
    qpu: IntArray,
    block: IntArray,
    day: IntArray,
    task: IntArray,
    clusters: IntArray,
    rng: np.random.Generator,
    draws: int,
    *,
    together: bool,
) -> list[tuple[float, float, float, int]]:
    """Draw differences of policies that are equal, with their standard errors and degrees.

    Args:
        together: two policies meet the same hour in a block of time; else each has its own.
    """
    days, devices = int(day.max()) + 1, int(qpu.max()) + 1
    blocks = int(block.max()) + 1 if not together else BLOCKS
    level = completion.mean(axis=0)
    equal = completion * (level.mean() / level)
    found = []
    for draw in range(draws):
        # One pair a draw, each in its turn.
        pairs = list(combinations(range(completion.shape[1]), 2))
        first, second = pairs[draw % len(pairs)]
        spread = rng.normal(0, DEVICE_DAY, (days, devices))[:, :, np.newaxis]
        drawn = [rng.normal(0, BURST, (days, devices, blocks)) for _ in range(1 if together else 2)]
        bursts = drawn * 2 if together else drawn
        sides = []
        for policy, burst in zip((first, second), bursts, strict=True):
            hour = (spread + burst)[day, qpu[task, policy], block]
            effect = hour + rng.normal(0, NOISE, len(task))
            sides.append(equal[task, policy] * np.exp(effect))
        one = clustered_mean(sides[0] - sides[1], clusters, [task])
        found.append((one.value, one.se, one.degrees, one.clusters))
    return found


def _resolved(found: list[tuple[float, float, float, int]], pairs: int) -> float:
    """Return the least difference that is claimed in four of five draws."""

    def power(difference: float) -> float:
        return float(
            np.mean(
                [
                    p_value(value + difference, se, degrees, clusters) <= (1.0 - LEVEL) / pairs
                    for value, se, degrees, clusters in found
                ]
            )
        )

    high = max(se for _, se, _, _ in found)
    if not high > 0 or power(1000.0 * high) < POWER:
        return np.nan
    low, high = 0.0, 1000.0 * high
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high


def said(found: Resolution) -> list[str]:
    """Return what a design resolves, in lines."""
    kind = "days" if found.by_day else "blocks of time"
    lines = []
    if np.isfinite(found.resolved_s):
        lines.append(
            f"power: a difference of two policies of {found.resolved_s:.2g} s"
            f" ({100 * found.resolved_s / found.mean_s:.0f} % of {found.mean_s:.3g} s) is claimed"
            f" in {100 * POWER:.0f} % of such replays, over {found.occasions} {kind}"
        )
    else:
        lines.append(
            f"power: no difference of two policies can be claimed from {found.occasions} {kind}"
        )
    if np.isfinite(found.gap_percent):
        lines.append(
            f"power: the mean gap over {found.devices} devices is known within"
            f" {found.gap_percent:.0f} %, if devices differ by {100 * DEVICE:.0f} %"
        )
    else:
        lines.append(
            f"power: {found.devices} devices say nothing of how devices differ;"
            f" {LEAST_CLUSTERS} are needed"
        )
    lines.append("power: by simulation, without the queues of others, which come on top")
    return lines


def frozen(config: ReplayConfig) -> dict[str, Any]:
    """Return the plan of a replay, with its hash."""
    labels = [policy.label for policy in config.policies]
    plan: dict[str, Any] = {
        "replay": replay_id(config),
        "scenario": config.scenario.name,
        "policies": labels,
        "tasks": config.scenario.workload.tasks,
        "shots": config.shots or "of the workload",
        "repetition": config.repetition or 1,
        "repeat": config.repeat,
        "deadline_s": config.deadline_s,
        "primary_metric": "mean completion_s of each policy over the tasks that all have finished",
        "contrasts": [list(pair) for pair in combinations(labels, 2)],
        "test": "t over blocks of time, over days from three repetitions on, paired by task",
        "level": LEVEL,
        "correction": "Holm over all contrasts",
        "exclusions": [
            "rows that are not done have no measurement and count as missing",
            "a task that one policy has not finished is in no contrast",
        ],
    }
    if config.blocks is not None:
        plan["blocks"] = [[labels[policy] for policy in order] for order in orders(config)]
        plan["test"] = "t over blocks, over days from three repetitions on, paired by task"
    if config.waits == "alone":
        plan["primary_metric"] += ", without the waits that the jobs of the other policies caused"
    if config.anchors is not None:
        plan["anchors"] = {
            "moments": config.anchors,
            "circuits": "readout of 0 and of 1 of every qubit that is read out, one mirror circuit",
            "shots": ANCHOR_SHOTS,
        }
    return {"plan": plan, "sha256": plan_hash(plan)}


def plan_hash(plan: dict[str, Any]) -> str:
    """Return the SHA-256 of a plan."""
    canonical = json.dumps(plan, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def freeze(folder: Path, config: ReplayConfig) -> str:
    """Write the plan of a replay if it has none, and return its hash.

    Raises:
        InputError: the one that it has is not what was written.
    """
    path = folder / PLAN
    if not path.is_file():
        content = json.dumps(frozen(config), indent=1) + "\n"
        write_durable(path, content.encode())
    found = read_plan(folder)
    if found is None or plan_hash(found["plan"]) != found.get("sha256"):
        raise InputError(f"{path}: is not the plan that was frozen; its hash does not fit it")
    return str(found["sha256"])


def read_plan(folder: Path) -> dict[str, Any] | None:
    """Return the frozen plan of a replay, None where it has none.

    Raises:
        InputError: the file is none.
    """
    path = folder / PLAN
    try:
        content = parse_json(path.read_bytes(), str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if not isinstance(content, dict) or not isinstance(content.get("plan"), dict):
        raise InputError(f"{path}: is no frozen plan")
    return content


@dataclass(frozen=True)
class Kept:
    """What became of a frozen plan.

    Attributes:
        hashes: of the plans, one for each repetition that has one.
        deviations: in words; empty where it was kept.
    """

    hashes: tuple[str, ...]
    deviations: tuple[str, ...]


def kept(
    folders: "list[tuple[Path, str, str]]",
    table: "pl.DataFrame",
    anchors: "pl.DataFrame | None" = None,
) -> Kept:
    """Compare what was done with the plan.

    Args:
        folders: path, date and label of every replay.
        table: of all of them, with the number of each, from 1, as `repetition`.
        anchors: the anchor circuits that were executed, in the same way; None where none was.
    """
    plans = [read_plan(path) for path, _, _ in folders]
    found: list[str] = []
    sound: list[dict[str, Any] | None] = []
    """What each planned, where that is what was frozen."""
    for (path, _, _), plan in zip(folders, plans, strict=True):
        fits = plan is not None and plan_hash(plan["plan"]) == plan.get("sha256")
        sound.append(plan["plan"] if plan is not None and fits else None)
        if plan is None:
            found.append(f"{path.name}: no plan was frozen before its first submit")
        elif not fits:
            found.append(f"{path.name}: its plan was changed, the hash does not fit it")
    first = next((plan for plan in sound if plan is not None), None)
    if first is not None and int(first.get("repeat", 1)) > len(folders):
        found.append(f"{len(folders)} of {first['repeat']} repetitions are in this report")
    found += _rows_lost(table)
    for repetition, plan in enumerate(sound, 1):
        if plan is not None and "anchors" in plan:
            found += _anchors_lost(int(plan["anchors"]["moments"]), repetition, table, anchors)
    dates = [datetime.fromisoformat(date).date() for _, date, _ in folders]
    if len(set(dates)) < len(dates) and any(label == "hardware" for _, _, label in folders):
        found.append("repetitions were begun on the same day, and are no different days")
    return Kept(
        tuple(str(plan.get("sha256", "")) for plan in plans if plan is not None), tuple(found)
    )


def _anchors_lost(
    moments: int, repetition: int, table: "pl.DataFrame", anchors: "pl.DataFrame | None"
) -> list[str]:
    """Say which devices lack anchors of some moments."""
    used = table.filter(repetition=repetition)["qpu"].drop_nulls().unique().sort().to_list()
    own = None if anchors is None else anchors.filter(repetition=repetition)
    lacking = []
    for qpu in used:
        came = 0 if own is None else own.filter(qpu=qpu)["moment"].n_unique()
        if came < moments:
            lacking.append(f"{qpu} has those of {came}")
    return [f"anchors of {moments} moments were planned; {', '.join(lacking)}"] if lacking else []


def _rows_lost(table: "pl.DataFrame") -> list[str]:
    import polars as pl  # noqa: PLC0415

    found = []
    lost = table.filter(pl.col("state") != "done")
    if lost.height:
        states = ", ".join(
            f"{count} {state}" for state, count in lost["state"].value_counts(sort=True).iter_rows()
        )
        found.append(f"{lost.height} of {table.height} rows were not done: {states}")
    if "session" in table.columns:
        again = int(
            table.group_by("repetition").agg(pl.col("session").max())["session"].fill_null(0).sum()
        )
        if again:
            found.append(f"the stream was interrupted and taken up again {again} times")
    if "calibration" in table.columns:
        # What circuits were compiled for, and what the devices were calibrated to when they ran.
        dates = [name for name in ("calibration", "job_calibration") if name in table.columns]
        parts = [table.select("repetition", "qpu", pl.col(name).alias("date")) for name in dates]
        several = (
            pl.concat(parts, how="vertical_relaxed")
            .drop_nulls("date")
            .group_by("repetition", "qpu")
            .agg(n=pl.col("date").n_unique())
            .filter(pl.col("n") > 1)
        )
        if several.height:
            names = ", ".join(sorted(set(several["qpu"].to_list())))
            found.append(f"devices were calibrated anew in the middle: {names}")
    return found
