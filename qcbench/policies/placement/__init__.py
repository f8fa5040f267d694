"""Policies that choose the QPU of a task."""
