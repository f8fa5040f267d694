"""How often what a gap report says holds: `python -m tests.perf.gap_coverage`.

Replays are drawn from a world whose truth is known: devices that differ, days that differ, devices
that differ by day, bursts of a block of time, tasks that the simulator is wrong about, shot noise.
Each is analysed by the functions of the report, and what they say is held against the truth that it
names: with one day that of the day, with three or more that of days in general.
"""

import argparse
from collections import defaultdict
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.estimates import estimate
from qcbench.fleet.load import load_fleet
from qcbench.fleet.profile import Fleet
from qcbench.hardware.gap.fidelities import factor_of
from qcbench.hardware.gap.models import fit_model, lengths_s
from qcbench.hardware.gap.occasions import on_a_device, over_devices
from qcbench.hardware.gap.policies import PolicyGap, policy_gap
from qcbench.hardware.replay_config import compose_replay
from qcbench.stats.intervals import Estimate
from qcbench.workload.circuits.table import load_circuits
from qcbench.workload.workload import Tasks

POLICIES = ("first", "second", "third")
SHOTS = (1_000, 10_000)
BLOCKS = 6
OVERHEAD_S, DELAY_S = 2.0, 250e-6
DEVICE, DAY, DEVICE_DAY, BURST, TASK, NOISE = 0.25, 0.10, 0.10, 0.08, 0.10, 0.05
"""Spreads of logarithms: of a device's figures, of a day, of a device on a day, of a block of time
on a device, of a task that the simulator is wrong about, of a job."""
WAIT_S, WAIT_SPREAD, CROWD = 5.0, 0.8, 0.5
"""Median wait, and the spreads of its logarithm: of a job, of a block of time on a device."""
SHOT_NOISE = 0.01
DRIFT, CIRCUIT = 0.05, 0.10
"""Spreads of logarithms of the factor of a device's errors: on a day, of a compiled circuit."""


@dataclass(frozen=True)
class World:
    """What stays the same over all replays: circuits, profiles, what simulation says.

    Attributes:
        lengths_s: of every circuit on every QPU.
        rule_s: IBM's rule, (circuits, levels of shots, QPUs) [s].
        fidelity: as simulated, (circuits, QPUs).
    """

    fleet: Fleet
    tasks: Tasks
    depth: IntArray
    lengths_s: FloatArray
    rule_s: FloatArray
    fidelity: FloatArray


@dataclass(frozen=True)
class Truth:
    """What a report would say that has seen everything of what it speaks of."""

    over_devices: float
    by_qpu: dict[str, float]
    policies: dict[str, float]
    parameters: dict[str, float]
    error_scale: dict[str, float]


def make_world() -> World:
    """Return circuits of up to seven qubits on the five devices."""
    config = compose_replay(["backend=local"])
    fleet = load_fleet(config.scenario.fleet)
    table = load_circuits()
    tasks = table.tasks.take(np.flatnonzero(table.tasks.qubits <= 7))
    depth = np.stack([tasks.compiled[qpu.family].depth for qpu in fleet], axis=1)
    rows = pl.DataFrame(
        {
            "qpu": np.tile(np.array(fleet.names), len(tasks)),
            "simulated_depth": depth.ravel(),
        }
    )
    lengths = lengths_s(rows, fleet).reshape(depth.shape)
    shots = np.array(SHOTS, dtype=np.float64)[np.newaxis, :, np.newaxis]
    rule = OVERHEAD_S + (DELAY_S + lengths[:, np.newaxis, :]) * shots
    found = estimate(tasks, fleet, config.scenario.physics)
    return World(fleet, tasks, depth, lengths, rule, found.fidelity)


def mean_over_devices(world: World, rng: np.random.Generator) -> float:
    """Return the mean log-ratio over all devices that might have been."""
    total = []
    for _ in range(400):
        overhead, delay = _figures(len(world.fleet), rng)
        total.append(float(np.log(_model_s(world, overhead, delay) / world.rule_s).mean()))
    return float(np.mean(total))


