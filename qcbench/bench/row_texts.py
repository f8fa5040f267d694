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


def of_one_shape(texts: pl.Series) -> pl.DataFrame | None:
    """Return rows as columns where all have the same names in the same order; None elsewhere."""
    found = _of_first_shape(texts)
    return found[0] if found is not None and found[1].all() else None


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
    """Return the columns of the rows that are like the first one, and which rows these are.

    What is asked of all columns is asked at once: one question takes Polars 0.1 ms besides what it
    takes to answer it.
    """
    names = list(json.loads(texts[0]))
    # In JSON a quotation mark within text has a backslash before it, so that a comma and a
    # quotation mark are where a name begins, or text ends with a comma: then a piece is amiss.
    cut = texts.to_frame("row").select(pl.col("row").str.splitn(',"', len(names)).struct.unnest())
    pieces = [pl.col(piece) for piece in cut.columns]
    heads = [
        ("" if place else '{"') + json.dumps(name)[1:] + ":" for place, name in enumerate(names)
    ]
    alike = [piece.str.starts_with(head) for piece, head in zip(pieces, heads, strict=True)]
    alike.append(~pieces[-1].str.contains(',"', literal=True))
    alike = [expected.fill_null(value=False) for expected in alike]
    if all(cut.select(each.all().alias(str(n)) for n, each in enumerate(alike)).row(0)):
        taken = pl.repeat(value=True, n=cut.height, eager=True)
    else:
        taken = cut.select(pl.all_horizontal(alike)).to_series()
        if not taken[0]:
            return None
        cut = cut.filter(taken)
    values = [piece.str.slice(len(head)) for piece, head in zip(pieces, heads, strict=True)]
    values[-1] = values[-1].str.strip_suffix("}")
    columns = _columns(cut.select(values))
    if columns is None:
        return None
    named = [each.alias(name) for each, name in zip(columns, names, strict=True)]
    return pl.DataFrame(named), taken


def _columns(texts: pl.DataFrame) -> list[pl.Series] | None:
    """Return values that are JSON text, a column each; None where one is not of one kind."""
    names = texts.columns
    absent = dict(zip(names, texts.select((pl.all() == "null").sum()).row(0), strict=True))
    firsts = {name: _first(texts.get_column(name), absent[name]) for name in names}
    marked = [name for name in names if firsts[name].startswith('"')]
    found = _unmarked(texts, marked)
    if found is None:
        return None
    left = [name for name in names if firsts[name] and name not in found]
    whole = [name for name in left if not {".", "e"} & set(firsts[name])]
    for kind, some in ((pl.Int64, whole), (pl.Float64, left)):
        tried = [pl.col(name).cast(kind, strict=False) for name in some if name not in found]
        numbers = texts.select(tried)
        for column in numbers.iter_columns():
            if column.null_count() == absent[column.name]:
                found[column.name] = column
    for name in names:
        if not firsts[name]:
            found[name] = pl.Series([None] * texts.height, dtype=pl.Null)
    return [found[name] for name in names] if len(found) == len(names) else None


def _first(texts: pl.Series, absent: int) -> str:
    """Return the first value that is not absent; empty where all are."""
    if absent == len(texts):
        return ""
    return str((texts.filter(texts != "null") if absent else texts)[0])


def _unmarked(texts: pl.DataFrame, names: Sequence[str]) -> dict[str, pl.Series] | None:
    """Return text without its quotation marks; None where something has none."""
    there = texts.select(
        pl.when(pl.col(name) != "null").then(pl.col(name)).alias(name) for name in names
    )
    marks = pl.all().str.starts_with('"') & pl.all().str.ends_with('"')
    if not all(there.select(marks.all()).row(0)):
        return None
    escaped = there.select(pl.all().str.contains("\\", literal=True).any()).row(0)
    bare = there.select(pl.all().str.slice(1).str.strip_suffix('"'))
    found = {name: bare.get_column(name) for name in names}
    for name, is_escaped in zip(names, escaped, strict=True):
        if is_escaped:
            text = ",".join(there.get_column(name).fill_null("null"))
            found[name] = pl.Series(json.loads(f"[{text}]"), dtype=pl.String)
    return found


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
