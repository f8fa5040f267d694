"""What physics says of the parts of a split circuit, against the formulas by hand."""

from math import floor, sqrt

import numpy as np
import pytest

from qcbench.cloud.estimates import estimate
from qcbench.cloud.splits import Splits
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.physics import fidelity, timing
from qcbench.physics.communication import chain_time_s
from qcbench.physics.config import (
    ClopsTime,
    Links,
    Noiseless,
    PartsFidelity,
    PhysicsConfig,
    SuccessProbability,
)
from qcbench.workload.workload import Tasks

FLEET = Fleet(
    "three",
    tuple(
        QpuProfile(
            name=f"q{i}",
            qubits=100,
            family="tiny",
            clops_h=clops,
            quantum_volume=128,
            readout_error=readout,
            one_qubit_error=one,
            two_qubit_error=two,
        )
        for i, (clops, readout, one, two) in enumerate(
            [(220_000, 0.04, 0.001, 0.09), (30_000, 0.03, 0.0013, 0.06), (29_000, 0.02, 0.0, 0.08)]
        )
    ),
)
TASKS = Tasks(
    ["a", "b"],
    np.array([185, 200]),
    np.array([12, 5]),
    np.array([50_000, 10_000]),
    np.array([19, 200]),
)


def splits(model: object) -> Splits:
    physics = PhysicsConfig(time=ClopsTime(), fidelity=model, links=Links(fidelity_per_cut=0.9))  # type: ignore[arg-type]
    estimates = estimate(TASKS, FLEET, physics, splits=True)
    return Splits(TASKS, FLEET, physics, estimates, FLEET.errors())


def by_hand(row: int, used: list[int], with_2q: bool) -> float:
    n, depth, gates = (int(a[row]) for a in (TASKS.qubits, TASKS.depth, TASKS.two_qubit_gates))
    k = len(used)
    values = []
    for qpu in (FLEET.qpus[i] for i in used):
        value = (1 - qpu.one_qubit_error) ** depth * (1 - qpu.readout_error) ** sqrt(floor(n / k))
        if with_2q:
            value *= (1 - qpu.two_qubit_error) ** (floor(gates / k) ** 0.25)
        values.append(value)
    return sum(values) / k * 0.9 ** (k - 1)


@pytest.mark.parametrize("model", ["icpp2025", "with_2q"])
@pytest.mark.parametrize("row", [0, 1])
def test_the_study_looks_at_the_number_of_parts_only(model: str, row: int) -> None:
    found = splits(PartsFidelity(model=model)).fidelity(  # type: ignore[arg-type]
        row,
        np.array([0, 0, 2, 2, 1, 0, 0, 2]),
        np.array([90, 95, 90, 60, 60, 65, 1, 99]),
        np.array([1, 2, 3, 2]),
    )
    sets = [[0], [0, 2], [2, 1, 0], [0, 2]]
    expected = [by_hand(row, used, model == "with_2q") for used in sets]
    assert found == pytest.approx(expected, rel=1e-12)
    assert found[1] == found[3]  # the shares do not matter


def test_success_by_gates_as_written() -> None:
    found = splits(SuccessProbability(gates="written"))
    assert found.share_matters

    def whole(row: int, qpu: QpuProfile) -> float:
        n, depth, gates = (int(a[row]) for a in (TASKS.qubits, TASKS.depth, TASKS.two_qubit_gates))
        return float(
            (1 - qpu.one_qubit_error) ** max(n * depth - 2 * gates, 0)
            * (1 - qpu.two_qubit_error) ** gates
            * (1 - qpu.readout_error) ** n
        )

    value = found.fidelity(0, np.array([0, 2]), np.array([85, 100]), np.array([2]))
    parts = whole(0, FLEET.qpus[0]) ** (85 / 185) * whole(0, FLEET.qpus[2]) ** (100 / 185)
    assert value == pytest.approx([parts * 0.9], rel=1e-9)
    # All on QPU 2 is better, with or without a cut that costs nothing.
    assert found.of_parts(*(np.array([x]) for x in (0, 2, 185, 1))) == pytest.approx(
        [whole(0, FLEET.qpus[2])]
    )


def test_without_noise_only_cuts_cost() -> None:
    found = splits(Noiseless()).fidelity(
        0, np.array([0, 0, 1, 0, 1, 2]), np.ones(6, dtype=np.int64), np.array([1, 2, 3])
    )
    assert found == pytest.approx([1.0, 0.9, 0.81])


def test_a_mean_and_a_product_of_parts() -> None:
    parts, counts = np.array([0.5, 0.8, 0.6, 0.9]), np.array([1, 3])
    mean = fidelity.mean_of_parts(parts, counts, 0.5)
    assert mean == pytest.approx([0.5, (0.8 + 0.6 + 0.9) / 3 / 4])
    product = fidelity.product_of_parts(parts, counts, 0.5)
    assert product == pytest.approx([0.5, 0.8 * 0.6 * 0.9 / 4])


def test_units_of_the_published_code() -> None:
    consistent, mixed = (
        estimate(
            TASKS,
            FLEET,
            PhysicsConfig(time=ClopsTime(variant=v), fidelity=Noiseless()),
            splits=True,
        ).exec_s
        for v in ("consistent", "icpp2025")
    )
    assert consistent[0].tolist() == [
        100 * 10 * 50_000 * 7 / 220_000,
        100 * 10 * 50_000 * 7 / 30_000,
        100 * 10 * 50_000 * 7 / 29_000,
    ]
    assert (mixed == consistent / 60).all()
    assert timing.clops_time_s(np.int64(1), np.float64(2), np.float64(1000)) == 1.0


def test_communication_is_twice_the_qubits_less_both_ends() -> None:
    for parts in ([7], [7, 3], [4, 9, 2], [5, 1, 1, 8]):
        ends = parts[0] + parts[-1] if len(parts) > 1 else 2 * parts[0]
        assert chain_time_s(parts) == pytest.approx(0.02 * (2 * sum(parts) - ends))


def test_the_error_score_weighs_readout_most() -> None:
    readout, one, two = FLEET.errors().T
    assert fidelity.error_score(readout, one, two) == pytest.approx(
        [0.02 + 0.0003 + 0.018, 0.015 + 0.00039 + 0.012, 0.01 + 0.0 + 0.016]
    )
