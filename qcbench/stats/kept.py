"""A summary as a file beside the run that it is of, so that nobody resamples the same run twice."""

import hashlib
import json
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from qcbench.stats.summary import Summary

FRAMES = ("scenarios", "overall", "means")


def key_of(results: str, **arguments: Any) -> str:
    """Return what a summary depends on, as one word.

    Args:
        results: stands for the trials, such as a hash of their files.
        arguments: of `summarise`.
    """
    parts = {"results": results, "code": _code(), **arguments}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@cache
def _code() -> str:
    """Return a hash of everything that turns trials into numbers."""
    found = hashlib.sha256(f"{np.__version__} {pl.__version__}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def to_text(summary: Summary, key: str) -> str:
    """Return a summary as JSON, with every bit of its numbers."""
    data: dict[str, Any] = {"key": key}
    for field in fields(summary):
        value = getattr(summary, field.name)
        if isinstance(value, pl.DataFrame):
            kinds = {name: str(kind) for name, kind in value.schema.items()}
            value = {"kinds": kinds, "columns": value.to_dict(as_series=False)}
        data[field.name] = value
    return json.dumps(data)


def from_text(text: str, key: str) -> Summary | None:
    """Return the summary in a text of `to_text`; None where it is another one's, or damaged."""
    try:
        data = json.loads(text)
        if data.pop("key") != key:
            return None
        for name in FRAMES:
            kinds = {column: getattr(pl, kind) for column, kind in data[name]["kinds"].items()}
            data[name] = pl.DataFrame(data[name]["columns"], schema=kinds)
        return Summary(**data)
    except (ValueError, TypeError, KeyError, AttributeError, pl.exceptions.PolarsError):
        return None
