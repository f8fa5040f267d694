"""Calibration drift: true errors around the calibrated ones."""

from typing import Any

import numpy as np
import pytest
from tiny_clouds import FIFO, PLACEMENT, run, script

from qcbench.arrays import FloatArray
from qcbench.cloud.cloud import seeded_streams
from qcbench.cloud.drift import error_multiplier
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Dispatch, Drift
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.physics.config import GivenTime, Links, PhysicsConfig
from qcbench.workload.workload import CompiledFeatures, Tasks, Workload

RULES = Drift(step_s=10.0, sigma=0.2, calibration_interval_s=100.0)


def path(rules: Drift, qpus: int, until_s: float, seed: int = 0) -> FloatArray:
    """Multiplier at every step, shape (steps, QPUs)."""
    times = np.arange(0.0, until_s, rules.step_s)
    at_s = np.repeat(times, qpus)
    qpu = np.tile(np.arange(qpus), len(times))
    rng = np.random.default_rng(seed)
    return error_multiplier(rules, qpus, rng, qpu, at_s).reshape(len(times), qpus)


def test_each_qpu_is_calibrated_once_an_interval_and_in_turn() -> None:
    walk = path(RULES, 4, 1000.0)
    assert (walk[0] == 1.0).all()
    for qpu, first in enumerate((0, 8, 5, 3)):  # offsets of 0, 2, 5 and 7 steps of 10
        calibrated = np.flatnonzero(walk[:, qpu] == 1.0)
        assert calibrated.tolist() == sorted({0, *range(first, 100, 10)})


def test_it_stays_constant_within_a_step() -> None:
    rng = np.random.default_rng
    qpu = np.zeros(3, dtype=np.int64)
    inside = error_multiplier(RULES, 1, rng(3), qpu, np.array([40.0, 45.0, 49.999]))
    assert inside[0] == inside[1] == inside[2] != 1.0
    assert error_multiplier(RULES, 1, rng(3), qpu[:1], np.array([50.0]))[0] != inside[0]


def test_its_mean_is_one_and_its_spread_grows_with_the_steps() -> None:
    # 20,000 QPUs are as many independent walks; a fixed number of steps after a calibration.
    qpus, sigma = 20_000, 0.3
    rules = Drift(step_s=1.0, sigma=sigma, calibration_interval_s=4_000_000.0)
    walk = path(rules, qpus, 9.0)
    for steps in (1, 3, 8):
        values = walk[steps]
        spread = np.sqrt(np.expm1(steps * sigma**2))
        assert abs(values.mean() - 1.0) < 4 * spread / np.sqrt(qpus)
        assert 4 * spread / np.sqrt(qpus) < np.expm1(steps * sigma**2 / 2)  # else no power
        assert np.log(values).std() == pytest.approx(sigma * np.sqrt(steps), rel=0.03)


def test_a_longer_trial_extends_the_path_of_a_shorter_one() -> None:
    np.testing.assert_array_equal(path(RULES, 3, 300.0), path(RULES, 3, 900.0)[:30])


def test_no_executions() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert error_multiplier(RULES, 2, np.random.default_rng(0), none, np.zeros(0)).shape == (0,)


ERRORLESS = {"readout_error": 0.0, "one_qubit_error": 0.0}
FLEET = Fleet(
    "noisy",
    tuple(
        QpuProfile(name=f"q{i}", qubits=5, family="tiny", **ERRORLESS | {"two_qubit_error": e})
        for i, e in enumerate((0.01, 0.03))
    ),
)
PHYSICS = PhysicsConfig(time=GivenTime(), links=Links(time_per_qubit_s=0.0))


def noisy_workload(arrivals: FloatArray, qubits: int) -> Workload:
    ones = np.ones(len(arrivals), dtype=np.int64)
    tasks = Tasks(
        ["toy"] * len(arrivals),
        qubits * ones,
        ones,
        ones,
        ones,
        {"tiny": CompiledFeatures(ones, 0 * ones, 10 * ones, 0 * ones)},
        np.full(len(arrivals), 0.5),
    )
    return Workload(arrivals, tasks)


def noisy(
    decide: Any, drift: Drift | None, qubits: int = 1, dispatch: Dispatch = PLACEMENT
) -> Records:
    return run(
        noisy_workload(np.arange(60.0) * 7, qubits),
        FLEET,
        decide,
        dispatch,
        physics=PHYSICS,
        streams=seeded_streams(1),
        drift=drift,
    )


def test_fidelities_follow_the_true_errors_at_the_start() -> None:
    calibrated = noisy(lambda view: view.row % 2, None)
    drifted = noisy(lambda view: view.row % 2, RULES)
    np.testing.assert_array_equal(calibrated.start_s, drifted.start_s)
    ratio = np.log(drifted.fidelity) / np.log(calibrated.fidelity)
    expected = error_multiplier(RULES, 2, seeded_streams(1).drift, drifted.qpu, drifted.start_s)
    np.testing.assert_allclose(ratio, expected)
    assert ratio.std() > 0.1


def test_policies_see_the_calibrated_figures_only() -> None:
    seen: list[list[float]] = []

    def decide(view: Any) -> int:
        seen.append(view.fidelity.tolist())
        return 0

    noisy(decide, RULES)
    np.testing.assert_allclose(seen, np.tile([0.99**10, 0.97**10], (60, 1)))


def test_all_policies_suffer_the_same_drift() -> None:
    one, both = noisy(lambda _view: 0, RULES), noisy(lambda view: view.row % 2, RULES)
    on_first = both.qpu == 0
    np.testing.assert_array_equal(both.fidelity[on_first], one.fidelity[on_first])


def test_each_part_of_a_split_drifts_with_its_own_qpu() -> None:
    records = noisy(lambda _view: [3, 3], RULES, qubits=6, dispatch=FIFO)
    first, second = (
        error_multiplier(
            RULES,
            2,
            seeded_streams(1).drift,
            np.full(60, qpu),
            records.start_s,
        )
        for qpu in (0, 1)
    )
    expected = np.sqrt(0.99 ** (10 * first) * 0.97 ** (10 * second)) * 0.94
    np.testing.assert_allclose(records.fidelity, expected)


def test_it_leaves_unfinished_tasks_without_fidelity() -> None:
    records = run(
        noisy_workload(np.arange(3.0), 1),
        FLEET,
        script(0, 0, 0),
        physics=PHYSICS,
        drift=RULES,
        horizon_s=1.2,
    )
    assert np.isnan(records.fidelity).tolist() == [False, True]
