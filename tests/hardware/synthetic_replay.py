"""Tables of replays whose truth is known."""

from dataclasses import replace

import numpy as np
import polars as pl

from qcbench.cloud.estimates import estimate
from qcbench.fleet.load import load_fleet
from qcbench.fleet.profile import Fleet
from qcbench.hardware.replay_config import ReplayConfig, compose_replay
from qcbench.hardware.table import fifo_waits
from qcbench.physics.timing import circuit_length_s
from qcbench.workload.circuits.table import load_circuits

POLICIES = ("earliest_completion", "greedy", "round_robin")
NOISE = 0.03


def told(*overrides: str) -> ReplayConfig:
    return compose_replay(["backend=local", *overrides])


def synthetic_table(
    config: ReplayConfig,
    *,
    tasks: int = 40,
    model: str = "usage",
    shots: tuple[int, ...] = (1024,),
    error_scale: float = 1.5,
    seed: int = 0,
) -> tuple[pl.DataFrame, Fleet]:
    """Return a table in which time model, errors and queues are as stated.

    Every task has one of the levels of shots. Execution: `usage`: 1.5 s + 1.4 x (300 us + length) x
    shots; `affine`: 4 s + 5 us x depth x shots; both with a lognormal spread of `NOISE`. Others
    make every fifth task wait 10 s.
    """
    rng = np.random.default_rng(seed)
    fleet = load_fleet(config.scenario.fleet)
    table = load_circuits()
    population = table.tasks.take(np.flatnonzero(table.tasks.qubits <= 7))
    chosen = population.take(rng.integers(len(population), size=tasks))
    arrival_s = np.cumsum(rng.exponential(4.0, size=tasks))
    shots_of = np.random.default_rng(seed).permutation(np.resize(np.array(shots), tasks))
    found = estimate(replace(chosen, shots=shots_of), fleet, config.scenario.physics)
    rows = []
    for policy in POLICIES:
        for task in range(tasks):
            qpu = int(rng.integers(len(fleet)))
            profile = fleet.qpus[qpu]
            family = chosen.compiled[profile.family]
            depth, level = int(family.depth[task]), int(shots_of[task])
            length_s = float(
                circuit_length_s(depth, profile.two_qubit_duration_s, profile.readout_duration_s)
            )
            spread = float(np.exp(rng.normal(0, NOISE)))
            if model == "usage":
                execution_s = spread * (1.5 + 1.4 * (300e-6 + length_s) * level)
            else:
                execution_s = spread * (4.0 + 5e-6 * depth * level)
            simulated = float(found.fidelity[task, qpu])
            rows.append(
                {
                    "label": "emulated",
                    "policy": policy,
                    "task": task,
                    "repetition": 1,
                    "qpu": profile.name,
                    "shots": level,
                    "simulated_depth": depth,
                    "state": "done",
                    "error_class": "",
                    "error": "",
                    "duplicates": 0,
                    "compiled": f"{task}-{qpu}",
                    "submitted_s": float(arrival_s[task] + rng.uniform(0, 1)),
                    "block": int(task * 6 / tasks),
                    "execution_s": execution_s,
                    "overhead_s": 0.5,
                    "simulated_execution_s": float(found.exec_s[task, qpu]),
                    "execution_as_compiled_s": float(found.exec_s[task, qpu]) * 1.1,
                    "simulated_fidelity": simulated,
                    "fidelity_with_profile": simulated * 0.99,
                    "fidelity_with_medians": simulated * 0.98,
                    "fidelity_as_calibrated": simulated**error_scale,
                    "fidelity": float(np.clip(simulated**error_scale + rng.normal(0, 0.01), 0, 1)),
                    "fidelity_noise": 0.01,
                    "charge_s": float(np.ceil(execution_s)),
                    "estimated_charge_s": 2.4,
                    "policy_simulated_completion_s": float(found.exec_s[task, qpu]),
                }
            )
    frame = pl.DataFrame(rows)
    qpu = frame["qpu"].rank("dense").to_numpy().astype(np.int64)
    waits = fifo_waits(
        frame["submitted_s"].to_numpy(), (frame["execution_s"] + 0.5).to_numpy(), qpu
    )
    waits += np.where(frame["task"].to_numpy() % 5 == 0, 10.0, 0.0)
    simulated = np.zeros(frame.height)
    for policy in POLICIES:
        own = (frame["policy"] == policy).to_numpy()
        part = frame.filter(own)
        simulated[own] = fifo_waits(
            part["submitted_s"].to_numpy(), part["simulated_execution_s"].to_numpy(), qpu[own]
        )
    return (
        frame.with_columns(queue_s=waits, waited_s=waits, simulated_queue_s=simulated).with_columns(
            completion_s=pl.col("queue_s") + pl.col("execution_s"),
            simulated_completion_s=pl.col("simulated_queue_s") + pl.col("simulated_execution_s"),
        ),
        fleet,
    )
