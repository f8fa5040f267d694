"""After the stream: mirror circuits of what it executed, several in a job, each circuit once."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot, sqrt
from typing import Any, Final

import numpy as np

from qcbench.hardware.anchors import measured_readout, readout_errors
from qcbench.hardware.compiling import CompiledFigures
from qcbench.hardware.executor import Executor
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.mirror import Mirror, NoMirrorError, fidelity_of, mirror, shot_noise
from qcbench.hardware.plan import CompiledTasks, ReplayWorld, as_mirrored, batch_intent
from qcbench.hardware.port import Port
from qcbench.hardware.providers.record import Obstacle
from qcbench.hardware.refusals import left_out
from qcbench.hardware.stream import intent_hash

MIRROR: Final = "mirror"


@dataclass(frozen=True)
class MeasuredFidelity:
    """What the mirror circuit of a compiled circuit gave on a device.

    Attributes:
        fidelity: see `fidelity_of`; None where it was not measured.
        noise: standard error from counting shots.
        shots: of the mirror circuit.
        reason: why it was not measured, else empty.
        readout: success of its readout, where anchor circuits have measured that.
    """

    fidelity: float | None
    noise: float | None = None
    shots: int = 0
    reason: str = ""
    readout: float | None = None


def mirror_of(circuit: Any, digest: str) -> Mirror:
    """Return the mirror circuit of a compiled circuit; the same one every time.

    Raises:
        NoMirrorError: it has none.
    """
    return mirror(circuit, np.random.default_rng(int(digest, 16)))


def no_mirror(circuit: Any, figures: CompiledFigures, shots: int, too_large: Obstacle) -> str:
    """Return why a circuit has no mirror circuit that could be run, empty where it has."""
    try:
        mirror_of(circuit, figures.digest)
    except NoMirrorError as error:
        return f"no mirror circuit: {error}"
    if figures.readout_success is None:
        return "no mirror circuit: the calibration states no error of a readout"
    reason = too_large(figures.active_qubits, 2 * figures.two_qubit_gates, shots)
    return f"mirror circuit {reason}" if reason else ""


def run_mirrors(
    world: ReplayWorld,
    compiled: CompiledTasks,
    port: Port,
    ledger: JobLedger,
    executor: Executor,
    replay: str,
) -> None:
    """Submit the mirror circuit of every compiled circuit that the stream has executed."""
    executor.on_end(lambda _intent: None)
    intents = ledger.intents()
    for intent in left_out(intents, MIRROR):
        executor.again(intent, intent.at_s)
    before = sum(intent.phase == MIRROR for intent in intents)
    for number, (qpu, shots, digests) in enumerate(_batches(world, compiled, ledger), before):
        figures = [as_mirrored(compiled.figures[qpu, digest]) for digest in digests]
        intent = batch_intent(
            world,
            compiled,
            intent_hash(replay, phase=MIRROR, qpu=qpu, shots=shots, circuits=digests),
            phase=MIRROR,
            number=number,
            qpu=qpu,
            digests=digests,
            figures=figures,
            shots=shots,
            now_s=port.now_s(),
        )
        executor.submit(intent)


def _batches(
    world: ReplayWorld, compiled: CompiledTasks, ledger: JobLedger
) -> list[tuple[int, int, list[str]]]:
    """Return (QPU, shots, digests) of every batch that is not planned yet.

    A circuit that was executed with several levels of shots is measured with the fewest. What has a
    batch has no other one: a replay that goes on with more budget executes further tasks.
    """
    fewest: dict[tuple[int, str], int] = {}
    planned = {
        (intent.qpu, digest)
        for intent in ledger.intents()
        if intent.phase == MIRROR
        for digest in intent.circuits
    }
    for intent in ledger.intents():
        if intent.phase != "stream" or intent.state != "done":
            continue
        digest = intent.circuits[0]
        figures = compiled.figures[intent.qpu, digest]
        circuit = compiled.by_digest[digest].circuit
        key = (intent.qpu, digest)
        if key in planned or no_mirror(circuit, figures, intent.shots, world.too_large):
            continue
        fewest[key] = min(fewest.get(key, intent.shots), intent.shots)
    groups: dict[tuple[int, int], list[str]] = {}
    for (qpu, digest), shots in fewest.items():
        groups.setdefault((qpu, shots), []).append(digest)
    size = world.mirror_batch
    found = []
    for (qpu, shots), digests in sorted(groups.items()):
        ordered = sorted(digests)
        found += [(qpu, shots, ordered[i : i + size]) for i in range(0, len(ordered), size)]
    return found


def measured_fidelities(
    compiled: CompiledTasks, ledger: JobLedger
) -> Mapping[tuple[int, str], MeasuredFidelity]:
    """Return what was measured, by (QPU, digest of the circuit)."""
    found: dict[tuple[int, str], MeasuredFidelity] = {}
    errors = readout_errors(compiled, ledger)
    for intent in ledger.intents():
        if intent.phase != MIRROR:
            continue
        for position, digest in enumerate(intent.circuits):
            if intent.state != "done" or intent.counts is None:
                reason = f"mirror job {intent.state}: {intent.error_class or intent.error}"
                found[intent.qpu, digest] = MeasuredFidelity(None, reason=reason)
                continue
            expected = mirror_of(compiled.by_digest[digest].circuit, digest).expected
            counts = intent.counts[position]
            shots = sum(counts.values())
            readout = compiled.figures[intent.qpu, digest].readout_success
            if readout is None:
                raise ValueError("no mirror circuit is run without readout errors")
            measured = measured_readout(compiled.by_digest[digest].circuit, intent.qpu, errors)
            right, variance = (readout, 0.0) if measured is None else measured
            survived = counts.get(expected, 0)
            fidelity = fidelity_of(survived, shots, right)
            found[intent.qpu, digest] = MeasuredFidelity(
                fidelity,
                hypot(shot_noise(survived, shots, right), fidelity * sqrt(variance) / 2),
                shots,
                readout=None if measured is None else right,
            )
    return found
