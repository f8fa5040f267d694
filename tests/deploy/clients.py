"""The real client of qiskit-ibm-runtime, connected to an emulator in this process."""

import json
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime.executor_sampler import Sampler

from qcbench.hardware.emulator_process import INSTANCE, emulator_module

config = emulator_module("config")
API_KEY = "an-api-key-that-nobody-may-print"


def quick(**changes: Any) -> Any:
    """A config with one small device and little load, on which minutes pass in no time."""
    told: dict[str, Any] = {
        "devices": ("perth",),
        "time_scale": 600.0,
        "background": config.BackgroundConfig(utilisation=0.05, run_median_s=1.0),
        "simulation": config.SimulationConfig(workers=0),
        # On a busy machine a client takes seconds between a session and its first job.
        "limits": config.LimitsConfig(unused_s=1e9),
    }
    return config.EmulatorConfig(**{**told, **changes})


@contextmanager
def emulated(told: Any) -> Iterator[Any]:
    """Run an emulator in this process, and let the client find it."""
    emulator = emulator_module("server").Emulator(told)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("IAM_URL", emulator.url)
            patch.setenv("QISKIT_FUNCTIONS_EXPERIMENTAL", "1")
            yield emulator
    finally:
        emulator.stop()


def connect(url: str, instance: str = INSTANCE) -> QiskitRuntimeService:
    """Connect a client."""
    return QiskitRuntimeService(
        channel="ibm_quantum_platform",
        token=API_KEY,
        instance=instance,
        url=url,
        url_resolver=lambda *_: url,
    )


def sampler(mode: Any, *tags: str, **options: Any) -> Sampler:
    """Return a sampler whose jobs carry tags."""
    made = Sampler(mode)
    made.options.environment.job_tags = list(tags)
    for name, value in options.items():
        setattr(made.options, name, value)
    return made


def submit(backend: Any, circuit: QuantumCircuit, *tags: str, shots: int = 100) -> Any:
    """Submit a circuit that fits the backend; the client's warnings are none of the tests'."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sampler(backend, *tags).run([circuit], shots=shots)


def compiled(circuit: QuantumCircuit, backend: Any) -> QuantumCircuit:
    """Fit a circuit to a backend."""
    return generate_preset_pass_manager(1, backend=backend, seed_transpiler=1).run(circuit)


def bell(backend: Any) -> QuantumCircuit:
    """Two entangled qubits, measured."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return compiled(circuit, backend)


def events(path: Path) -> list[dict[str, Any]]:
    """Return what a ledger holds."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def count(path: Path) -> Counter[str]:
    """Return how many events of each kind a ledger holds."""
    return Counter(event["event"] for event in events(path))
