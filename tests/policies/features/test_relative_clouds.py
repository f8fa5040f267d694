"""Whole clouds in which everything takes longer: relative observations of all tracks stay."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_clouds import BACKFILL, FIFO, PLACEMENT, PULL, hybrid_workload, make_cloud, make_fleet
from tiny_clouds import make_workload as single_tasks

from qcbench.cloud.rules import ClassicalPoolRules
from qcbench.physics.config import GivenTime, Links, Noiseless, PhysicsConfig
from qcbench.policies.features.observer import observer
from qcbench.tracks import TRACKS, Track, learned_tracks

DISPATCH = {"placement": [PLACEMENT], "allocation": [FIFO, BACKFILL], "queueing": [PULL]}
SHORT_S = st.floats(1.0, 10.0)
TIMES = st.one_of(st.just(1.0), SHORT_S, st.floats(10.0, 1e4))
WIDEST = 8


@st.composite
def clouds(draw: Any, track: Track) -> Any:
    """What a cloud is made of: gaps and phases of jobs, widths, how tasks meet QPUs."""
    count = draw(st.integers(1, 12))
    qubits = [WIDEST, *draw(st.lists(st.integers(2, WIDEST), max_size=3))]
    gaps = draw(st.lists(st.one_of(st.just(0.0), TIMES), min_size=count, max_size=count))
    most = sum(qubits) if track == "allocation" else WIDEST
    executions = draw(st.integers(1, 3)) if track == "queueing" else 1
    phases = [
        [("cq"[q], draw(TIMES)) for _ in range(executions) for q in (0, 1)] for _ in range(count)
    ]
    widths = draw(
        st.lists(st.integers(1, most), min_size=count * executions, max_size=count * executions)
    )
    return qubits, np.cumsum(gaps), phases, widths, draw(st.sampled_from(DISPATCH[track]))


def choose(track: Track, view: Any, rng: np.random.Generator) -> Any:
    """Decide somehow, by a number that times have no part in."""
    drawn = rng.random()
    if track == "queueing":
        return int(drawn * len(view.waiting))
    if track == "placement":
        fits = np.flatnonzero(view.feasible)
        return int(fits[int(drawn * len(fits))])
    if view.running and drawn < 0.2:
        return None
    split, left = {}, view.task_qubits
    for qpu, free in enumerate(view.free_qubits.tolist()):
        taken = min(free, left)
        if taken:
            split[qpu] = taken
        left -= taken
    return split if left == 0 else None


def watched(track: Track, made: Any, factor: float) -> np.ndarray:
    """Return all observations where every time is so many times as long."""
    qubits, arrival_s, phases, widths, dispatch = made
    scaled = [[(kind, factor * time_s) for kind, time_s in job] for job in phases]
    if track == "queueing":
        workload = hybrid_workload(factor * arrival_s, scaled)
        workload.tasks.qubits[:] = widths
    else:
        workload = single_tasks(factor * arrival_s, [job[1][1] for job in scaled], widths)
    fleet = make_fleet(*qubits)
    watcher = observer(track, fleet, observation="relative", slots=4)
    rng, seen = np.random.default_rng(0), []

    def decide(view: Any) -> Any:
        out = [np.nan] * watcher.layout.size(watcher.items)
        watcher.observe(view, out)
        seen.append(out)
        return choose(track, view, rng)

    physics = PhysicsConfig(
        time=GivenTime(), fidelity=Noiseless(), links=Links(time_per_qubit_s=0.5 * factor)
    )
    pool = ClassicalPoolRules(workers=1, speed=1.0)
    make_cloud(workload, fleet, decide, dispatch, physics=physics, classical=pool).run()
    return np.array(seen)


def test_all_learned_tracks_have_it() -> None:
    assert all("relative" in TRACKS[track].observations for track in learned_tracks())


@pytest.mark.parametrize("track", learned_tracks())
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_all_times_of_a_cloud_multiplied_look_the_same(track: Track, data: Any) -> None:
    """Powers of two, so that not a bit of what happens is another."""
    made = data.draw(clouds(track))
    factor = 2.0 ** data.draw(st.integers(0, 20))
    seen = watched(track, made, 1.0)
    assert len(seen) >= len(made[3])
    # A billionth of a second is added to what is divided.
    np.testing.assert_allclose(watched(track, made, factor), seen, rtol=1e-6, atol=1e-8)
