"""The catalogue of IBM devices: every figure a model may need, from packaged calibrations.

The table is JSON Lines because reading it takes a few milliseconds with the standard library alone,
where importing a Parquet reader takes longer than a whole simulation may.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from qcbench.errors import InputError, nearest
from qcbench.fleet.profile import QpuProfile

if TYPE_CHECKING:
    import polars as pl

CATALOGUE_PATH = Path(__file__).resolve().parent.parent / "data" / "catalogue.jsonl"
"""The packaged table; `qcbench fleet build` rebuilds it."""

_PROFILE_FIELDS = tuple(field.name for field in fields(QpuProfile))


@cache
def catalogue_rows() -> tuple[Mapping[str, Any], ...]:
    """Return the table's rows, all columns, sorted by name; see docs/fleets.md for the columns."""
    with CATALOGUE_PATH.open(encoding="ascii") as lines:
        return tuple(MappingProxyType(json.loads(line)) for line in lines)


def _profile(row: Mapping[str, Any]) -> QpuProfile:
    known = {name: row[name] for name in _PROFILE_FIELDS if row[name] is not None}
    known["coupling"] = tuple((a, b) for a, b in row["coupling"])
    known["basis_gates"] = tuple(row["basis_gates"])
    known["flags"] = tuple(row["flags"])
    return QpuProfile(**known)


@cache
def catalogue() -> Mapping[str, QpuProfile]:
    """Return the profile of every device, by name, in alphabetical order; read-only."""
    return MappingProxyType({row["name"]: _profile(row) for row in catalogue_rows()})


@cache
def _names() -> Mapping[str, str]:
    """Return the catalogue's name by the names a device is known under."""
    own = {row["name"]: row["name"] for row in catalogue_rows()}
    return MappingProxyType({row["backend"]: row["name"] for row in catalogue_rows()} | own)


def device(name: str) -> QpuProfile:
    """Return a device by the catalogue's name (`kolkata`) or by IBM's (`ibmq_kolkata`).

    Raises:
        InputError: there is no such device; the message names the nearest.
    """
    known = _names()
    if name not in known:
        raise InputError(f"device {name!r} is not in the catalogue{nearest(name, catalogue())}")
    return catalogue()[known[name]]


def catalogue_frame() -> "pl.DataFrame":
    """Return the whole table as a data frame, also the columns that profiles do not have."""
    import polars as pl  # noqa: PLC0415 - takes longer than everything else here together

    return pl.DataFrame([dict(row) for row in catalogue_rows()], infer_schema_length=None)
