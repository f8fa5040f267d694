"""The result table of a run made while its trials run, as far as nothing about it is special.

To read 100,000 results from their shards and to cut them into columns takes seconds after the last
trial. A process that writes all shards of a run itself has every row in its hands: it cuts them
while it waits for more, and keeps numbers, which take a quarter of the memory of their text.
Where a run was continued, a trial has failed or was run twice, or rows have different columns, the
shards are read as ever: the bytes are the same either way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from qcbench.bench import tables
from qcbench.bench.row_texts import of_one_shape
from qcbench.errors import InputError


@dataclass(frozen=True)
class Compacted:
    """What `tables` makes of a run that is done: a row a trial, in the order of the suite."""

    trials: pl.DataFrame
    timings: pl.DataFrame


class Gathered:
    """Rows of a run as they come."""

    def __init__(self) -> None:
        self._waiting: list[pl.DataFrame] = []
        self._parts: list[pl.DataFrame] = []
        self._timings: list[pl.DataFrame] = []
        self._usable = True

    def take(self, shard: pl.DataFrame) -> None:
        """Take in what a shard holds, see `tables.frame_of`; cut rows where there are many."""
        if not self._usable:
            return
        if not (shard.get_column("status") == "done").all():
            self._give_up()
            return
        self._waiting.append(shard.select("row"))
        self._timings.append(shard.select(tables.TIMING_COLUMNS))
        if sum(part.height for part in self._waiting) >= tables.BLOCK:
            self._cut()

    def compacted(self, order: Sequence[str]) -> Compacted | None:
        """Return the tables of the trials with these ids; None where the shards have to be read."""
        self._cut()
        if not self._parts:
            return None
        timings = pl.concat(self._timings)
        ids = timings.get_column("trial_id")
        wanted = pl.DataFrame({"trial_id": order}, schema={"trial_id": pl.String})
        here = ids.to_frame().with_row_index("place")
        places = wanted.join(here, on="trial_id", how="inner", maintain_order="left")["place"]
        if not len(order) == ids.n_unique() == len(ids) == len(places):
            return None
        try:
            trials = tables.joined(self._parts)
        except InputError:  # which trials it names depends on their order
            return None
        return Compacted(trials[places], timings[places])

    def _cut(self) -> None:
        """Make columns of the rows that wait."""
        if not self._waiting:
            return
        rows = pl.concat(self._waiting).get_column("row")
        self._waiting = []
        for begin in range(0, len(rows), tables.BLOCK):
            part = of_one_shape(rows.slice(begin, tables.BLOCK))
            if part is None or (self._parts and part.columns != self._parts[0].columns):
                self._give_up()
                return
            self._parts.append(part)

    def _give_up(self) -> None:
        self._usable = False
        self._waiting, self._parts, self._timings = [], [], []
