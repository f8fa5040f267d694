"""The parts of the emulator against oracles of their own: queue, drift, noise, methods, times."""

import math
import pickle
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, transpile
from qiskit.quantum_info import Operator, Statevector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from qcbench.errors import InputError
from qcbench.hardware.emulator_process import emulator_module
from tests.deploy.clients import config

calibration = emulator_module("calibration")
circuits = emulator_module("circuits")
devices = emulator_module("devices")
draws = emulator_module("draws")
faults = emulator_module("faults")
idling = emulator_module("idling")
methods = emulator_module("methods")
noise = emulator_module("noise")
queues = emulator_module("queues")
targets = emulator_module("targets")

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STILL = config.BackgroundConfig(utilisation=0.0)
LONG = 1e5


@pytest.fixture(scope="module")
def perth() -> Any:
    return devices.make_device("perth", config.EmulatorConfig(), NOON)


def test_another_day_keeps_the_device_and_draws_the_rest_anew(perth: Any) -> None:
    first, again, later = (
        devices.make_device("perth", config.EmulatorConfig(day=day), NOON) for day in (1, 1, 2)
    )
    for device in (first, later):
        assert device.time_model == perth.time_model, "what is hidden of a device stays"
        assert device.readout != perth.readout
        assert device.calibration.reported != perth.calibration.reported
    assert first.calibration == again.calibration
    assert first.readout != later.readout
    errors = [np.array(device.readout) for device in (perth, first)]
    assert np.abs(np.log(errors[1] / errors[0])).max() < 2.0, "it is the same one, moved"
    draws = emulator_module("draws")
    assert draws.of_day(7, 0, "shots", 3).random() == draws.stream(7, "shots", 3).random()
    each = [draws.of_day(7, day, "shots", 3).random() for day in (0, 1, 2)]
    assert len(set(each)) == 3


def test_a_restart_keeps_the_devices_of_the_day_and_draws_the_rest_anew() -> None:
    first, later = (
        devices.make_device("perth", config.EmulatorConfig(day=1, restart=restart), NOON)
        for restart in (0, 2)
    )
    assert first.calibration == later.calibration
    assert first.readout == later.readout
    each = [draws.of_day(7, 1, "shots", 3, restart=restart).random() for restart in (0, 1, 2)]
    assert len(set(each)) == 3
    assert each[0] == draws.of_day(7, 1, "shots", 3).random()
    told = config.FaultsConfig(unavailable=0.5)
    met = []
    for restart in (0, 1, 1):
        own = faults.Faults(told, 5, 0, restart)
        met.append([own.next("status") for _ in range(40)])
    assert met[0] != met[1] == met[2]


def queue(
    background: Any, log: list[Any], *, windows: Any = (), may_run: Any = None, **more: Any
) -> Any:
    return queues.BackendQueue(
        queues.Background(background, np.random.default_rng(1)),
        tuple(windows),
        may_run=may_run or (lambda _: True),
        started=lambda job, moment_s: log.append((job, "started", moment_s)),
        finished=lambda job, moment_s: log.append((job, "finished", moment_s)),
        locked=lambda _job, _moment_s: None,
        begin_s=0.0,
        **more,
    )


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 30)), min_size=1, max_size=12),
    st.floats(0.5, 20),
)
def test_queue_follows_lindley(jobs: list[tuple[float, float]], step_s: float) -> None:
    """First come, first served: a job starts when it has come and the one before is done."""
    log: list[Any] = []
    line = queue(STILL, log)
    arrival_s, expected, free_s = 0.0, [], 0.0
    for number, (gap_s, run_s) in enumerate(jobs):
        arrival_s += gap_s
        line.advance(arrival_s)
        line.add(queues.QueueEntry(arrival_s, run_s, str(number)))
        start_s = max(arrival_s, free_s)
        free_s = start_s + run_s
        expected += [(str(number), "started", start_s), (str(number), "finished", free_s)]
    for moment_s in np.arange(0.0, free_s + step_s, step_s):
        line.advance(float(moment_s))
    line.advance(free_s)
    assert log == expected
    assert line.length == 0
    assert line.next_event_s(free_s) == math.inf


