"""Observers on running clouds: every observation in range, and what exported policies see."""

import time
from dataclasses import replace

import numpy as np
import pytest

from qcbench.cloud.cloud import Cloud
from qcbench.envs.defaults import default_worlds
from qcbench.errors import InputError
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.features import placement
from qcbench.policies.features.observer import observer
from qcbench.policies.protocol import PolicyContext

USUAL = {"placement": "earliest_completion", "allocation": "speed", "queueing": "weighted"}


def watched(track, **options):
    """Run a world; return observations and masks of all decisions."""
    source = default_worlds(track)
    if track == "queueing":  # more jobs in less time
        arrivals = replace(source.workload.arrivals, interval_s=60.0)
        source = replace(
            source,
            rules=replace(source.rules, horizon_s=2500.0),
            workload=replace(source.workload, arrivals=arrivals),
        )
    scenario, streams = source("test", 0)
    rng = np.random.default_rng(0)
    decide = registry.make(
        track, PolicyConfig(name=USUAL[track]), PolicyContext(scenario.fleet, rng)
    )
    observe = observer(track, scenario.fleet, **options)
    seen, masks, spent = [], [], []

    def watching(view):
        out = [np.nan] * observe.layout.size(observe.items)
        mask = [-1] * observe.items
        start = time.perf_counter()
        observe.observe(view, out)
        observe.mask(view, mask)
        spent.append(time.perf_counter() - start)
        seen.append(out)
        masks.append(mask)
        return decide(view)

    Cloud(scenario, watching, streams).run()
    return observe, np.array(seen, dtype=np.float32), np.array(masks), float(np.median(spent))


@pytest.mark.parametrize(
    ("track", "options"),
    [
        ("placement", {}),
        ("placement", {"observation": "relative"}),
        ("placement", {"observation": "legacy"}),
        ("placement", {"observation": "deadlines"}),
        ("allocation", {}),
        ("allocation", {"observation": "relative"}),
        ("allocation", {"observation": "deadlines"}),
        ("queueing", {}),
        ("queueing", {"slots": 3}),
        ("queueing", {"observation": "relative"}),
        ("queueing", {"observation": "deadlines"}),
    ],
    ids=str,
)
def test_observations_of_a_whole_world_are_in_range(track, options) -> None:
    observe, seen, masks, _ = watched(track, **options)
    low, high = observe.layout.bounds(observe.items)
    assert (seen >= np.array(low, np.float32)).all()
    assert (seen <= np.array(high, np.float32)).all()
    assert set(np.unique(masks)) <= {0, 1}
    assert (masks.sum(axis=1) > 0).all()
    if not options:
        # Nothing is constant that matters: most features take several values within a world.
        assert (np.ptp(seen, axis=0) > 0).mean() > 0.5


def test_a_placement_is_observed_within_a_fraction_of_a_decision() -> None:
    """A learned decision may take 50 microseconds in all; here 30 are left on a busy machine."""
    # By turns, and the least of each: the machine may be slower for one than for the other.
    turns = [
        (watched("placement")[-1], watched("placement", observation="relative")[-1])
        for _ in range(6)
    ]
    usual, relative = (min(times) for times in zip(*turns, strict=True))
    assert usual < 30e-6
    # Seen in one run: once and a half times the usual.
    assert relative < 2.5 * usual


def test_the_elapsed_times_are_of_this_episode() -> None:
    observe, seen, _, _ = watched("placement")
    gap = seen[:, observe.layout.shared_index("gap")].astype(float)
    elapsed = seen[:, observe.layout.shared_index("elapsed")].astype(float)
    gap_s = placement.GAP_SCALE_S * gap / (1 - gap)
    elapsed_s = placement.ELAPSED_SCALE_S * elapsed / (1 - elapsed)
    np.testing.assert_allclose(np.cumsum(gap_s), elapsed_s, rtol=1e-4, atol=1e-4)
    assert gap_s[0] == elapsed_s[0] == 0.0


def test_what_cannot_be_observed_is_refused() -> None:
    fleet = default_worlds("queueing").fleet
    with pytest.raises(InputError, match="QPU qpu-0 has no clops_v"):
        observer("placement", fleet, observation="legacy")
    with pytest.raises(InputError, match="legacy is of track placement"):
        observer("queueing", fleet, observation="legacy")
    with pytest.raises(InputError, match="track partition: has no observation"):
        observer("partition", fleet)
