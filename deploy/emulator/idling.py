"""Relaxation of qubits that wait: where the circuit says delay, or wherever the schedule does."""

from dataclasses import replace

from qiskit.circuit import Delay, Parameter
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import ALAPScheduleAnalysis, PadDelay
from qiskit_aer.noise import RelaxationNoisePass

from .circuits import Reduced
from .devices import Device
from .targets import part_of


def with_idling(reduced: Reduced, device: Device, *, schedule: bool) -> Reduced:
    """Return a circuit whose qubits relax while they wait.

    Args:
        schedule: start every gate as late as it may, and fill the gaps with delays.
    """
    circuit = reduced.circuit
    if schedule:
        target = part_of(device.target, reduced.qubits, reduced.places)
        everywhere = {(qubit,): None for qubit in range(len(reduced.qubits))}
        target.add_instruction(Delay(Parameter("duration")), everywhere)
        circuit = PassManager([ALAPScheduleAnalysis(target=target), PadDelay(target=target)]).run(
            circuit
        )
    delays = circuit.count_ops().get("delay", 0)
    known = device.target.qubit_properties
    if not delays or not known:
        return reduced
    own = [known[qubit] for qubit in reduced.qubits]
    relax = RelaxationNoisePass(
        [qubit.t1 for qubit in own],
        [qubit.t2 for qubit in own],
        dt=device.target.dt,
        op_types=[Delay],
    )
    return replace(reduced, circuit=relax(circuit), gates=reduced.gates + delays)