def test_background_takes_the_share_that_it_should_and_waits_as_the_theory_says() -> None:
    """Mean wait of M/G/1, by Pollaczek and Khinchine, as a job that comes at random meets it."""
    told = config.BackgroundConfig(
        utilisation=0.5, spread=0.0, run_median_s=10.0, run_sigma=0.5, warm_up_s=0.0
    )
    entries = queues.Background(told, np.random.default_rng(2)).until(2e6)
    runs = np.array([entry.run_s for entry in entries])
    assert runs.sum() / 2e6 == pytest.approx(0.5, rel=0.05)
    free_s, waits = 0.0, []
    for entry in entries:
        waits.append(max(free_s - entry.arrival_s, 0.0))
        free_s = max(free_s, entry.arrival_s) + entry.run_s
    rate, second = len(runs) / 2e6, float((runs**2).mean())
    assert np.mean(waits) == pytest.approx(rate * second / (2 * (1 - 0.5)), rel=0.15)


def test_background_delays_jobs_and_is_the_same_for_the_same_seed() -> None:
    told = config.BackgroundConfig(utilisation=0.9, spread=0.0, warm_up_s=0.0)
    logs: list[list[Any]] = []
    for _ in range(2):
        log: list[Any] = []
        line = queue(told, log)
        line.advance(LONG)
        line.add(queues.QueueEntry(LONG, 1.0, "mine"))
        line.advance(LONG + 1e5)
        logs.append(log)
    assert logs[0] == logs[1]
    assert logs[0][0][2] > LONG, "somebody was before it"


def test_cancelling_frees_the_device_and_held_jobs_let_others_pass() -> None:
    log: list[Any] = []
    line = queue(STILL, log, may_run=lambda job: job != "held")
    line.add(queues.QueueEntry(0.0, 100.0, "first"))
    line.add(queues.QueueEntry(0.0, 1.0, "held"))
    line.add(queues.QueueEntry(0.0, 5.0, "last"))
    line.advance(10.0)
    assert line.position("last") == 2
    assert line.estimated_start_s("held") == 100.0
    line.remove("first", 10.0)
    line.advance(20.0)
    assert log == [("first", "started", 0.0), ("last", "started", 10.0), ("last", "finished", 15.0)]
    assert line.length == 1


def test_queue_rests_in_maintenance_and_ends_what_has_begun() -> None:
    log: list[Any] = []
    windows = [
        config.Maintenance(backend="perth", start_s=5.0, end_s=20.0),
        config.Maintenance(backend="perth", start_s=20.0, end_s=50.0),
    ]
    line = queue(STILL, log, windows=windows)
    line.add(queues.QueueEntry(0.0, 10.0, "begun"))
    line.add(queues.QueueEntry(0.0, 10.0, "later"))
    line.advance(30.0)
    assert line.in_maintenance(30.0)
    assert line.next_event_s(30.0) == 50.0
    line.advance(60.0)
    assert log == [
        ("begun", "started", 0.0),
        ("begun", "finished", 10.0),
        ("later", "started", 50.0),
        ("later", "finished", 60.0),
    ]


@settings(deadline=None)
@given(st.floats(0, 100), st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 40)), max_size=4))
def test_maintenance_ends_where_no_window_is(moment_s: float, spans: list[Any]) -> None:
    windows = tuple(
        config.Maintenance(backend="perth", start_s=begin, end_s=begin + length)
        for begin, length in spans
    )
    open_s = faults.open_again_s(windows, moment_s)
    assert open_s >= moment_s
    assert not any(w.start_s <= open_s < w.end_s for w in windows)
    assert open_s == moment_s or any(open_s == w.end_s for w in windows)


@pytest.mark.parametrize("name", ["perth", "lagos", "washington"])
def test_drifted_calibration_is_physical_repeats_and_differs(name: str) -> None:
    drift = config.DriftConfig(errors=1.0, coherence=1.0, durations=0.3)
    one, same, other = (
        calibration.calibrate(name, drift, NOON, draws.stream(seed, "drift")) for seed in (1, 1, 2)
    )
    assert one == same
    assert one.reported != other.reported
    assert one.actual != one.reported, "something has changed that nobody reports"
    for qubit in one.actual["qubits"]:
        figures = {record["name"]: record["value"] for record in qubit}
        assert 0 <= figures["readout_error"] <= 0.5
        assert figures["T2"] <= 2 * figures["T1"] * (1 + 1e-12)
    for gate in one.actual["gates"]:
        for record in gate["parameters"]:
            assert record["value"] >= 0
            if record["name"] == "gate_length":
                steps = record["value"] / one.configuration["dt"]
                assert steps == pytest.approx(16 * round(steps / 16))


