"""The observation `placement-2`: in range, the same compiled, and without units of its own."""

from math import inf

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcbench.kernels.compiling import called
from qcbench.policies.features import placement_relative, relative, survey
from qcbench.policies.features.placement_relative import LAYOUT

for formula in (*survey.FORMULAS, *relative.FORMULAS, *placement_relative.FORMULAS):
    called(formula)
observe_compiled = numba.njit(error_model="numpy")(placement_relative.observe)
times = st.one_of(st.just(0.0), st.floats(1e-6, 1e7))
shares = st.floats(0.0, 1.0)


@st.composite
def decisions(draw):
    """Some decisions of one episode: QPUs, their qubits, and what each decision is given."""
    qpus = draw(st.integers(1, 5))
    column = lambda values: draw(st.lists(values, min_size=qpus, max_size=qpus))  # noqa: E731
    qubits, now_s, found = column(st.integers(1, 160)), 0.0, []
    for _ in range(draw(st.integers(1, 5))):
        now_s += draw(times)
        width = draw(st.integers(1, max(qubits)))
        fits = [width <= q for q in qubits]
        exec_s = [t if fit else inf for t, fit in zip(column(times), fits, strict=True)]
        fidelity = [f if fit else 0.0 for f, fit in zip(column(shares), fits, strict=True)]
        price = [p if fit else inf for p, fit in zip(column(times), fits, strict=True)]
        state = column(st.one_of(st.just(-1.0), times)), column(st.integers(0, 30))
        up, tries = column(st.booleans()), draw(st.sampled_from([0, 0, 1, 30]))
        to_come = draw(st.sampled_from([0.0, 1.0, 1e6, inf]))
        first = (now_s, tries, width, to_come)
        found.append((first, (*state, up), (exec_s, fidelity, price)))
    return qpus, qubits, found


@given(decisions())
@settings(max_examples=150, deadline=None)
def test_it_is_in_range_and_the_same_compiled(case) -> None:
    """The kernels keep all environments in one array: here each is the second of two."""
    qpus, qubits, found = case
    size, remembered = LAYOUT.size(qpus), LAYOUT.memory(qpus)
    memory, other = [0.0] * remembered, np.zeros(2 * remembered)
    low, high = LAYOUT.bounds(qpus)
    for first, state, figures in found:
        plain, out = [np.nan] * size, np.full(2 * size, np.nan, dtype=np.float32)
        placement_relative.observe(
            qpus, *first, *state, 0, *figures, 0, qubits, 0, memory, 0, plain, 0
        )
        states = [np.array(2 * each) for each in state]
        twice = [np.array(2 * each) for each in figures]
        observe_compiled(
            qpus, *first, *states, qpus, *twice, qpus, np.array(2 * qubits), qpus,
            other, remembered, out, size,
        )  # fmt: skip
        np.testing.assert_array_equal(out[size:], np.array(plain, dtype=np.float32))
        np.testing.assert_array_equal(other[remembered:], memory)
        assert np.isnan(out[:size]).all()
        assert not other[:remembered].any()
        for name, value, least, most in zip(LAYOUT.names(qpus), plain, low, high, strict=True):
            assert least <= value <= most, (name, value)


def stream(scale: float, order: list[int], count: int = 300) -> np.ndarray:
    """Return the last observation of a stream in which the first QPU gets all tasks."""
    rng = np.random.default_rng(5)
    slow = np.array([1.0, 2.0, 8.0])
    memory, out = [0.0] * LAYOUT.memory(3), [0.0] * LAYOUT.size(3)
    now_s, free_s = 0.0, np.full(3, -1.0)
    for task in range(count):
        now_s += rng.exponential(2.0) * scale
        exec_s = rng.exponential(1.0) * slow * scale
        placement_relative.observe(
            3, now_s, 0, 4, count - 1 - task,
            free_s[order].tolist(), [0, 1, 2], [True] * 3, 0,
            exec_s[order].tolist(), [0.5] * 3, [1.0] * 3, 0, [5, 5, 5], 0, memory, 0, out, 0,
        )  # fmt: skip
        free_s[0] = max(free_s[0], now_s) + exec_s[0]
    return np.array(out)


def test_it_has_no_units_of_its_own() -> None:
    """Everything a thousand times as long looks the same, and no QPU is told by its place."""
    seen = stream(1.0, [0, 1, 2])
    np.testing.assert_allclose(stream(1000.0, [0, 1, 2]), seen, rtol=1e-4)
    names, shared = LAYOUT.names(3), len(LAYOUT.shared)
    table = seen[shared:].reshape(3, -1)
    turned = np.concatenate([seen[:shared], table[[2, 0, 1]].ravel()])
    counted = ("queue", "idle")  # which `stream` gives by place
    same = [at for at, name in enumerate(names) if name.split(".")[0] not in counted]
    np.testing.assert_allclose(stream(1.0, [2, 0, 1])[same], turned[same], rtol=1e-9)


def test_it_knows_the_load_and_who_is_wanted() -> None:
    seen = dict(zip(LAYOUT.names(3), stream(1.0, [0, 1, 2]), strict=True))
    load = seen["load"] / (1 - seen["load"])
    assert load == pytest.approx(1.0 / 2.0 / 3, rel=0.25)  # executions of 1 s, gaps of 2 s
    assert seen["demand.0"] > 0.7 > 0.2 > seen["demand.1"] > seen["demand.2"]
    assert seen["variance"] == pytest.approx(0.5, abs=0.1)  # exponential
    assert [seen[f"speed.{q}"] for q in range(3)] == pytest.approx([1.0, 0.5, 0.125], rel=1e-4)
    assert seen["to_come"] == 0.0


def test_what_comes_back_is_not_counted_again() -> None:
    memory, out = [0.0] * LAYOUT.memory(1), [0.0] * LAYOUT.size(1)
    for tries, seen in ((0, 1.0), (1, 1.0), (2, 1.0), (0, 2.0)):
        placement_relative.observe(
            1, 5.0 + tries, tries, 4, inf, [-1.0], [0], [True], 0, [2.0], [0.5], [1.0], 0, [5], 0,
            memory, 0, out, 0,
        )  # fmt: skip
        assert memory[relative.SEEN] == seen
        assert out[LAYOUT.shared_index("to_come")] == 1.0
