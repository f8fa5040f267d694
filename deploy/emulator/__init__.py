"""A loopback service that speaks the IBM Quantum REST API to qiskit-ibm-runtime's own client.

Circuits run on Aer under a drifted calibration, wait in queues with background load, cost QPU
seconds, and meet the faults that a real service has. It stands on its own: from qcbench it imports
errors, files and the config decorator only, and is loaded by `qcbench.hardware.emulator_process`
under the name `qcbench_emulator`.
"""
