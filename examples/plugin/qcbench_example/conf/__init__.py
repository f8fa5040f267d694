"""Configs, found by qcbench beside its own."""
