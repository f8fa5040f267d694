"""Rows that are JSON text, read as columns.

Python's reader makes an object of every value, which takes ten times as long as the numbers do.
Here rows of one shape, with the same names in the same order as those of one track have, are cut
where a name begins, and every column of pieces becomes numbers at once. A piece that does not begin
with its name, or whose value is no plain number or text, sends its block to Python's reader, which
is right about anything; so nothing depends on what a row looks like but the time.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from qcbench.arrays import IntArray
from qcbench.errors import InputError

Part = tuple[pl.DataFrame, IntArray]
"""Some rows as columns of integers, floats, text or nothing at all, and where each row was."""

SHAPES = 8
"""Kinds of rows in a block that are worth looking for."""
DTYPES: dict[type, Any] = {int: pl.Int64, str: pl.String, float: pl.Float64}


def parts_of(texts: pl.Series) -> list[Part]:
    """Return rows as columns, those of one shape after the other, by their first rows.

    Args:
        texts: rows from `exact_row`.

    Raises:
        InputError: a metric that is text in one of these and a number in another.
    """
    places = np.arange(len(texts), dtype=np.int64)
    parts: list[Part] = []
    left = texts
    while len(left):
        found = _of_first_shape(left) if len(parts) < SHAPES else None
        if found is None:
            return [(_by_python(texts), np.arange(len(texts), dtype=np.int64))]
        part, taken = found
        here = taken.to_numpy()
        parts.append((part, places[here]))
        places, left = places[~here], left.filter(~taken)
    return parts


def conflict(name: str, kinds: Mapping[Any, str]) -> None:
    """Raise an `InputError` where a metric has text and numbers.

    Args:
        name: of the metric.
        kinds: types of its values, each with a trial that has one.
    """
    if pl.String in kinds and len(kinds) > 1:
        number = next(kinds[kind] for kind in kinds if kind != pl.String)
        raise InputError(
            f"metric {name} is text in trial {kinds[pl.String]} and a number in trial "
            f"{number}; a metric has one type"
        )


def _of_first_shape(texts: pl.Series) -> tuple[pl.DataFrame, pl.Series] | None:
    """Return the columns of the rows that are like the first one, and which rows these are."""
    names = list(json.loads(texts[0]))
    # In JSON a quotation mark within text has a backslash before it, so that a comma and a
    # quotation mark are where a name begins, or text ends with a comma: then a piece is amiss.
    pieces = texts.str.splitn(',"', len(names)).struct.unnest().get_columns()
    heads = [
        ("" if place else '{"') + json.dumps(name)[1:] + ":" for place, name in enumerate(names)
    ]
    taken = pieces[-1].is_not_null() & ~pieces[-1].str.contains(',"', literal=True)
    for piece, head in zip(pieces, heads, strict=True):
        taken &= piece.str.starts_with(head).fill_null(value=False)
    if not taken[0]:
        return None
    columns = []
    for name, piece, head in zip(names, pieces, heads, strict=True):
        values = piece if taken.all() else piece.filter(taken)
        values = values.str.slice(len(head))
        if name == names[-1]:
            values = values.str.strip_suffix("}")
        column = _column(values)
        if column is None:
            return None
        columns.append(column.alias(name))
    return pl.DataFrame(columns), taken


def _column(texts: pl.Series) -> pl.Series | None:
    """Return values that are JSON text; None where they are not of one kind."""
    texts = texts.set(texts == "null", None)
    absent = texts.null_count()
    if absent == len(texts):
        return pl.Series([None] * len(texts), dtype=pl.Null)
    first = texts[texts.is_not_null().arg_max() or 0]
    if first.startswith('"'):
        if not (texts.str.starts_with('"') & texts.str.ends_with('"')).all():
            return None
        if texts.str.contains("\\", literal=True).any():
            return pl.Series(json.loads(f"[{','.join(texts.fill_null('null'))}]"), dtype=pl.String)
        return texts.str.slice(1).str.strip_suffix('"')
    if not {".", "e"} & set(first):
        whole = texts.cast(pl.Int64, strict=False)
        if whole.null_count() == absent:
            return whole
    numbers = texts.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == absent else None


def _by_python(texts: pl.Series) -> pl.DataFrame:
    """Return rows of any shapes, columns in first-seen order."""
    rows: list[dict[str, Any]] = json.loads(f"[{','.join(texts)}]")
    names = dict.fromkeys(name for shape in dict.fromkeys(map(tuple, rows)) for name in shape)
    ids = [row["trial_id"] for row in rows]
    return pl.DataFrame([_of_any_kind(name, [r.get(name) for r in rows], ids) for name in names])


def _of_any_kind(name: str, values: Sequence[Any], trial_ids: Sequence[str]) -> pl.Series:
    types = list(map(type, values))
    kinds = {DTYPES[kind]: trial_ids[types.index(kind)] for kind in set(types) - {type(None)}}
    conflict(name, kinds)
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if len(kinds) > 1:
        values = [None if value is None else float(value) for value in values]
        return pl.Series(name, values, dtype=pl.Float64)
    return pl.Series(name, values, dtype=next(iter(kinds)))
