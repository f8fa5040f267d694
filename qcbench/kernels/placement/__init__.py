"""The compiled twin of push dispatch to exclusive QPUs: one task, one QPU, first in first out."""
