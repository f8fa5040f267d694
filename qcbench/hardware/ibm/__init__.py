"""IBM Quantum through qiskit-ibm-runtime: real accounts and the emulator alike."""
