"""What a figure of a QPU may be: types and ranges, checked wherever a user can state one."""

import math
import re
from collections.abc import Sequence
from typing import Any

from qcbench.errors import InputError
from qcbench.files import quoted

D1CPS_PER_CLOPS = 19.95
"""D1CPS of QSimPy over CLOPS_v: how its published code derives the one from the other."""

COUNTS = ("qubits", "max_qubits", "quantum_volume", "count")
"""Whole numbers, at least 1."""

LARGEST_COUNT = 2**63 - 1

RATES = ("d1cps", "clops_v", "clops_h", "t1_s", "t2_s")
"""Positive numbers."""

AMOUNTS = (
    "readout_duration_s",
    "one_qubit_duration_s",
    "two_qubit_duration_s",
    "repetition_delay_s",
    "price_per_s",
)
"""Numbers that are not negative."""

PROBABILITIES = ("readout_error", "one_qubit_error", "two_qubit_error")

TEXTS = ("device", "name", "family", "calibration_date", "source")
TEXT_LISTS = ("basis_gates", "flags")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the floats
        return False


def _check_range(name: str, value: Any) -> str:
    """Return what would be right, empty where the value is."""
    if name in COUNTS:
        holds = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        if holds and value > LARGEST_COUNT:
            return f"at most {LARGEST_COUNT}"
        return "" if holds else "a whole number of at least 1"
    if name in RATES:
        return "" if _is_number(value) and value > 0 else "a positive number"
    if name in AMOUNTS:
        return "" if _is_number(value) and value >= 0 else "a number, at least 0"
    if name in PROBABILITIES:
        return "" if _is_number(value) and 0 <= value <= 1 else "a number between 0 and 1"
    if name in TEXTS:
        return "" if isinstance(value, str) else "a text"
    if name in TEXT_LISTS:
        listed = isinstance(value, Sequence) and not isinstance(value, str)
        return "" if listed and all(isinstance(text, str) for text in value) else "a list of texts"
    raise AssertionError(name)


def check_figure(where: str, name: str, value: object) -> None:
    """Check the type and range of one figure other than `coupling`.

    Raises:
        InputError: it cannot be; the message starts with ``where``.
    """
    right = _check_range(name, value)
    if right:
        raise InputError(f"{where}: {name} is {quoted(value)}; it must be {right}")


def check_name(where: str, name: str) -> None:
    """Check that a name can stand in a file name, a CSV field and a log line."""
    if not re.fullmatch(r"[\w.:+-]{1,100}", name):
        raise InputError(
            f"{where}: name is {quoted(name)}; it must be 1 to 100 letters, digits or _ . : + -"
        )


def check_coupling(where: str, coupling: object, qubits: int | None) -> None:
    """Check that links are pairs of two qubits of the device, each stated once.

    Args:
        where: start of the message.
        coupling: list of pairs; the order within a pair does not matter.
        qubits: of the device; the range is not checked where None.
    """
    if not isinstance(coupling, Sequence) or isinstance(coupling, str):
        raise InputError(f"{where}: coupling is {quoted(coupling)}; it must be a list of pairs")
    seen = set()
    for link in coupling:
        pair = (
            isinstance(link, Sequence)
            and not isinstance(link, str)
            and len(link) == 2
            and all(isinstance(end, int) and not isinstance(end, bool) for end in link)
        )
        if not pair:
            raise InputError(f"{where}: link {quoted(link)} must be a pair of two qubits")
        a, b = min(link), max(link)
        if a < 0 or a == b or (qubits is not None and b >= qubits):
            last = "the last qubit" if qubits is None else f"{qubits - 1}"
            raise InputError(
                f"{where}: link {quoted(link)} must join two different qubits out of 0..{last}"
            )
        if (a, b) in seen:
            raise InputError(f"{where}: link [{a}, {b}] is stated twice; links have no direction")
        seen.add((a, b))
