"""Figures that are infinite or none, as JSON that every reader takes."""

import json
import math

from qcbench.finite import exact_row


def strictly(text: str) -> object:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


def test_an_exact_row_comes_back() -> None:
    row = {
        "a": math.inf,
        "b": -math.inf,
        "c": math.nan,
        "d": 0.1,
        "e": 2**62,
        "f": None,
        "g": "é\n",
    }
    assert strictly(exact_row(row)) == {**row, "c": None}


def test_an_exact_row_of_finite_figures_has_the_bytes_of_json() -> None:
    row = {"wait_s": 1.5e-9, "n": 3, "error": None, "policy": "x·y", "big": 1e300}
    assert exact_row(row) == json.dumps(row, separators=(",", ":"))
