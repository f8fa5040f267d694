"""JSON as others read it: numbers that are not finite have no token there."""

import json
import math
from collections.abc import Mapping
from typing import Any


def finite(data: Any) -> Any:
    """Return plain data in which what is infinite or not a number is None, as in an empty cell."""
    if isinstance(data, Mapping):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def exact_row(row: Mapping[str, Any]) -> str:
    """Return a flat row as JSON from which every number comes back, also an infinite one.

    JSON has no infinity, but numbers of any size: 1e999 is one, and every reader that has 64 bits
    takes it for infinite. What is not a number is null.
    """
    cells = (f"{json.dumps(name)}:{_cell(value)}" for name, value in row.items())
    return "{" + ",".join(cells) + "}"


def _cell(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "null" if math.isnan(value) else ("1e999" if value > 0 else "-1e999")
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
