"""Sums of floating-point numbers are the same on every version of Python."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcbench.physics.communication import chain_time_s
from qcbench.sums import added

NUMBERS = st.lists(st.floats(-1e9, 1e9), max_size=30)


@given(numbers=NUMBERS)
def test_numbers_are_added_one_after_the_other(numbers: list[float]) -> None:
    total = 0.0
    for number in numbers:
        total += number
    assert added(numbers) == total
    assert isinstance(added(iter(numbers)), float)


def test_what_rounding_loses_is_lost_as_in_compiled_code() -> None:
    """From Python 3.12 on `sum` has 1.0 and 7.540000000000001 here."""
    assert added([0.1] * 10) == 0.9999999999999999
    assert chain_time_s([48, 47, 47, 47, 47]) == 7.54


@pytest.mark.parametrize("room", ["cloud", "envs", "physics", "policies", "workload", "kernels"])
def test_rooms_of_the_simulation_add_up_no_seconds_by_the_built_in_sum(
    root: Path, room: str
) -> None:
    """As far as names tell: what ends in _s, and prices, are floating-point numbers."""
    found = []
    for file in sorted((root / "qcbench" / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "sum":
                if any(isinstance(part, ast.Compare) for part in ast.walk(node)):
                    continue  # it counts
                names = [getattr(part, "attr", getattr(part, "id", "")) for part in ast.walk(node)]
                if any(name.endswith("_s") for name in names):
                    found.append(f"{file.name}:{node.lineno}")
    assert found == []
