"""What jobs will be charged: an estimate before, a limit that the backend keeps, a budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from qcbench.errors import InputError
from qcbench.fleet.snapshot import IBM_PRICE_PER_S
from qcbench.hardware.compiling import CompiledFigures
from qcbench.physics.timing import ibm_usage_time_s

Unit = Literal["s", "usd"]
"""What charges and budgets count: QPU seconds, or dollars."""

OVERHEAD_S = 2.0
"""IBM's rule of thumb for a job besides its executions."""
RULE_SHARE = 0.70
"""Part of what jobs were charged that IBM's rule has predicted, on average: real jobs on ibm_osaka,
1,024 shots."""
RESERVE_FACTOR = 2.0
"""A job may be charged this many times its estimate before the backend stops it."""
LONGEST_S = 10_800
"""No job has longer on a device, whatever limit it asks for."""


def said(amount: float, unit: Unit) -> str:
    """Return an amount in words."""
    return f"{amount:.0f} QPU seconds" if unit == "s" else f"{amount:.2f} USD"


@dataclass(frozen=True)
class Price:
    """How a provider charges a job.

    Attributes:
        unit: of every amount here, but for list prices.
        estimate: charge that is expected of a job: its device, the circuits in it, shots of each,
            and the device's repetition delay [s], None where unknown.
        reserve: what to set aside for a job of that estimate: it is charged no more.
        likely: what an estimated charge is likely to become.
        usd: list price of a charge.
        rule: in words, what the estimate and the likely charge are by.
    """

    unit: Unit
    estimate: Callable[[str, Sequence[CompiledFigures], int, float | None], float]
    reserve: Callable[[float], float]
    likely: Callable[[float], float]
    usd: Callable[[float], float]
    rule: str

    @property
    def budget_key(self) -> str:
        """The setting that holds the budget."""
        return f"budget_{self.unit}"

    def said(self, amount: float) -> str:
        """Return an amount in words."""
        return said(amount, self.unit)

    def rounded_up(self, amount: float) -> str:
        """Return a budget that is enough for an amount: whole seconds, or cents."""
        return str(ceil(amount)) if self.unit == "s" else f"{ceil(amount * 100) / 100:.2f}"

    def ranges(self, estimate: float) -> tuple[str, str]:
        """Return an estimated charge and its list price in words: the rule's, and the likely one.

        Where the rule is exact the two are one figure.
        """
        high = self.likely(estimate)
        if high == estimate:
            return self.said(estimate), f"{self.usd(estimate):.2f} USD"
        seconds = f"{estimate:.0f} to {self.said(high)}"
        return seconds, f"{self.usd(estimate):.0f} to {self.usd(high):.0f} USD"


def usage_s(
    device: str, figures: Sequence[CompiledFigures], shots: int, repetition_delay_s: float | None
) -> float:
    """Return the estimated usage of a job of several circuits by IBM's rule [s].

    Raises:
        InputError: the device does not say its repetition delay.
    """
    if repetition_delay_s is None:
        raise InputError(f"{device}: does not state its repetition delay; take another device")
    total = OVERHEAD_S
    for circuit in figures:
        total += float(ibm_usage_time_s(circuit.length_s, shots, repetition_delay_s, 0.0))  # type: ignore[arg-type]
    return total


def reserve_s(estimate_s: float) -> int:
    """Return the usage that is reserved for a job, in whole seconds as backends count them."""
    return min(ceil(RESERVE_FACTOR * estimate_s), LONGEST_S)


def likely_s(estimate_s: float) -> float:
    """Return what an estimated usage is likely to become, by what the rule has missed so far."""
    return estimate_s / RULE_SHARE


QPU_SECONDS = Price(
    unit="s",
    estimate=usage_s,
    reserve=reserve_s,
    likely=likely_s,
    usd=lambda used_s: used_s * IBM_PRICE_PER_S,
    rule="IBM's rule and by what it has missed on real jobs",
)
"""As IBM charges, pay as you go."""


def confirm(
    backend: str,
    price: Price,
    estimate: float,
    budget: float,
    *,
    confirmed: bool,
    before: float | None = None,
) -> None:
    """Refuse to spend on a real account what nobody has confirmed.

    Args:
        before: budget that was confirmed for the same replay earlier.

    Raises:
        InputError: with the estimate and how to confirm it.
    """
    if confirmed or (before is not None and budget <= before):
        return
    may = f"may use {budget:.0f} s, about {price.usd(budget):.0f} USD"
    if price.unit == "usd":
        may = f"may cost {price.said(budget)}"
    if before is not None:
        raise InputError(
            f"{price.budget_key}: is raised from {before:.0f} to {budget:.0f}; the replay {may};"
            " add yes=true to spend it"
        )
    charge, dollars = price.ranges(estimate)
    what = charge if price.unit == "usd" else f"{charge}, {dollars}"
    raise InputError(
        f"backend={backend}: this replay is estimated at {what}, and {may}; add yes=true"
        " to spend it, or dry_run=true to see more"
    )