def _figures(devices: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    overhead = OVERHEAD_S * np.exp(rng.normal(0.1, DEVICE, devices))
    return overhead, DELAY_S * np.exp(rng.normal(0.2, DEVICE, devices))


def _model_s(world: World, overhead_s: FloatArray, delay_s: FloatArray) -> FloatArray:
    shots = np.array(SHOTS, dtype=np.float64)[np.newaxis, :, np.newaxis]
    return np.asarray(overhead_s + (delay_s + world.lengths_s[:, np.newaxis, :]) * shots)


def draw(
    world: World, tasks: int, days: int, apart_s: float, centre: float, rng: np.random.Generator
) -> tuple[pl.DataFrame, Truth]:
    """Draw the table of a replay, and the truth.

    Args:
        tasks: of a day.
        days: on which these tasks are replayed.
        apart_s: how far policies are apart: the spread of what they make a task wait longer.
        centre: mean log-ratio over all devices.
    """
    devices = len(world.fleet)
    overhead, delay = _figures(devices, rng)
    model_s = _model_s(world, overhead, delay)
    day = rng.normal(0, DAY, days)
    both = rng.normal(0, DEVICE_DAY, (days, devices))
    burst = rng.normal(0, BURST, (days, devices, BLOCKS))
    crowd = np.exp(rng.normal(0, CROWD, (days, devices, BLOCKS)))
    extra_s = rng.normal(0, apart_s, len(POLICIES)) + 2.0
    choice = rng.dirichlet(np.full(devices, 3.0), len(POLICIES))
    scale = rng.uniform(0.8, 1.6, devices)
    circuit = rng.integers(len(world.tasks), size=tasks)
    level = rng.integers(len(SHOTS), size=tasks)
    wrong = rng.normal(0, TASK, tasks)
    when, policy, task = (
        part.ravel() for part in np.indices((days, len(POLICIES), tasks), dtype=np.int64)
    )
    device = np.array([rng.choice(devices, p=choice[p]) for p in policy])
    block = task * BLOCKS // tasks
    own, shots = circuit[task], level[task]
    simulated = world.rule_s[own, shots, device]
    effects = day[when] + both[when, device] + burst[when, device, block] + wrong[task]
    execution = model_s[own, shots, device] * np.exp(effects + rng.normal(0, NOISE, len(task)))
    wait = WAIT_S * crowd[when, device, block] * rng.lognormal(0, WAIT_SPREAD, len(task))
    wait = np.maximum(wait + extra_s[policy], 0.0)
    expected = world.fidelity[own, device]
    drift = np.exp(rng.normal(0, DRIFT, (days, devices)))
    off = np.exp(rng.normal(0, CIRCUIT, (devices, len(world.tasks))))
    exponent = (scale * drift)[when, device] * off[device, own]
    measured = _measured(expected**exponent, when, device, own, rng)
    names = np.array(world.fleet.names)
    compiled = [f"{c}-{d}" for c, d in zip(own.tolist(), device.tolist(), strict=True)]
    table = pl.DataFrame(
        {
            "label": "emulated",
            "policy": np.array(POLICIES)[policy],
            "task": task,
            "repetition": when + 1,
            "block": block,
            "qpu": names[device],
            "shots": np.array(SHOTS)[shots],
            "simulated_depth": world.depth[own, device],
            "state": "done",
            "error_class": "",
            "error": "",
            "duplicates": 0,
            "compiled": compiled,
            "submitted_s": 60.0 * task + when * 1e6,
            "execution_s": execution,
            "overhead_s": 0.5,
            "queue_s": wait,
            "completion_s": wait + execution,
            "simulated_execution_s": simulated,
            "execution_as_compiled_s": simulated,
            "simulated_queue_s": np.full(len(task), WAIT_S),
            "simulated_completion_s": simulated + WAIT_S,
            "policy_simulated_completion_s": simulated + WAIT_S,
            "simulated_fidelity": expected,
            "fidelity_with_profile": expected,
            "fidelity_with_medians": expected,
            "fidelity_as_calibrated": expected,
            "fidelity": measured,
            "fidelity_noise": SHOT_NOISE,
            "charge_s": np.ceil(execution),
            "estimated_charge_s": simulated,
        }
    )
    seen = np.zeros((1, devices)) if days >= 3 else (day[:, np.newaxis] + both)
    shift = seen.mean(axis=0)
    ratios = np.log(model_s / world.rule_s).mean(axis=(0, 1))
    seen_drift = np.exp(DRIFT**2 / 2) if days >= 3 else drift.mean(axis=0)
    # A mean of exponentials of normal effects, over everything that a report does not name.
    unseen = NOISE**2 + TASK**2 + BURST**2
    unseen += DAY**2 + DEVICE_DAY**2 if days >= 3 else 0.0
    mean_s = model_s.mean(axis=(0, 1)) * np.exp(seen).mean(axis=0) * np.exp(unseen / 2)
    return table, Truth(
        over_devices=centre + (0.0 if days >= 3 else float(day.mean())),
        by_qpu=dict(zip(names.tolist(), (ratios + shift).tolist(), strict=True)),
        policies={
            name: float(choice[p] @ mean_s) + mean_wait_s(float(extra_s[p]))
            for p, name in enumerate(POLICIES)
        },
        parameters={
            **{f"overhead of {n} [s]": o for n, o in _named(names, overhead * np.exp(shift))},
            **{f"delay of {n} [us]": 1e6 * d for n, d in _named(names, delay * np.exp(shift))},
        },
        error_scale=dict(_named(names, scale * seen_drift * np.exp(CIRCUIT**2 / 2))),
    )


def mean_wait_s(extra_s: float) -> float:
    """Return the mean of a lognormal wait that is longer by so much, and never below 0."""
    spread = float(np.hypot(CROWD, WAIT_SPREAD))
    mean_s = WAIT_S * float(np.exp(spread**2 / 2))
    if extra_s >= 0:
        return mean_s + extra_s
    at = np.log(WAIT_S / -extra_s) / spread
    normal = NormalDist()
    return mean_s * normal.cdf(at + spread) + extra_s * normal.cdf(at)


def _named(names: "np.ndarray", values: FloatArray) -> list[tuple[str, float]]:
    return list(zip(names.tolist(), values.tolist(), strict=True))


def _measured(
    truth: FloatArray, day: IntArray, device: IntArray, circuit: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Measure every circuit once a day on each device."""
    cells = (day * 1000 + device) * 10_000 + circuit
    _, first, back = np.unique(cells, return_index=True, return_inverse=True)
    once = truth[first] + rng.normal(0, SHOT_NOISE, len(first))
    return np.asarray(np.clip(once, 0.01, 1.0)[back])


@dataclass(frozen=True)
class Said:
    """The parts of a report whose intervals are judged."""

    over_devices: Estimate
    by_qpu: dict[str, Estimate]
    policies: PolicyGap
    parameters: dict[str, Estimate]
    error_scale: dict[str, Estimate]


def said(table: pl.DataFrame, days: int, fleet: Fleet, rng: np.random.Generator) -> Said:
    """Return what a report says of a table, without the errors on what is held out."""
    rows = table.with_columns(gap=(pl.col("execution_s") / pl.col("simulated_execution_s")).log())
    parts = {str(name): rows.filter(pl.col("qpu") == name) for name in fleet.names}
    policies = policy_gap(table, rng)
    if policies is None:
        raise RuntimeError("a replay that cannot be analysed")
    time = fit_model("ibm_usage", table, fleet, days)
    return Said(
        over_devices(rows, rows["gap"], days).interval(),
        {
            name: on_a_device(part, part["gap"], days).interval()
            for name, part in parts.items()
            if part.height
        },
        policies,
        dict(time.parameters or {}),
        {name: factor_of(part, days) for name, part in parts.items() if part.height},
    )


def judge(gap: Said, truth: Truth, held: dict[str, list[float]]) -> None:
    """Note what of a report holds."""

    def inside(kind: str, found: object, true: float) -> None:
        low, high = found.low, found.high  # type: ignore[attr-defined]
        if np.isfinite(low):
            held[kind].append(low <= true <= high)

    inside("over devices", gap.over_devices, truth.over_devices)
    for name, found in gap.by_qpu.items():
        inside("of a device", found, truth.by_qpu[name])
    policies = gap.policies
    for name, found in policies.measured.items():
        inside("of a policy", found, truth.policies[name])
    for pair in policies.pairs:
        apart_s = truth.policies[pair.first] - truth.policies[pair.second]
        inside("of two policies", pair.measured, apart_s)
    best = min(truth.policies, key=lambda name: truth.policies[name])
    inside("regret", policies.regret, truth.policies[policies.champion] - truth.policies[best])
    held["regret, mean error [s]"].append(
        policies.regret.value - (truth.policies[policies.champion] - truth.policies[best])
    )
    wrong = [
        (pair.measured.value < 0) != (truth.policies[pair.first] < truth.policies[pair.second])
        for pair in policies.pairs
        if pair.told_apart
    ]
    held["a false claim of two policies"].append(any(wrong))
    leader = max(policies.p_best, key=lambda name: policies.p_best[name])
    held["leader: P(best)"].append(policies.p_best[leader])
    held["leader: is the best"].append(leader == best)
    held["a winner is named"].append(policies.winner is not None)
    if policies.winner is not None:
        held["winner: P(best)"].append(policies.p_best[policies.winner])
        held["winner: is the best"].append(policies.winner == best)
    for name, found in gap.parameters.items():
        kind = "overheads" if name.startswith("overhead") else "repetition delays"
        inside(kind, found, truth.parameters[name])
    for name, found in gap.error_scale.items():
        inside("factors of errors", found, truth.error_scale[name])


def main(arguments: list[str] | None = None) -> None:
    """Print the coverage of intervals and how often claims are right."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--replays", type=int, default=400, help="simulated replays of each design")
    parser.add_argument("--tasks", type=int, default=40, help="a day")
    parser.add_argument("--days", type=int, nargs="*", default=[1, 3, 5])
    parser.add_argument("--apart", type=float, nargs="*", default=[1.0])
    told = parser.parse_args(arguments)
    world = make_world()
    centre = mean_over_devices(world, np.random.default_rng(1))
    columns = {}
    for days in told.days:
        for apart_s in told.apart:
            rng = np.random.default_rng([days, round(10 * apart_s)])
            held: dict[str, list[float]] = defaultdict(list)
            for _ in range(told.replays):
                table, truth = draw(world, told.tasks, days, apart_s, centre, rng)
                judge(said(table, days, world.fleet, rng), truth, held)
            columns[f"{days} d, {apart_s:g} s"] = {k: float(np.mean(v)) for k, v in held.items()}
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    print(f"{told.replays} replays a column, {told.tasks} tasks a day, 5 devices, 3 policies\n")
    print(f"{'':<32}" + "".join(f"{name:>14}" for name in columns))
    for name in names:
        cells = [column.get(name, np.nan) for column in columns.values()]
        unit = 1.0 if "[s]" in name else 100.0
        print(f"{name:<32}" + "".join(f"{unit * cell:>14.1f}" for cell in cells))


if __name__ == "__main__":
    main()