def test_without_drift_the_calibration_is_the_snapshot() -> None:
    none = config.DriftConfig(errors=0, coherence=0, durations=0, device=0, unreported=0)
    made = calibration.calibrate("perth", none, NOON, draws.stream(1, "drift"))
    raw = calibration._snapshot("perth")[1]
    for mine, theirs in zip(made.actual["gates"], raw["gates"], strict=True):
        for record, original in zip(mine["parameters"], theirs["parameters"], strict=True):
            assert record["value"] == pytest.approx(original["value"])


def test_unknown_device_is_one_line() -> None:
    with pytest.raises(InputError, match="'perht': no such snapshot; did you mean perth"):
        calibration.calibrate("perht", config.DriftConfig(), NOON, draws.stream(1))


def model_of(device: Any, reduced: Any) -> NoiseModel:
    gates = [place for place in reduced.places if place[0] not in noise.NO_GATES]
    part = targets.part_of(device.target, reduced.qubits, gates)
    return noise.noise_model(part, [device.readout[qubit] for qubit in reduced.qubits])


def test_reduced_noise_gives_the_density_matrix_of_the_whole_device(perth: Any) -> None:
    """Against Aer's own model of all qubits, with the asymmetry of the readout left out."""
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.rx(0.4, 2)
    isa = transpile(circuit, target=perth.target, optimization_level=1, seed_transpiler=3)
    reduced = circuits.reduce(isa)
    assert len(reduced.qubits) == 3
    whole = NoiseModel(basis_gates=list(perth.target.operation_names))
    for name, where, error in noise.basic_device_gate_errors(target=perth.target):
        whole.add_quantum_error(error, name, where)
    found = []
    for one, model in ((isa, whole), (reduced.circuit, model_of(perth, reduced))):
        saved = one.copy()
        kept = list(range(3)) if one is not isa else list(reduced.qubits)
        saved.save_density_matrix(kept)
        aer = AerSimulator(method="density_matrix", noise_model=model)
        found.append(np.asarray(aer.run(saved).result().data()["density_matrix"]))
    assert np.allclose(found[0], found[1], atol=1e-9)
    assert 0.7 < np.trace(found[0] @ found[0]).real < 0.9999, "there is noise in it"


def test_waiting_qubits_relax_as_their_t1_says(perth: Any) -> None:
    """Against exp(-t/T1), by an explicit delay and by the schedule of a circuit that waits."""
    t1_s = perth.target.qubit_properties[0].t1
    steps = 16 * round(0.5 * t1_s / perth.target.dt / 16)
    told = QuantumCircuit(7)
    told.x(0)
    told.delay(steps, 0, unit="dt")
    for reduced in (
        idling.with_idling(circuits.reduce(told), perth, schedule=False),
        idling.with_idling(circuits.reduce(told), perth, schedule=True),
    ):
        saved = reduced.circuit.copy()
        saved.save_density_matrix()
        aer = AerSimulator(method="density_matrix")
        found = np.asarray(aer.run(saved).result().data()["density_matrix"])
        assert found[1, 1].real == pytest.approx(math.exp(-steps * perth.target.dt / t1_s))
    waiting = QuantumCircuit(7)
    waiting.x(0)
    waiting.x(1)
    waiting.barrier()
    for _ in range(200):
        waiting.x(1)
    waiting.barrier()
    waiting.measure_all()
    plain, scheduled = (
        idling.with_idling(circuits.reduce(waiting), perth, schedule=schedule)
        for schedule in (False, True)
    )
    assert plain == circuits.reduce(waiting)
    assert scheduled.gates > plain.gates


