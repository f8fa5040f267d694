"""Anchor circuits: short known ones, executed on every device before, during and after a replay.

All qubits that the replay reads out, prepared in 0 and in 1, tell the errors of readout as they are
and not as they were calibrated; the mirror circuit of one of the replay's circuits tells whether a
device changes while it is measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qcbench.hardware.compiling import CompiledCircuit, compiled_as_is
from qcbench.hardware.executor import Executor
from qcbench.hardware.intents import Intent
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.mirror import NoMirrorError, flip_of, measured_qubits, mirror
from qcbench.hardware.plan import CompiledTasks, ReplayWorld, anchor_jobs, batch_intent
from qcbench.hardware.port import Port
from qcbench.hardware.refusals import left_out
from qcbench.hardware.replay_config import ANCHOR_SHOTS
from qcbench.hardware.stream import intent_hash
from qcbench.sums import added

if TYPE_CHECKING:
    import polars as pl

ANCHOR: Final = "anchor"
ZEROS, ONES, MIRRORED = "read 0 as 1", "read 1 as 0", "mirror"
"""Kinds of anchor circuits; of the first two also what they measure."""
TOGETHER = 8
"""Qubits that are read out in one circuit: every simulator can."""
GATES = 10
"""Two-qubit gates near which a mirrored circuit has: drift is seen, and it is short."""


@dataclass(frozen=True)
class ReadoutErrors:
    """Errors of the readout of a qubit, by anchor circuits of the whole replay.

    Attributes:
        error: the mean of reading 1 for 0 and 0 for 1, as calibrations state it.
        variance: of that, from counting shots.
    """

    error: float
    variance: float


def with_anchors(world: ReplayWorld, compiled: CompiledTasks) -> CompiledTasks:
    """Return compiled tasks with the anchor circuits of every device; as they are where off."""
    if world.config.anchors is None:
        return compiled
    anchors: dict[int, tuple[str, ...]] = {}
    by_digest, figures = dict(compiled.by_digest), dict(compiled.figures)
    calibrated = dict(compiled.calibrated)
    for qpu in sorted({qpu for _, qpu in compiled.circuits}):
        made = _circuits(compiled, qpu)
        for one in made:
            digest, calibration = one.figures.digest, compiled.calibrations[qpu]
            by_digest[digest], figures[qpu, digest] = one, one.figures
            calibrated[qpu, digest] = (calibration.date, calibration.repetition_delay_s)
        anchors[qpu] = tuple(one.figures.digest for one in made)
    return replace(
        compiled, anchors=anchors, by_digest=by_digest, figures=figures, calibrated=calibrated
    )


def _circuits(compiled: CompiledTasks, qpu: int) -> list[CompiledCircuit]:
    """Return the anchor circuits of a device, in its native gates."""
    calibration = compiled.calibrations[qpu]
    own = {
        circuit.figures.digest: circuit
        for (task, device), circuit in compiled.circuits.items()
        if device == qpu and (task, device) not in compiled.obstacles
    }
    qubits = sorted({q for circuit in own.values() for q in measured_qubits(circuit.circuit)})
    made = []
    for start in range(0, len(qubits), TOGETHER):
        part = qubits[start : start + TOGETHER]
        made += [_readout(calibration.target, part, kind) for kind in (ZEROS, ONES)]
    # Drift shows in links, where a circuit has any.
    for digest in sorted(own, key=lambda one: (_from_wanted(own[one]), one)):
        try:
            found = mirror(own[digest].circuit, np.random.default_rng(int(digest, 16)))
        except NoMirrorError:
            continue
        found.circuit.metadata = {"anchor": MIRRORED, "expected": found.expected}
        made.append(found.circuit)
        break
    return [compiled_as_is(circuit, calibration.target) for circuit in made]


def _from_wanted(circuit: CompiledCircuit) -> int:
    return abs(circuit.figures.two_qubit_gates - GATES)


def _readout(target: Any, qubits: Sequence[int], kind: str) -> Any:
    from qiskit import QuantumCircuit  # noqa: PLC0415
    from qiskit.circuit import ClassicalRegister, QuantumRegister  # noqa: PLC0415

    register = QuantumRegister(target.num_qubits, "q")
    circuit = QuantumCircuit(register, ClassicalRegister(len(qubits), "meas"), name="anchor")
    for place, qubit in enumerate(qubits):
        if kind == ONES:
            flip_of(set(target.operation_names))(circuit, qubit)
        circuit.measure(qubit, place)
    expected = ("1" if kind == ONES else "0") * len(qubits)
    circuit.metadata = {"anchor": kind, "expected": expected}
    return circuit


def submit_anchors(
    world: ReplayWorld,
    compiled: CompiledTasks,
    port: Port,
    ledger: JobLedger,
    executor: Executor,
    replay: str,
    moment: int,
) -> None:
    """Submit the anchor circuits of a moment of the replay; those that are there stay as they are.

    What an earlier session was refused is taken up before the stream and after everything; of the
    moments in between by the stream, among the tasks that were refused with it.

    Args:
        moment: 0 before the stream, `anchors - 1` after everything.
    """
    intents = ledger.intents()
    if moment in {0, (world.config.anchors or 0) - 1}:
        for intent in left_out(intents, ANCHOR, moment):
            executor.again(intent, intent.at_s)
    known = {intent.hash for intent in intents}
    before: dict[int, list[str]] = {}
    for intent in intents:
        if intent.phase == ANCHOR:
            named = before.setdefault(intent.qpu, [])
            named += [digest for digest in intent.circuits if digest not in named]
    for qpu, circuits in compiled.anchors.items():
        # A later calibration may choose other qubits; what is to be compared stays the same.
        for digests in anchor_jobs(world, before.get(qpu) or circuits):
            content = {"qpu": qpu, "moment": moment, "circuits": digests}
            name = intent_hash(replay, phase=ANCHOR, **content)
            if name in known:
                continue
            figures = [compiled.figures[qpu, digest] for digest in digests]
            with ledger.together():
                for digest in digests:
                    ledger.keep(compiled.kept(qpu, digest))
                executor.plan(
                    batch_intent(
                        world,
                        compiled,
                        name,
                        phase=ANCHOR,
                        number=moment,
                        qpu=qpu,
                        digests=digests,
                        figures=figures,
                        shots=ANCHOR_SHOTS,
                        now_s=port.now_s(),
                    )
                )
            executor.start(name)


def due_moments(anchors: int | None, placed: int, total: int) -> int:
    """Return how many moments of a stream have come when so many tasks are placed.

    The first is before it and counts at once; the last is after it, and is none of the stream's.
    """
    if anchors is None:
        return 0
    return 1 + min(placed * (anchors - 1) // max(total, 1), anchors - 2)


def flips(counts: Mapping[str, int], expected: str) -> list[float]:
    """Return how often each bit was read otherwise, by classical bit."""
    shots = sum(counts.values())
    wrong = np.zeros(len(expected))
    for word, count in counts.items():
        wrong += count * np.array([a != b for a, b in zip(word, expected, strict=True)])
    return [float(share) for share in wrong[::-1] / shots]


def readout_errors(
    compiled: CompiledTasks, ledger: JobLedger
) -> Mapping[tuple[int, int], ReadoutErrors]:
    """Return the measured errors of readout by (QPU, qubit), over all moments of the replay."""
    shares: dict[tuple[int, int], dict[str, list[tuple[float, int]]]] = {}
    for intent, circuit, counts in _executed(compiled, ledger):
        kind, expected = circuit.metadata["anchor"], circuit.metadata["expected"]
        if kind == MIRRORED:
            continue
        shots = sum(counts.values())
        for qubit, share in zip(measured_qubits(circuit), flips(counts, expected), strict=True):
            of = shares.setdefault((intent.qpu, qubit), {})
            of.setdefault(kind, []).append((share, shots))
    found = {}
    for place, of in shares.items():
        if {ZEROS, ONES} <= of.keys():
            both = [_pooled(of[kind]) for kind in (ZEROS, ONES)]
            error = added(share for share, _ in both) / 2
            # The rule of succession: no error in n shots is not known to be none.
            near = [(share * shots + 1) / (shots + 2) for share, shots in both]
            variance = added(p * (1 - p) / n for p, (_, n) in zip(near, both, strict=True)) / 4
            found[place] = ReadoutErrors(error, variance)
    return found


def _pooled(parts: Sequence[tuple[float, int]]) -> tuple[float, int]:
    shots = sum(count for _, count in parts)
    return added(share * count for share, count in parts) / shots, shots


def measured_readout(
    circuit: Any, qpu: int, errors: Mapping[tuple[int, int], ReadoutErrors]
) -> tuple[float, float] | None:
    """Return the probability that a circuit is read out rightly, and the variance of its logarithm.

    None where no anchor circuit has read out one of its qubits, or one is never read rightly.
    """
    success, variance = 1.0, 0.0
    for qubit in measured_qubits(circuit):
        found = errors.get((qpu, qubit))
        if found is None or found.error >= 1.0:
            return None
        success *= 1.0 - found.error
        variance += found.variance / (1.0 - found.error) ** 2
    return success, variance


def _executed(
    compiled: CompiledTasks, ledger: JobLedger
) -> list[tuple[Intent, Any, Mapping[str, int]]]:
    """Return every anchor circuit that was executed, with its counts."""
    return [
        (intent, compiled.by_digest[digest].circuit, counts)
        for intent in ledger.intents()
        if intent.phase == ANCHOR and intent.counts is not None
        for digest, counts in zip(intent.circuits, intent.counts, strict=True)
        if counts
    ]


def anchor_table(
    world: ReplayWorld, compiled: CompiledTasks, ledger: JobLedger, label: str
) -> "pl.DataFrame | None":
    """Return a row for every anchor circuit that was executed; None where none was.

    Columns: `label`, `qpu`, `moment`, `anchor`, `started_s` (since the first one, by the service's
    time stamps), `shots`, `value` (mean error of a readout; survival of a mirror circuit), `noise`
    (its standard error from counting shots) and `qubits`.
    """
    import polars as pl  # noqa: PLC0415

    began = {job.job_id: job.figures.running_s for job in ledger.jobs()}
    rows = []
    for intent, circuit, counts in _executed(compiled, ledger):
        kind, expected = circuit.metadata["anchor"], circuit.metadata["expected"]
        shots = sum(counts.values())
        trials = shots
        if kind == MIRRORED:
            value = counts.get(expected, 0) / shots
        else:
            value, trials = float(np.mean(flips(counts, expected))), shots * len(expected)
        near = (value * trials + 1) / (trials + 2)
        rows.append(
            {
                "label": label,
                "qpu": world.scenario.fleet.names[intent.qpu],
                "moment": intent.task,
                "anchor": kind,
                "started_s": began.get(intent.job_id or ""),
                "shots": shots,
                "value": value,
                "noise": float(np.sqrt(near * (1 - near) / trials)),
                "qubits": len(expected),
            }
        )
    if not rows:
        return None
    started = pl.col("started_s") - pl.col("started_s").min()
    frame = pl.DataFrame(rows, schema_overrides={"started_s": pl.Float64})
    return frame.with_columns(started_s=started).sort("qpu", "anchor", "moment")
