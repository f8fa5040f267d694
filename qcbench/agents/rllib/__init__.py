"""RLlib's algorithms as agents of `qcbench train`, on the vector environments."""