@pytest.mark.parametrize("idle_noise", [False, True])
@pytest.mark.parametrize(
    ("duration", "unit"), [(45_000, "dt"), (10_000.0, "ns"), (10.0, "us"), (1e-5, "s"), (1e7, "ps")]
)
def test_delays_of_every_unit_take_their_time_and_relax(
    perth: Any, duration: float, unit: str, idle_noise: bool
) -> None:
    """A delay of 10 us in any unit: the length grows by it, and the qubit decays by exp(-t/T1)."""
    told = QuantumCircuit(7, 1)
    told.x(0)
    told.delay(duration, 0, unit=unit)
    told.delay(7, 0, unit="dt")  # beside another unit
    timed = circuits.on_clock(told, perth.target)
    waited_s = 1e-5 + 7 * perth.target.dt
    gate_s = perth.target["x"][0,].duration
    assert circuits.length_s(timed, perth.target) == pytest.approx(waited_s + gate_s, rel=1e-4)
    reduced = idling.with_idling(circuits.reduce(timed), perth, schedule=idle_noise)
    saved = reduced.circuit.copy()
    saved.save_density_matrix()
    aer = AerSimulator(method="density_matrix")
    found = np.asarray(aer.run(saved).result().data()["density_matrix"])
    t1_s = perth.target.qubit_properties[0].t1
    assert found[1, 1].real == pytest.approx(math.exp(-waited_s / t1_s), rel=1e-4)


@pytest.mark.parametrize("idle_noise", [False, True])
def test_what_is_prepared_runs_the_same_in_another_process(perth: Any, idle_noise: bool) -> None:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure_all()
    isa = transpile(circuit, target=perth.target, optimization_level=1, seed_transpiler=3)
    item = emulator_module("programs").Item(isa, np.zeros((0,)), (), 500, {})
    execution = emulator_module("execution")
    one = execution.prepare(item, perth, config.SimulationConfig(idle_noise=idle_noise))
    sent = pickle.loads(pickle.dumps(one))
    here, there = (execution.run([prepared], [7])[0]["meas"] for prepared in (one, sent))
    assert here.get_counts() == there.get_counts()
    assert sum(here.get_counts().values()) == 500


def random_circuit(qubits: int, steps: list[tuple[int, int, int]]) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    for kind, one, other in steps:
        a, b = one % qubits, other % qubits
        if kind == 0 or a == b:
            circuit.rx(0.3 + 0.7 * one, a)
        elif kind == 1:
            circuit.cx(a, b)
        else:
            circuit.ecr(a, b)
    return circuit


STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=25
)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), STEPS)
def test_bond_bound_is_never_below_the_true_rank(qubits: int, steps: Any) -> None:
    reduced = circuits.reduce(random_circuit(qubits, steps))
    state = Statevector(reduced.circuit).data
    active = len(reduced.qubits)
    ranks = [
        np.linalg.matrix_rank(state.reshape(2 ** (active - cut), 2**cut), tol=1e-9)
        for cut in range(1, active)
    ]
    assert max(ranks, default=1) <= methods.bond_bound(active, reduced.pairs)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), STEPS)
def test_reduced_circuit_does_the_same(qubits: int, steps: Any) -> None:
    circuit = random_circuit(qubits, steps)
    reduced = circuits.reduce(circuit)
    back = QuantumCircuit(qubits)
    back.compose(reduced.circuit, list(reduced.qubits), inplace=True)
    assert Operator(back) == Operator(circuit)


def test_methods_are_chosen_by_what_they_cost(perth: Any) -> None:
    told = config.SimulationConfig(budget_s=30.0)

    def layers(qubits: int, count: int) -> Any:
        circuit = QuantumCircuit(qubits)
        for number in range(count):
            circuit.sx(number % qubits)
            circuit.cx(number % qubits, (number + 1) % qubits)
        return circuits.reduce(circuit)

    assert methods.choose(layers(6, 50), 1000, 1, told).method == "density_matrix"
    assert methods.choose(layers(11, 40), 1000, 1, told).method == "statevector"
    with pytest.raises(circuits.CircuitError, match="too large to simulate"):
        methods.choose(layers(20, 400), 1000, 1, told)
    few, many = (methods.choose(layers(6, 50), 1000, sets, told) for sets in (1, 10))
    assert many.cost_s == pytest.approx(10 * few.cost_s)


