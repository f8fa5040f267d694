"""What is searched: settings, each with what it is drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass

from qcbench.errors import InputError

Value = bool | int | float | str


KINDS = ("choice", "uniform", "log")


@dataclass(frozen=True)
class Range:
    """What a setting is drawn from.

    Attributes:
        kind: `choice` of the values; `uniform` between two numbers; `log` between two positive
            numbers, evenly in their logarithm.
        values: the choices, or the least and the largest.
    """

    kind: str
    values: tuple[Value, ...]

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest number."""
        least, most = self.values
        return float(least), float(most)


def range_of(key: str, given: Sequence[Value]) -> Range:
    """Return what a list such as `[log, 0.001, 0.01]` means.

    Args:
        key: where it stands, for messages.

    Raises:
        InputError: it means nothing.
    """
    where = f"{key}: {list(given)}"
    if not given or given[0] not in KINDS:
        raise InputError(f"{where}; must be [choice, ...], [uniform, FROM, TO] or [log, FROM, TO]")
    found = Range(str(given[0]), tuple(given[1:]))
    if found.kind == "choice":
        if not found.values:
            raise InputError(f"{where}; has nothing to choose from")
        return found
    numbers = [v for v in found.values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) != 2 or len(found.values) != 2 or not numbers[0] < numbers[1]:
        raise InputError(f"{where}; must be from a lesser to a larger number")
    if found.kind == "log" and not numbers[0] > 0:
        raise InputError(f"{where}; must be positive")
    return found
