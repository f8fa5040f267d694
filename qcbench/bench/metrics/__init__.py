"""Metrics of a trial, one module a track."""
