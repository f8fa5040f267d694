"""What is made of objects once, for as long as these very objects are asked about again."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")


class MadeOnce(Generic[Made]):
    """Calls a function once for the same objects: they are told apart by identity, not by value.

    To compare what trials of a world have in common by value takes longer than most parts of a
    trial. Objects that are kept here are not changed any more.

    Args:
        make: whose result depends on its arguments alone.
        most: of which results are kept; the oldest goes first.
    """

    def __init__(self, make: Callable[..., Made], most: int = 64) -> None:
        self._make = make
        self._most = most
        self._made: dict[tuple[int, ...], tuple[tuple[Any, ...], Made]] = {}

    def __call__(self, *objects: Any) -> Made:
        """Return what was made of these objects."""
        key = tuple(map(id, objects))  # no other object gets these while they are kept
        found = self._made.get(key)
        if found is None:
            found = objects, self._make(*objects)
            if len(self._made) >= self._most:
                del self._made[next(iter(self._made))]
            self._made[key] = found
        return found[1]
