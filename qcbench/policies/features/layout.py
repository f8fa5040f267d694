"""How an observation is laid out: features of the whole, then the same features for every item."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from qcbench.errors import InputError
from qcbench.tracks import LearnedTrack, module_of

FEATURES = "qcbench.policies.features"
Observation = Literal["usual", "relative", "deadlines", "legacy"]
"""What agents can choose to see; which of them a track has, its record says."""
SUFFIXES: Mapping[Observation, str] = {
    "usual": "",
    "relative": "-2",
    "deadlines": "-deadlines",
    "legacy": "-legacy",
}
"""What the name of the track is followed by in that of the layout."""


class Target(Protocol):
    """What an observation is written into: a list or an array."""

    def __setitem__(self, index: int, value: float, /) -> None: ...


@dataclass(frozen=True)
class Feature:
    """One number of an observation.

    Attributes:
        name: how tables and tests call it.
        meaning: one line for the documentation.
        low, high: its range; values are clipped to it where the formula does not bound them.
    """

    name: str
    meaning: str
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Layout:
    """An observation: `shared` features once, then `each` for every item in order.

    An item is what a decision can point at, a QPU or a waiting task. A network that scores every
    item from its own features and the shared ones serves any number of items.

    Attributes:
        remembers: how many numbers its formulas carry from one decision of an episode to the next,
            of the situation and of each item; all are 0 when it begins.
    """

    name: str
    item: Literal["QPU", "waiting task"]
    shared: tuple[Feature, ...]
    each: tuple[Feature, ...]
    remembers: tuple[int, int] = (0, 0)

    def size(self, items: int) -> int:
        """Return the length of an observation."""
        return len(self.shared) + items * len(self.each)

    def memory(self, items: int) -> int:
        """Return how many numbers are remembered."""
        return self.remembers[0] + items * self.remembers[1]

    def features(self, items: int) -> tuple[Feature, ...]:
        """Return the feature behind every number of an observation."""
        return self.shared + self.each * items

    def names(self, items: int) -> tuple[str, ...]:
        """Return the name of every number, those of items with their index: `wait.3`."""
        own = tuple(f"{f.name}.{index}" for index in range(items) for f in self.each)
        return tuple(f.name for f in self.shared) + own

    def bounds(self, items: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the least and the largest value of every number."""
        features = self.features(items)
        return tuple(f.low for f in features), tuple(f.high for f in features)

    def markdown(self) -> str:
        """Return the table of features for the documentation."""
        lines = ["| Feature | Meaning |", "|---|---|"]
        for kind, features in (("shared", self.shared), (f"each {self.item}", self.each)):
            lines.append(f"| *{kind}* | |")
            lines += [f"| `{f.name}` | {f.meaning} |" for f in features]
        return "\n".join(lines)

    def shared_index(self, name: str) -> int:
        """Return the position of a shared feature.

        Raises:
            InputError: there is none of this name.
        """
        return self._index(self.shared, name)

    def each_index(self, name: str) -> int:
        """Return the position of an item's feature among those of the item.

        Raises:
            InputError: there is none of this name.
        """
        return self._index(self.each, name)

    def _index(self, features: tuple[Feature, ...], name: str) -> int:
        names = [f.name for f in features]
        if name not in names:
            raise InputError(f"observation {self.name}: no feature {name}; it has {names}")
        return names.index(name)


def layout_named(track: LearnedTrack, observation: Observation) -> Layout:
    """Return what policies of a track see by one of its observations, see `TrackInfo`."""
    return layouts_of(track)[f"{track}{SUFFIXES[observation]}"]


def layouts_of(track: LearnedTrack) -> dict[str, Layout]:
    """Return all observations of a track by name."""
    layouts: dict[str, Layout] = module_of(FEATURES, track).LAYOUTS
    return layouts
