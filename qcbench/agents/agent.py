"""What training asks of an agent, whatever library learns behind it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qcbench.policies.exported.card import Card, HeuristicCard
from qcbench.policies.exported.weights import Tensors


class DivergedError(RuntimeError):
    """Losses or weights are no longer finite. One line."""


class LostError(RuntimeError):
    """Processes that learn have died, and their node with them perhaps. One line."""


@dataclass(frozen=True)
class Update:
    """Where training is, after an update.

    Attributes:
        steps: decisions up to now.
        figures: what the learner says of itself, by name, such as `reward` and `entropy`; what is
            not finite is left out of the curves.
        notes: what a person should know, a line each.
    """

    steps: int
    figures: Mapping[str, float]
    notes: Sequence[str] = ()


class Learner(Protocol):
    """An agent that is being trained."""

    @property
    def steps(self) -> int:
        """Decisions up to now."""

    @property
    def total(self) -> int:
        """Decisions after which training ends."""

    def run(self, should_stop: Callable[[], bool]) -> Iterator[Update]:
        """Train to the end, or until told to stop; yields after each update.

        Raises:
            DivergedError: a loss is not finite.
            LostError: processes that learn have died.
        """

    def save(self, folder: Path) -> None:
        """Write what `restore` needs into a folder that exists; data only, no pickled code."""

    def restore(self, folder: Path) -> None:
        """Go on from what `save` wrote.

        Raises:
            InputError: the files are not those of this agent.
        """

    def policy(self) -> tuple[Card, Tensors] | tuple[HeuristicCard, None]:
        """Return what would be exported now, without provenance; a heuristic has no weights."""

    def close(self) -> None:
        """Let go of environments and processes."""
