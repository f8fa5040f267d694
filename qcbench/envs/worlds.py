"""Where environments take their worlds from: replicates, split for training and for judging.

A world is a scenario with everything drawn and the streams of what the rules leave to chance. The
three splits share no replicate, so that what is judged was never trained on. Suites count their
replicates from 0, and those belong to the test split.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from qcbench.cloud.cloud import Streams
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError, nearest
from qcbench.fleet.profile import Fleet
from qcbench.tracks import Track

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

BLOCK = 1_000_000
"""Replicates of the test split and of the validation split; those of the training split follow."""


@dataclass(frozen=True)
class Splits:
    """Which replicates belong to which split.

    Attributes:
        worlds: how many different replicates there are; None where each is drawn anew. Of a finite
            number the first fifth is for testing, the next tenth for validation, the rest for
            training.
        reason: why there are so few, for messages: `tasks.csv has 2 subsets`.
    """

    worlds: int | None = None
    reason: str = ""

    def count(self, split: Split) -> int:
        """Return how many replicates a split has.

        Raises:
            InputError: no split of this name.
        """
        first, end = self._range(split)
        return end - first

    def replicate(self, split: Split, index: int) -> int:
        """Return the number of a split's replicate, as in `bench.scenario.build_scenario`.

        Raises:
            InputError: the split has fewer, or none at all.
        """
        first, end = self._range(split)
        if not 0 <= index < end - first:
            why = f" ({self.reason})" if self.reason else ""
            wanted = f"0..{end - first - 1}" if end > first else "it has none"
            raise InputError(f"split {split}: no world {index}; {wanted}{why}")
        return first + index

    def _range(self, split: Split) -> tuple[int, int]:
        if split not in SPLITS:
            raise InputError(f"split {split!r}: no such split{nearest(str(split), SPLITS)}")
        if self.worlds is None:
            test, validation, end = BLOCK, BLOCK, 1000 * BLOCK
        elif self.worlds < len(SPLITS):
            test, validation, end = self.worlds, 0, self.worlds
        else:
            test, validation = max(1, self.worlds // 5), max(1, self.worlds // 10)
            end = self.worlds
        if split == "test":
            return 0, test
        if split == "validation":
            return test, test + validation
        return test + validation, end


class WorldSource(Protocol):
    """Gives the worlds of a scenario; equal arguments give equal worlds."""

    @property
    def name(self) -> str:
        """Name of the scenario."""

    @property
    def track(self) -> Track:
        """Kind of decision."""

    @property
    def fleet(self) -> Fleet:
        """The QPUs that every world has."""

    @property
    def splits(self) -> Splits:
        """Which replicates there are."""

    def __call__(self, split: Split, index: int) -> tuple[Scenario, Streams]:
        """Draw a world of a split, counted from 0 within it.

        Raises:
            InputError: the split has fewer worlds.
        """


def checked_world(source: WorldSource, split: Split, index: int) -> tuple[Scenario, Streams]:
    """Draw a world and check that it is what the source promises.

    Raises:
        InputError: another track or fleet than the source states, or no task at all.
    """
    scenario, streams = source(split, index)
    where = f"world {index} of split {split} of {source.name}"
    if scenario.track != source.track:
        raise InputError(f"{where}: track {scenario.track}; the source states {source.track}")
    if scenario.fleet != source.fleet:
        raise InputError(
            f"{where}: fleet {scenario.fleet.name} ({', '.join(scenario.fleet.names)}); the source "
            f"states {source.fleet.name} ({', '.join(source.fleet.names)})"
        )
    if not len(scenario.workload):
        raise InputError(f"{where}: has no jobs, so there is nothing to decide")
    return scenario, streams


EMPTY_WORLDS = 100
"""Worlds without a decision that are passed over in a row before that is an error."""


def empty_world(source: WorldSource, split: Split, index: int) -> InputError:
    """Return what is wrong with a world that asks for no decision."""
    return InputError(
        f"world {index} of split {split} of {source.name}: asks for no decision, so that there is "
        "nothing to learn; take another scenario"
    )


BEGINNINGS = 1 << 20
"""Steps in which the beginning of an episode within its world is drawn."""


def drawn_index(seed: int, episode: int, count: int) -> int:
    """Return which world of a split an episode takes: a hash of seed and episode below `count`.

    Plain arithmetic within 63 bits, so that the kernels compile it as it stands: environment `i`
    of a vector environment seeded with `s` sees the worlds of a single one seeded with `s + i`.

    Args:
        seed: of the environment, not negative.
        episode: counted from 0 since the seed was set.
        count: how many worlds are drawn from.
    """
    mixed = (seed & 0x7FFFFFFF) * 0x1E3779B1 + (episode & 0x7FFFFFFF) * 0x45EBCA77
    mixed += (seed >> 31) * 0x165667B1  # the rest of the 63 bits
    mixed = (mixed ^ (mixed >> 31)) & 0x7FFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 0x2C1B3C6D) & 0x7FFFFFFF
    mixed = ((mixed ^ (mixed >> 12)) * 0x297A2D39) & 0x7FFFFFFF
    mixed = mixed ^ (mixed >> 15)
    return mixed % count
