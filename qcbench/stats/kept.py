"""A summary as a file beside the run that it is of, so that nobody resamples the same run twice."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import polars as pl

from qcbench.sources import source_hash
from qcbench.stats.fronts import Fronts
from qcbench.stats.summary import Summary

MAKERS = ("qcbench.stats.gaps", "qcbench.stats.summary", __name__)
"""Modules that turn trials into a summary, and that into a file."""

FRAMES = ("scenarios", "overall", "means")
FRAMES_OF_FRONTS = ("scenarios", "policies", "attainment")


def key_of(results: str, **arguments: Any) -> str:
    """Return what a summary depends on, as one word.

    Args:
        results: stands for the trials, such as a hash of their files.
        arguments: of `summarise`.
    """
    parts = {"results": results, "code": _code(), **arguments}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _code() -> str:
    """Return a word for everything that turns trials into numbers."""
    return f"{np.__version__} {pl.__version__} {source_hash(*MAKERS)}"


def to_text(summary: Summary, key: str) -> str:
    """Return a summary as JSON, with every bit of its numbers."""
    return json.dumps({"key": key} | _written(summary))


def _written(record: Summary | Fronts) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, pl.DataFrame):
            kinds = {name: str(kind) for name, kind in value.schema.items()}
            value = {"kinds": kinds, "columns": value.to_dict(as_series=False)}
        data[field.name] = _written(value) if isinstance(value, Fronts) else value
    return data


def from_text(text: str, key: str) -> Summary | None:
    """Return the summary in a text of `to_text`; None where it is another one's, or damaged."""
    try:
        data = json.loads(text)
        if data.pop("key") != key:
            return None
        for name in FRAMES:
            data[name] = _frame(data[name])
        if (fronts := data["fronts"]) is not None:
            frames = {name: _frame(fronts[name]) for name in FRAMES_OF_FRONTS}
            data["fronts"] = Fronts(goals=tuple(fronts["goals"]), **frames)
        return Summary(**data)
    except (ValueError, TypeError, KeyError, AttributeError, pl.exceptions.PolarsError):
        return None


def _frame(data: Mapping[str, Any]) -> pl.DataFrame:
    kinds = {column: getattr(pl, kind) for column, kind in data["kinds"].items()}
    return pl.DataFrame(data["columns"], schema=kinds)
