"""What a stored replay has measured."""

from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.errors import InputError
from qcbench.fleet.load import load_fleet
from qcbench.hardware.gap.analysis import Gap, analyse
from qcbench.hardware.manifest import ReplayFolder, find_replay

if TYPE_CHECKING:
    import polars as pl


def read_table(path: Path) -> "pl.DataFrame":
    """Read the table of a replay.

    Raises:
        InputError: it is not there or cannot be read.
    """
    import polars as pl  # noqa: PLC0415

    if not path.is_file():
        raise InputError(f"{path}: is not there; run the same `qcbench replay` again to its end")
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: is no Parquet file, or a torn one ({error})") from error


def gap_of(
    name: str | None, replays_dir: str = "replays", seed: int = 0
) -> tuple[ReplayFolder, "pl.DataFrame", Gap]:
    """Return a replay by name, its table and its gap.

    Raises:
        InputError: there is no such replay, or it is not at its end.
    """
    replay = find_replay(name, replays_dir)
    table = read_table(replay.table)
    return replay, table, analyse(table, load_fleet(replay.config.scenario.fleet), seed)
