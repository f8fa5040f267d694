"""Environments of the allocation track."""
