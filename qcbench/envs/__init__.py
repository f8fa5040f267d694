"""Gymnasium environments: single ones on the SimPy cloud, vectors of them on the kernels."""
