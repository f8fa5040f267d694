"""Environments of the queueing track."""
