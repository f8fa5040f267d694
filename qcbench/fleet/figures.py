"""What names, texts and links of a QPU may be; the ranges of its figures stand in `QpuConfig`."""

import re
from collections.abc import Sequence

from qcbench.errors import InputError
from qcbench.files import quoted

D1CPS_PER_CLOPS = 19.95
"""D1CPS of QSimPy over CLOPS_v: how its published code derives the one from the other."""

TEXTS = ("device", "name", "family", "calibration_date", "source")
TEXT_LISTS = ("basis_gates", "flags")


def check_texts(entry: object) -> None:
    """Check the type of the texts of a QPU: a file may hold something else.

    Raises:
        InputError: one is none.
    """
    for name in TEXTS:
        value = getattr(entry, name)
        if not isinstance(value, str) and (value is not None or name in ("device", "name")):
            raise InputError(f"{name}: {quoted(value)}; must be a text")
    for name in TEXT_LISTS:
        value = getattr(entry, name)
        listed = isinstance(value, Sequence) and not isinstance(value, str)
        if value is not None and not (listed and all(isinstance(text, str) for text in value)):
            raise InputError(f"{name}: {quoted(value)}; must be a list of texts")


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
    for place, link in enumerate(coupling):
        key = f"{where}: coupling[{place}]"
        pair = (
            isinstance(link, Sequence)
            and not isinstance(link, str)
            and len(link) == 2
            and all(isinstance(end, int) and not isinstance(end, bool) for end in link)
        )
        if not pair:
            raise InputError(f"{key}: link {quoted(link)} must be a pair of two qubits")
        a, b = min(link), max(link)
        if a < 0 or a == b or (qubits is not None and b >= qubits):
            among = ", numbered from 0" if qubits is None else f" out of 0..{qubits - 1}"
            raise InputError(f"{key}: link {quoted(link)} must join two different qubits{among}")
        if (a, b) in seen:
            raise InputError(f"{key}: link [{a}, {b}] is stated twice; links have no direction")
        seen.add((a, b))
