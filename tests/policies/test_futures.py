"""Futures that are played in blocks have the totals of those that are played one by one."""

from itertools import product

import numpy as np
import pytest

from qcbench.policies.futures import (
    BLOCK,
    DRAWN,
    GAPS,
    HORIZON,
    SAMPLES,
    SOME,
    TAIL_S,
    play,
    play_each,
    room_of,
    stride_of,
    width_of,
)
from qcbench.policies.twins import Memory, PlacingInFull, memory

STEPS, TASKS = 5, 20


def drawn(qpus: int, samples: int, seed: int) -> tuple[PlacingInFull, Memory]:
    """Draw a decision, with ties and tasks that fit some QPUs only, and futures after it."""
    rng = np.random.default_rng(seed)
    exec_s = rng.integers(1, 6, (TASKS, qpus)).astype(float) * rng.choice([1.0, 0.1], (TASKS, 1))
    exec_s[rng.random((TASKS, qpus)) < 0.3] = np.inf
    exec_s[np.arange(TASKS), rng.integers(0, qpus, TASKS)] = 1.0
    whole = np.arange(qpus)
    view = PlacingInFull(
        qpus=qpus,
        now_s=7.5,
        free_at_s=rng.integers(0, 30, qpus).astype(float),
        state_at=0,
        exec_s=exec_s.reshape(-1),
        fidelity=exec_s,
        price=exec_s,
        task_at=0,
        violations=0,
        task_qubits=1,
        queue_length=whole,
        up=whole >= 0,
        qpu_qubits=whole,
        due_s=np.inf,
        value=1.0,
        to_come=STEPS,
    )
    futures = STEPS * samples
    most = max(room_of(qpus, samples), (1 + qpus) * qpus * samples)
    found = memory(whole=DRAWN + futures, real=GAPS + futures + most)
    found.whole[HORIZON], found.whole[SAMPLES], found.real[TAIL_S] = STEPS, samples, 11.0
    found.whole[DRAWN:] = qpus * rng.integers(0, TASKS, futures)
    gaps_s = rng.integers(0, 4, (STEPS, samples)) * 0.5
    found.real[GAPS : GAPS + futures] = np.cumsum(gaps_s, axis=0).reshape(-1)
    return view, found


@pytest.mark.parametrize(
    ("qpus", "samples"), [*product((1, 2, 5, 6, 7, 12), (17, 32)), (3, 33), (5, 128)]
)
def test_blocks_and_single_futures_have_equal_totals(qpus: int, samples: int) -> None:
    assert width_of(qpus, samples) >= qpus
    for seed in range(3):
        view, one = drawn(qpus, samples, seed)
        _, other = drawn(qpus, samples, seed)
        play_each(view, one)
        play(view, other)
        first, stride = GAPS + STEPS * samples, stride_of(qpus, samples)
        for qpu in np.flatnonzero(view.exec_s[:qpus] < np.inf).tolist():
            expected = one.real[first + qpu * samples :][:samples]
            found = other.real[first + qpu * stride :][:samples]
            assert expected.tobytes() == found.tobytes()


def test_what_fits_no_block_is_played_one_by_one() -> None:
    assert width_of(SOME + 1, BLOCK) == 0
    assert width_of(5, BLOCK // 2) == 0
    assert stride_of(5, 16) == 16
