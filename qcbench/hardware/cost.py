"""What jobs will be charged: an estimate before, a limit that the backend keeps, a budget."""

from collections.abc import Sequence
from math import ceil

from qcbench.errors import InputError
from qcbench.fleet.snapshot import IBM_PRICE_PER_S
from qcbench.hardware.compiling import CompiledFigures
from qcbench.physics.timing import ibm_usage_time_s

OVERHEAD_S = 2.0
"""IBM's rule of thumb for a job besides its executions."""
RESERVE_FACTOR = 2.0
"""A job may be charged this many times its estimate before the backend stops it."""


def usage_s(figures: Sequence[CompiledFigures], shots: int, repetition_delay_s: float) -> float:
    """Return the estimated charge of a job of several circuits [s]."""
    total = OVERHEAD_S
    for circuit in figures:
        total += float(ibm_usage_time_s(circuit.length_s, shots, repetition_delay_s, 0.0))  # type: ignore[arg-type]
    return total


def reserve_s(estimate_s: float) -> int:
    """Return the charge that is reserved for a job, in whole seconds as backends count them."""
    return ceil(RESERVE_FACTOR * estimate_s)


def price(usage: float, price_per_s: float = IBM_PRICE_PER_S) -> float:
    """Return the list price of QPU seconds [USD]."""
    return usage * price_per_s


def confirm(estimate: float, budget_s: float, *, confirmed: bool) -> None:
    """Refuse to spend on a real account what nobody has confirmed.

    Raises:
        InputError: with the estimate and how to confirm it.
    """
    if not confirmed:
        raise InputError(
            f"backend=ibm: this replay is estimated at {estimate:.0f} QPU seconds, about"
            f" {price(estimate):.0f} USD, and may use {budget_s:.0f} s, about"
            f" {price(budget_s):.0f} USD; add yes=true to spend it, or dry_run=true to see more"
        )
