"""After the stream: mirror circuits of what it executed, several in a job, each circuit once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qcbench.hardware.compiling import CompiledFigures
from qcbench.hardware.cost import reserve_s, usage_s
from qcbench.hardware.executor import Executor
from qcbench.hardware.ledger import Intent, JobLedger
from qcbench.hardware.limits import choose
from qcbench.hardware.mirror import Mirror, NoMirrorError, fidelity_of, mirror, shot_noise
from qcbench.hardware.plan import CompiledTasks, ReplayWorld
from qcbench.hardware.port import Port
from qcbench.hardware.stream import intent_hash

MIRROR = "mirror"


@dataclass(frozen=True)
class MeasuredFidelity:
    """What the mirror circuit of a compiled circuit gave on a device.

    Attributes:
        fidelity: see `fidelity_of`; None where it was not measured.
        noise: standard error from counting shots.
        shots: of the mirror circuit.
        reason: why it was not measured, else empty.
    """

    fidelity: float | None
    noise: float | None = None
    shots: int = 0
    reason: str = ""


def mirror_of(circuit: Any, digest: str) -> Mirror:
    """Return the mirror circuit of a compiled circuit; the same one every time.

    Raises:
        NoMirrorError: it has none.
    """
    return mirror(circuit, np.random.default_rng(int(digest, 16)))


def no_mirror(circuit: Any, figures: CompiledFigures, shots: int, *, simulated: bool) -> str:
    """Return why a circuit has no mirror circuit that could be run, empty where it has."""
    try:
        mirror_of(circuit, figures.digest)
    except NoMirrorError as error:
        return f"no mirror circuit: {error}"
    if figures.readout_success is None:
        return "no mirror circuit: the calibration states no error of a readout"
    if simulated:
        reason = choose(figures.active_qubits, 2 * figures.two_qubit_gates, shots).reason
        return f"mirror circuit {reason}" if reason else ""
    return ""


def run_mirrors(
    world: ReplayWorld,
    compiled: CompiledTasks,
    port: Port,
    ledger: JobLedger,
    executor: Executor,
    replay: str,
    *,
    simulated: bool,
    wall: Callable[[], float],
) -> None:
    """Measure every compiled circuit that the stream has executed, on the device that did."""
    executor.on_end = lambda _intent: None
    known = {intent.hash for intent in ledger.intents()}
    refused = [one for one in ledger.intents() if one.phase == MIRROR and one.state == "refused"]
    if [one for one in refused if executor.again(one, 0.0)]:
        executor.recover()
    for number, (qpu, shots, digests) in enumerate(
        _batches(world, compiled, ledger, simulated=simulated)
    ):
        figures = [compiled.figures[qpu, digest] for digest in digests]
        # A mirror circuit is twice as long as the circuit.
        estimate = usage_s(figures, shots, compiled.calibrations[qpu].repetition_delay_s)
        estimate += sum(one.length_s for one in figures) * shots
        intent = Intent(
            hash=intent_hash(replay, phase=MIRROR, qpu=qpu, shots=shots, circuits=digests),
            phase="mirror",
            policy="",
            task=number,
            qpu=qpu,
            device=world.device(qpu),
            circuits=tuple(digests),
            shots=shots,
            estimate_s=estimate,
            reserve_s=reserve_s(estimate),
            at_s=0.0,
            planned_s=port.now_s(),
        )
        if intent.hash not in known:
            executor.submit(intent)
    while executor.pending:
        executor.advance()
        port.sleep(max(executor.next_due() - wall(), 0.0) * port.speed)


def _batches(
    world: ReplayWorld, compiled: CompiledTasks, ledger: JobLedger, *, simulated: bool
) -> list[tuple[int, int, list[str]]]:
    """Return (QPU, shots, digests) of every batch, the same ones after a restart."""
    groups: dict[tuple[int, int], list[str]] = {}
    for intent in ledger.intents():
        if intent.phase != "stream" or intent.state != "done":
            continue
        digest = intent.circuits[0]
        figures = compiled.figures[intent.qpu, digest]
        circuit = compiled.by_digest[digest].circuit
        if no_mirror(circuit, figures, intent.shots, simulated=simulated):
            continue
        group = groups.setdefault((intent.qpu, intent.shots), [])
        if digest not in group:
            group.append(digest)
    size = world.config.mirror_batch
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
            survived = counts.get(expected, 0)
            found[intent.qpu, digest] = MeasuredFidelity(
                fidelity_of(survived, shots, readout),
                shot_noise(survived, shots, readout),
                shots,
            )
    return found
