"""Rows as JSON from which every number comes back, infinite ones too; see `files.to_json`."""

import json
import math
from collections.abc import Mapping
from typing import Any


def exact_row(row: Mapping[str, Any]) -> str:
    """Return a flat row as JSON from which every number comes back, also an infinite one.

    JSON has no infinity, but numbers of any size: 1e999 is one, and every reader that has 64 bits
    takes it for infinite. What is not a number is null.
    """
    try:
        return json.dumps(row, separators=(",", ":"), allow_nan=False)
    except ValueError:
        pass  # a number is not finite
    cells = (f"{json.dumps(name)}:{_cell(value)}" for name, value in row.items())
    return "{" + ",".join(cells) + "}"


def _cell(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "null" if math.isnan(value) else ("1e999" if value > 0 else "-1e999")
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
