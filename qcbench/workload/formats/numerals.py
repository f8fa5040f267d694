"""Numbers as text files write them: ASCII digits, a point, nothing that only Python takes."""

import math
import re

from qcbench.files import quoted

LARGEST = 2**63 - 1
"""Whole numbers have 64 bits."""

_WHOLE = re.compile(r"([+-]?)0*([0-9]+)(?:\.0*)?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")


def whole(text: str, least: int | None = None) -> int:
    """Return a whole number of 64 bits; `2.0` is one, too.

    Raises:
        ValueError: it is none, or less than the least.
    """
    found = _WHOLE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{quoted(text)} is no whole number")
    sign, digits = found.groups()
    if len(digits) > len(str(LARGEST)) or int(digits) > LARGEST:
        raise ValueError(f"{quoted(text)} is beyond 64 bits; at most {LARGEST}")
    value = -int(digits) if sign == "-" else int(digits)
    if least is not None and value < least:
        raise ValueError(f"{value}; must be at least {least}")
    return value


def decimal(text: str, what: str = "number") -> float:
    """Return a finite number; zero has no sign.

    Args:
        text: the number.
        what: it should be, for the message.

    Raises:
        ValueError: it is none.
    """
    stripped = text.strip()
    if not _DECIMAL.fullmatch(stripped):
        hint = "; write a decimal point" if _COMMA.fullmatch(stripped) else ""
        raise ValueError(f"{quoted(text)} is no {what}{hint}")
    value = float(stripped)
    if not math.isfinite(value):
        raise ValueError(f"{quoted(text)} is no {what}; the largest is about 1.8e308")
    return value + 0.0
