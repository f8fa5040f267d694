"""The observation `allocation-2`: in range, the same compiled, and without units of its own."""

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.kernels.compiling import called
from qcbench.policies.features import allocation_relative, allocation_survey, relative
from qcbench.policies.features.allocation_relative import LAYOUT

for formula in (
    *allocation_survey.FORMULAS,
    *relative.FORMULAS,
    *allocation_relative.FORMULAS,
):
    called(formula)
observe_compiled = numba.njit(error_model="numpy")(allocation_relative.observe)
TINY_S = 1e-6


def times(least: float) -> st.SearchStrategy[float]:
    return st.one_of(st.just(0.0), st.floats(least, 1e7))


shares = st.floats(0.0, 1.0)


@st.composite
def decisions(draw: Any, least: float = TINY_S) -> Any:
    """Some decisions of one episode: QPUs, their qubits, and what each decision is given.

    Times are 0 or not shorter than one.
    """
    qpus = draw(st.integers(1, 5))
    column = lambda values: draw(st.lists(values, min_size=qpus, max_size=qpus))  # noqa: E731
    qubits, now_s, row, found = column(st.integers(1, 160)), 0.0, 0, []
    for _ in range(draw(st.integers(1, 5))):
        now_s += draw(times(least))
        row += draw(st.integers(0, 3))
        clock = now_s, row, now_s * draw(st.sampled_from([0.0, 0.5, 1.0]))
        counts = draw(st.integers(1, 5000)), draw(st.integers(0, 50))
        width, depth, gates = (
            draw(st.integers(least, most))
            for least, most in ((1, sum(qubits)), (0, 10**6), (0, 10**6))
        )
        free = [draw(st.integers(0, width_of)) for width_of in qubits]
        task = (width, depth, gates, draw(shares))
        figures = column(times(least)), column(shares), column(times(least))
        found.append((clock, counts, task, free, figures))
    return qpus, qubits, found


@given(decisions())
@settings(max_examples=150, deadline=None)
def test_it_is_in_range_and_the_same_compiled(case) -> None:
    """The kernels keep all environments in one array: here each is the second of two."""
    qpus, qubits, found = case
    size, remembered = LAYOUT.size(qpus), LAYOUT.memory(qpus)
    memory, other = [0.0] * remembered, np.zeros(2 * remembered)
    low, high = LAYOUT.bounds(qpus)
    for clock, counts, task, free, figures in found:
        plain, out = [np.nan] * size, np.full(2 * size, np.nan, dtype=np.float32)
        allocation_relative.observe(
            qpus, *clock, *counts, *task, free, 0, *figures, 0, qubits, 0, memory, 0, plain, 0
        )
        twice = [np.array(2 * each) for each in figures]
        observe_compiled(
            qpus, *clock, *counts, *task, np.array(2 * free), qpus, *twice, qpus,
            np.array(2 * qubits), qpus, other, remembered, out, size,
        )  # fmt: skip
        np.testing.assert_array_equal(out[size:], np.array(plain, dtype=np.float32))
        np.testing.assert_array_equal(other[remembered:], memory)
        assert np.isnan(out[:size]).all()
        assert not other[:remembered].any()
        for name, value, least, most in zip(LAYOUT.names(qpus), plain, low, high, strict=True):
            assert least <= value <= most, (name, value)


@given(decisions(least=1.0), st.floats(1.0, 1e6))
@settings(max_examples=100, deadline=None)
def test_all_times_multiplied_look_the_same(case, factor: float) -> None:
    qpus, qubits, found = case

    def seen(by: float) -> np.ndarray:
        memory, rows = [0.0] * LAYOUT.memory(qpus), []
        for (now_s, row, arrival_s), counts, (*task, link_s), free, figures in found:
            exec_s, *others = figures
            exec_s = [by * (1.0 + time_s) for time_s in exec_s]
            out = [np.nan] * LAYOUT.size(qpus)
            allocation_relative.observe(
                qpus, by * now_s, row, by * arrival_s, *counts, *task, by * link_s, free, 0,
                exec_s, *others, 0, qubits, 0, memory, 0, out, 0,
            )  # fmt: skip
            rows.append(out)
        return np.array(rows)

    np.testing.assert_allclose(seen(factor), seen(1.0), rtol=1e-6, atol=1e-8)


def stream(count: int, times: int = 1) -> tuple[dict[str, float], list[float]]:
    """Return the last observation of a stream of tasks, each asked about so many times."""
    rng = np.random.default_rng(2)
    memory, out, now_s = [0.0] * LAYOUT.memory(2), [0.0] * LAYOUT.size(2), 0.0
    for row in range(count):
        now_s += rng.exponential(10.0)
        for again in range(times):
            allocation_relative.observe(
                2, now_s + again, row, now_s, 3, 2, 30, 8, 40, 0.02, [20, 0], 0,
                [6.0, 12.0], [0.5, 0.25], [1.0, 2.0], 0, [40, 80], 0, memory, 0, out, 0,
            )  # fmt: skip
    return dict(zip(LAYOUT.names(2), out, strict=True)), memory


def test_it_knows_the_load() -> None:
    seen, _ = stream(400)
    # Executions of 10 s on average over the qubits, on a quarter of them, every 10 s.
    assert seen["load"] / (1.0 - seen["load"]) == pytest.approx(0.25, rel=0.2)
    assert seen["width"] == pytest.approx(0.25)
    assert seen["fastest"] == pytest.approx(6.0 / 16.0)
    assert [seen["execution.0"], seen["execution.1"]] == pytest.approx([6 / 16, 12 / 22])
    assert seen["backlog"] == pytest.approx(7.5 / 17.5)  # three tasks of a quarter of 10 s
    assert (seen["layers"], seen["gates"]) == pytest.approx((0.5, 0.5))
    assert (seen["waited"], seen["variance"]) == pytest.approx((0.0, 0.0), abs=1e-6)
    later, _ = stream(4000)
    assert later["load"] == pytest.approx(seen["load"], abs=0.05)  # nothing grows with time


def test_who_waits_is_not_counted_again() -> None:
    (seen, memory), (again, same) = stream(20), stream(20, times=3)
    assert memory == same
    assert memory[relative.SEEN] == memory[allocation_relative.ARRIVED] == 20
    assert again["waited"] == pytest.approx(2.0 / 12.0)
    assert seen["load"] == again["load"]
