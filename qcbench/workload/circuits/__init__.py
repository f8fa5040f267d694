"""Circuits: the packaged table, features, shapes and durations without a circuit."""
