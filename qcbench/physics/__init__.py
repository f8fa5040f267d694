"""Closed-form models of a quantum cloud: timing, fidelity, communication, price.

Pure functions of numbers and arrays; they broadcast, and they never know the clock.
"""
