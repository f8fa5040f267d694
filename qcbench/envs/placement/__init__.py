"""Environments of the placement track."""
