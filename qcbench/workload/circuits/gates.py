"""Gate counts of a circuit: their text form, and how they are summed up."""

import ast
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

VIRTUAL = frozenset({"rz", "id", "p", "u1", "z", "s", "sdg", "t", "tdg", "gphase", "u0"})
"""One-qubit gates that take no pulse: IBM devices do rotations about z in software, exactly."""

ONE_QUBIT = frozenset(
    {"x", "y", "h", "sx", "sxdg", "rx", "ry", "r", "u", "u2", "u3", "U", "prx", "gpi", "gpi2"}
)
"""One-qubit gates that take at least one pulse."""

MULTI_QUBIT = frozenset(
    {
        *("cx", "CX", "cy", "cz", "ch", "cp", "cu1", "cu3", "cu", "crx", "cry", "crz", "cs"),
        *("csdg", "csx", "swap", "iswap", "ecr", "dcx", "rxx", "ryy", "rzz", "rzx", "ms"),
        *("xx_plus_yy", "xx_minus_yy", "ccx", "ccz", "cswap", "rccx", "rcccx", "rc3x", "c3x"),
        *("mcx", "c3sx", "c3sqrtx", "c4x", "mcphase", "mcp"),
    }
)
"""Gates on two or more qubits."""

NOT_GATES = frozenset({"barrier", "delay", "reset"})
MEASURE = "measure"


class GateSummary(NamedTuple):
    """What the models need to know of a circuit's gates."""

    one_qubit: int
    multi_qubit: int
    measurements: int


def summarise(counts: Mapping[str, int]) -> GateSummary:
    """Sum gate counts up; virtual gates, barriers and delays count as nothing.

    Raises:
        ValueError: a gate is unknown.
    """
    one_qubit = multi_qubit = 0
    for name, count in counts.items():
        if name in ONE_QUBIT:
            one_qubit += count
        elif name in MULTI_QUBIT:
            multi_qubit += count
        elif name not in VIRTUAL and name not in NOT_GATES and name != MEASURE:
            raise ValueError(f"gate {name!r} is unknown")
    return GateSummary(one_qubit, multi_qubit, counts.get(MEASURE, 0))


def format_counts(counts: Mapping[str, int]) -> str:
    """Write gate counts as the published files do, the most frequent gate first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "{" + ", ".join(f"'{name}': {count}" for name, count in ordered) + "}"


@lru_cache(maxsize=65536)
def parse_summary(text: str) -> GateSummary:
    """Read gate counts (`{'cx': 3}`, or with double quotes) and sum them up.

    Raises:
        ValueError: the text is no such mapping, or a gate is unknown.
    """
    return summarise(parse_counts(text))


def parse_counts(text: str) -> dict[str, int]:
    """Read gate counts written in Python's or JSON's way.

    Raises:
        ValueError: the text is no mapping of names to counts.
    """
    try:
        counts = json.loads(text) if '"' in text else ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        counts = None
    if not isinstance(counts, dict) or not all(
        isinstance(name, str) and type(count) is int and count >= 0
        for name, count in counts.items()
    ):
        raise ValueError(f"{text[:60]!r} is no mapping such as {{'cx': 3, 'rz': 5}}")
    return counts


def stand_in_counts(one_qubit: int, multi_qubit: int, measurements: int) -> dict[str, int]:
    """Return counts with the same summary where the gates' own names are not known."""
    named = {"sx": one_qubit, "cx": multi_qubit, MEASURE: measurements}
    return {name: count for name, count in named.items() if count}
