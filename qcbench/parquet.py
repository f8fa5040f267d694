"""Parquet files are read here: a path is a path.

Polars takes a path for a pattern (`runs[1]` is `runs1` to it), for a home (`~name`) or for a URL
(`file:/x`), so it is given open files, or paths that it takes as they are.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


def frame_at(path: Path, columns: Sequence[str] | None = None) -> "pl.DataFrame":
    """Return what a Parquet file holds, or some columns of it.

    Raises:
        OSError: it cannot be read.
        Exception: whatever Polars says of a file that is none, even a panic of its Rust code.
    """
    import polars as pl  # noqa: PLC0415 - takes longer than many commands

    with path.open("rb") as file:
        return pl.read_parquet(file, columns=_listed(columns))


def frame_in(data: bytes, columns: Sequence[str] | None = None) -> "pl.DataFrame":
    """Return what the bytes of a Parquet file hold, or some columns of it."""
    import polars as pl  # noqa: PLC0415

    return pl.read_parquet(BytesIO(data), columns=_listed(columns))


def frames_at(paths: Sequence[Path], columns: Sequence[str]) -> "pl.DataFrame":
    """Return some columns of many files under each other, quicker than one after the other.

    Raises:
        Exception: as `frame_at`.
    """
    import polars as pl  # noqa: PLC0415

    names = [str(path.absolute()) for path in paths]
    if all(map(_is_text, names)):
        return pl.read_parquet(names, columns=_listed(columns), glob=False)
    return pl.concat([frame_at(path, columns) for path in paths])


def schema_at(path: Path) -> Mapping[str, Any]:
    """Return the columns of a Parquet file and their types.

    Raises:
        Exception: as `frame_at`.
    """
    import polars as pl  # noqa: PLC0415

    with path.open("rb") as file:
        return pl.read_parquet_schema(file)


def _listed(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(columns)


def _is_text(name: str) -> bool:
    """Whether a name can be told to a library that takes text alone."""
    return not any("\udc80" <= letter <= "\udcff" for letter in name)
