"""Values that environments are given from outside, checked before anything is changed by them."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from qcbench.arrays import IntArray
from qcbench.configs import integral
from qcbench.errors import InputError, nearest

MOST = 2**63 - 1
"""Of a whole number: the kernels count in 64 bits."""
LONGEST = 60
"""Characters of a value in a message."""
FEW = 5
"""So many options and more are not listed where one of another name is given."""


def whole(option: str, value: Any, least: int = 0, wanted: str = "") -> int:
    """Return a whole number; booleans and floats are none.

    Args:
        option: its name, for the message.
        wanted: what would be right, where that is more than `least`.

    Raises:
        InputError: it is none, or too small or large.
    """
    value = integral(value)
    if type(value) is not int or not least <= value <= MOST:
        wanted = wanted or f"must be a whole number from {least}"
        raise InputError(f"{option}: {shown(value)}; {wanted}{_too_large(value)}")
    return value


def wholes(value: Any) -> IntArray | None:
    """Return whole numbers as an array of the shape that they have, None where they are others."""
    if isinstance(value, list | tuple) and any(isinstance(part, bool | np.bool_) for part in value):
        return None
    found = array(value)
    return found.astype(np.int64) if found is not None and found.dtype.kind in "iu" else None


def array(value: Any) -> npt.NDArray[Any] | None:
    """Return what NumPy makes of a value, None where it makes nothing."""
    try:
        found = np.asarray(value)
        fits = found.dtype.kind != "u" or not found.size or int(found.max()) <= MOST
    except (ValueError, TypeError, OverflowError):
        return None
    return found if fits else None


def number(option: str, value: Any, wanted: str) -> float:
    """Return a number that is finite and not negative.

    Raises:
        InputError: it is none; says what is wanted.
    """
    if isinstance(value, np.integer | np.floating):
        value = value.item()
    if value.__class__ not in (int, float) or not 0 <= value <= sys.float_info.max:
        raise InputError(f"{option}: {shown(value)}; {wanted}")
    return float(value)


def one_of(option: str, value: Any, known: Sequence[str]) -> None:
    """Check that a value is one of a few texts.

    Raises:
        InputError: it is none of them.
    """
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{option}: {shown(value)}; must be {' or '.join(known)}")


def keys(where: str, given: Any, known: Sequence[str]) -> Mapping[str, Any]:
    """Return options by name; none where None.

    Args:
        where: whose they are, for the message.

    Raises:
        InputError: they are no mapping, or one has a name that does not exist.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InputError(
            f"{where}: options are {shown(given)}; must be a dictionary with {' or '.join(known)}"
        )
    for key in given:
        if not isinstance(key, str) or key not in known:
            few = len(known) < FEW
            hint = f"; known: {', '.join(known)}" if few else nearest(str(key)[:LONGEST], known)
            raise InputError(f"{where}: option {shown(key)} is unknown{hint}")
    return given


def shown(value: Any) -> str:
    """Describe a value in one short line."""
    if isinstance(value, np.ndarray) and value.shape != ():
        return f"an array of shape {value.shape} and type {value.dtype}"
    try:
        text = " ".join(repr(value).split())
    except Exception:
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _too_large(value: Any) -> str:
    return ", at most 2**63 - 1" if value.__class__ is int and value > MOST else ""