def test_long_shallow_states_go_into_a_matrix_product_state() -> None:
    device = devices.make_device("kolkata", config.EmulatorConfig(), NOON)
    circuit = QuantumCircuit(16)
    circuit.h(0)
    for qubit in range(15):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    isa = transpile(circuit, target=device.target, optimization_level=3, seed_transpiler=1)
    reduced = circuits.reduce(isa)
    choice = methods.choose(reduced, 10_000, 1, config.SimulationConfig(budget_s=1.0))
    assert choice.try_product_state
    model = model_of(device, reduced)
    assert methods.settle(choice, reduced, 10_000, model, 600.0) == "matrix_product_state"
    with pytest.raises(circuits.CircuitError, match="too large to simulate"):
        methods.settle(choice, reduced, 10_000, model, 1e-3)


def test_control_flow_is_refused() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(0)
    with pytest.raises(circuits.CircuitError, match="no control flow"):
        circuits.reduce(circuit)


@pytest.mark.parametrize("model", ["usage", "affine"])
def test_times_grow_as_the_model_says(model: str) -> None:
    timing = emulator_module("timing")
    told = config.ExecutionConfig(model=model, noise=0.0)
    device = devices.make_device("perth", config.EmulatorConfig(execution=told), NOON)
    times = [
        device.time_model.draw([timing.Load(n, 50e-6, 40)], np.random.default_rng(0)).qpu_s
        for n in (1000, 2000, 3000)
    ]
    assert times[2] - times[1] == pytest.approx(times[1] - times[0])
    one = device.time_model.draw([timing.Load(1000, 50e-6, 40)], np.random.default_rng(0))
    assert one.charge_s() == math.ceil(one.qpu_s)
    assert one.charge_s(0.0) == 0
    assert one.charge_s(one.lead_s + 0.5) == 1
    assert one.charge_s(1e9) == one.charge_s()


def test_faults_are_the_same_for_the_same_seed_and_as_frequent_as_told() -> None:
    told = config.FaultsConfig(unavailable=0.2, lost_response=0.1)
    one, same = (faults.Faults(told, 5) for _ in range(2))
    submits = [one.next("submit") for _ in range(600)]
    assert submits == [same.next("submit") for _ in range(600)]
    assert abs(submits.count("unavailable") / 600 - 0.2) < 0.06
    assert abs(submits.count("lost_response") / 600 - 0.8 * 0.1) < 0.05
    reads = [one.next("status") for _ in range(300)]
    assert set(reads) == {"unavailable", None}, "a lost response meets submits only"


def qubit(**figures: float) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in figures.items()]


def test_a_readout_error_that_is_not_calibrated_is_the_median_of_the_others() -> None:
    stated = [qubit(readout_error=e) for e in (0.01, 0.02, 0.06)]
    own = {"prob_meas1_prep0": 0.03, "prob_meas0_prep1": 0.05}
    found = devices.readout_errors({"qubits": [*stated, qubit(T1=1.0), qubit(**own)]})
    assert found == ((0.01, 0.01), (0.02, 0.02), (0.06, 0.06), (0.02, 0.02), (0.03, 0.05))
    with pytest.raises(InputError, match="ibm_mute: its snapshot states no readout error"):
        devices.readout_errors({"backend_name": "ibm_mute", "qubits": [qubit(T1=1.0)]})


def entry(job: str, arrival_s: float, run_s: float, **more: Any) -> Any:
    return queues.QueueEntry(arrival_s, run_s, job, **more)


def started(log: list[Any]) -> list[tuple[str, float]]:
    return [(job, moment_s) for job, what, moment_s in log if what == "started"]


def test_a_session_has_the_device_while_it_is_active() -> None:
    """Its jobs go first, nobody else starts within its idle minute, and then the others do."""
    log: list[Any] = []
    line = queue(STILL, log)
    ours = queues.JobGroup("session", exclusive=True, idle_s=60.0)
    line.add(entry("a", 0.0, 10.0, group=ours))
    line.add(entry("other", 0.0, 10.0))
    line.add(entry("b", 0.0, 10.0, group=ours))
    line.advance(50.0)
    assert started(log) == [("a", 0.0), ("b", 10.0)]
    assert line.position("other") == 0
    line.add(entry("c", 50.0, 10.0, group=ours))
    line.advance(119.9)
    assert started(log)[2:] == [("c", 50.0)]
    assert line.next_event_s(119.9) == 120.0
    line.advance(125.0)
    assert started(log)[3:] == [("other", 120.0)]
    line.add(entry("next", 125.0, 10.0))
    line.add(entry("late", 126.0, 10.0, group=ours))
    line.advance(500.0)
    assert started(log)[4:] == [("next", 130.0), ("late", 140.0)], "inactive, it waits its turn"


