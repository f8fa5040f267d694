"""Sweeps: many trainings of an agent with different settings, chosen by Ray Tune."""