def test_a_session_that_is_closed_ends_with_its_last_job() -> None:
    log: list[Any] = []
    line = queue(STILL, log)
    ours = queues.JobGroup("session", exclusive=True, idle_s=60.0)
    for job, group in (("a", ours), ("other", None), ("b", ours)):
        line.add(entry(job, 0.0, 10.0, group=group))
    line.advance(5.0)
    line.release("session", 5.0)
    line.advance(500.0)
    assert started(log) == [("a", 0.0), ("b", 10.0), ("other", 20.0)]
    idle: list[Any] = []
    line = queue(STILL, idle)
    line.add(entry("a", 0.0, 10.0, group=ours))
    line.add(entry("other", 0.0, 10.0))
    line.advance(30.0)
    line.release("session", 30.0)
    line.advance(100.0)
    assert started(idle) == [("a", 0.0), ("other", 30.0)]


def test_a_batch_goes_first_and_leaves_what_it_does_not_use() -> None:
    log: list[Any] = []
    line = queue(STILL, log)
    ours = queues.JobGroup("batch", exclusive=False, idle_s=60.0)
    for job, group in (("a", ours), ("x", None), ("y", None), ("b", ours)):
        line.add(entry(job, 0.0, 10.0, group=group))
    line.advance(25.0)
    assert started(log) == [("a", 0.0), ("b", 10.0), ("x", 20.0)]
    line.add(entry("c", 25.0, 10.0, group=ours))
    line.advance(100.0)
    assert started(log)[3:] == [("c", 30.0), ("y", 40.0)]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 20), st.floats(0, 9), st.floats(0.1, 9), st.floats(0, 9)),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 4),
)
def test_lanes_overlap_all_but_the_qpu(
    jobs: list[tuple[float, float, float, float]], lanes: int
) -> None:
    """Against the recursion of a loss-free line: lane, preparation, QPU in order, rest."""
    log: list[Any] = []
    line = queue(STILL, log, lanes=lanes)
    arrival_s, qpu_s, ends, expected = 0.0, 0.0, [], {}
    for number, (gap_s, lead_s, use_s, tail_s) in enumerate(jobs):
        arrival_s += gap_s
        line.advance(arrival_s)
        run_s = lead_s + use_s + tail_s
        line.add(entry(str(number), arrival_s, run_s, lead_s=lead_s, tail_s=tail_s))
        lane_s = sorted(ends)[-lanes] if len(ends) >= lanes else 0.0
        start_s = max(arrival_s, lane_s, expected.get(str(number - 1), (0.0, 0.0))[0])
        lock_s = max(start_s + lead_s, qpu_s)
        qpu_s = lock_s + use_s
        ends.append(qpu_s + tail_s)
        expected[str(number)] = (start_s, ends[-1])
    line.advance(1e6)
    found = {job: [0.0, 0.0] for job in expected}
    for job, what, moment_s in log:
        found[job][what == "finished"] = moment_s
    for job, (start_s, end_s) in expected.items():
        assert found[job] == pytest.approx([start_s, end_s])
    assert line.length == 0


def test_a_start_is_foretold_while_the_job_before_is_prepared() -> None:
    line = queue(STILL, [])
    for job in ("a", "b", "c"):
        line.add(entry(job, 0.0, 22.0, lead_s=5.0, tail_s=1.0))
    for moment_s in (1.0, 6.0, 21.5):
        line.advance(moment_s)
        assert [line.estimated_start_s(job) for job in ("b", "c")] == [22.0, 44.0]
        assert line.position("c") == 2


def test_cancelled_on_the_qpu_the_next_has_it_at_once() -> None:
    log: list[Any] = []
    line = queue(STILL, log, lanes=2)
    for job in ("a", "b"):
        line.add(entry(job, 0.0, 22.0, lead_s=1.0, tail_s=1.0))
    line.advance(5.0)
    line.remove("a", 5.0)
    line.advance(100.0)
    assert [(job, moment_s) for job, what, moment_s in log if what == "finished"] == [("b", 26.0)]
