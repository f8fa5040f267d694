"""Published task files whose subsets differ in size: min(25, distinct) tasks each, in every engine.

What is right is worked out here from the rows alone: a mapping that is filled row by row, NumPy's
generator, and one sum a task.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcbench import api
from qcbench.bench.compose import compose_scenario
from qcbench.bench.environments import world_source
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.bench.worlds import splits_of
from qcbench.envs.registration import IDS
from qcbench.envs.worlds import SPLITS
from qcbench.errors import InputError
from qcbench.stats.load import sustainable_rate_per_s
from qcbench.workload.algorithms import ALGORITHMS
from qcbench.workload.config import BatchArrivals
from tests.envs.lockstep import lockstep
from tests.perf.qsimpy import measure
from tests.workload.workload_samples import PUBLISHED

HEADER = ",".join(
    ["subset", "algorithm"]
    + [f"{p}_{part}" for p in ("original", *PUBLISHED) for part in ("width", "depth", "gates")]
)
SIZES = (1, 3, 24, 25, 26, 26, 1, 25)
"""Distinct tasks of the subsets."""
REPEATS = {1: 2, 2: 2, 3: 1, 5: 4}
"""How many rows of a subset come again, with other depths."""
D1CPS = {"washington": 16957.5, "kolkata": 39900.0, "hanoi": 45885.0, "perth": 57855.0}
D1CPS["lagos"] = 53865.0
FAMILY = {"washington": 127, "kolkata": 27, "hanoi": 27, "perth": 7, "lagos": 7}

Row = tuple[int, str, int, dict[int, int]]


def rows_of(first: int) -> list[Row]:
    """Rows (subset, algorithm, width, depth by family); subsets count from `first`."""
    rng = np.random.default_rng(7)
    rows: list[Row] = []
    for place, size in enumerate(SIZES):
        every = [(name, width) for name in ALGORITHMS for width in range(2, 28)]
        chosen = [every[i] for i in rng.choice(len(every), size, replace=False)]
        again = [chosen[i] for i in rng.choice(size, REPEATS.get(place, 0))]
        for name, width in [*chosen, *again]:
            depth = {f: int(rng.integers(5, 900)) if width <= f else -1 for f in (7, 16, 27, 127)}
            rows.append((first + place, name, width, depth))
    return rows


def write(path: Path, rows: list[Row]) -> Path:
    lines = [HEADER]
    for subset, name, width, depth in rows:
        cells = [str(subset), name, str(width), "9", "{}"]
        for family, value in depth.items():
            cells += [str(family if value > 0 else -1), str(value), "{}"]
        lines.append(",".join(cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def expected(rows: list[Row], first: int) -> list[list[tuple[float, str, int, dict[int, int]]]]:
    """Arrival, algorithm, width and depths of what runs of each subset."""
    rng = np.random.default_rng(22)
    found = []
    for place in range(len(SIZES)):
        distinct: dict[tuple[str, int], dict[int, int]] = {}
        for subset, name, width, depth in rows:
            if subset == first + place:
                distinct[name, width] = depth
        assert len(distinct) == SIZES[place]
        minute = 60.0 * (place + 1)
        times = sorted(rng.uniform(minute + 0.1, minute + 59.9, len(distinct)).tolist())
        tasks = [(t, *key, depth) for t, (key, depth) in zip(times, distinct.items(), strict=True)]
        found.append(tasks[:25])
    return found


@pytest.fixture(params=[0, 1, 17], ids="first={}".format)
def first(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "tasks.csv", rows_of(0))


def here(path: Path) -> list[str]:
    return [f'workload.circuits.path="{path}"']


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_every_subset_is_served_by_the_scenario_as_it_stands(
    tmp_path: Path, first: int, engine: Any
) -> None:
    path = write(tmp_path / "tasks.csv", rows_of(first))
    for subset, tasks in enumerate(expected(rows_of(first), first)):
        records = api.simulate(
            "placement/qsimpy-file", seed=subset, overrides=here(path), engine=engine
        )
        assert len(records) == len(tasks) == min(25, SIZES[subset])
        assert records.arrival_s.tolist() == [task[0] for task in tasks]
        assert records.workload.tasks.algorithm == [task[1] for task in tasks]
        assert records.workload.tasks.qubits.tolist() == [task[2] for task in tasks]
        free_s = dict.fromkeys(D1CPS, 0.0)
        finishes = []
        for arrival_s, _, _, depth in tasks:
            ends = {
                qpu: max(arrival_s, free_s[qpu]) + 1024 * (depth[FAMILY[qpu]] / rate)
                for qpu, rate in D1CPS.items()
                if depth[FAMILY[qpu]] > 0
            }
            best = min(ends, key=lambda qpu: ends[qpu])
            free_s[best] = ends[best]
            finishes.append(ends[best])
        np.testing.assert_allclose(records.finish_s, finishes, rtol=1e-12)


@pytest.mark.parametrize("policy", ["round_robin", "greedy", "random"])
def test_engines_agree_on_short_subsets(path: Path, policy: str) -> None:
    for subset in range(4):
        both = [
            api.simulate(
                "placement/qsimpy-file", policy, subset, overrides=here(path), engine=engine
            )
            for engine in ("simpy", "compiled")
        ]
        for name in ("qpu", "start_s", "finish_s", "violations"):
            np.testing.assert_array_equal(getattr(both[0], name), getattr(both[1], name))


@pytest.mark.parametrize("split", SPLITS)
def test_episodes_are_as_long_as_their_subset(path: Path, split: Any) -> None:
    tasks = expected(rows_of(0), 0)
    source = world_source("placement/qsimpy-file", overrides=here(path))
    env = api.environment("placement/qsimpy-file", overrides=here(path), split=split)
    for index in range(source.splits.count(split)):
        subset = source.splits.replicate(split, index)
        seen, info = env.reset(options={"world": index})
        steps, ended = 0, False
        while not ended:
            seen, _, ended, truncated, info = env.step(int(seen["action_mask"].argmax()))
            steps += 1
            assert not truncated
        assert steps == info["done"] == len(tasks[subset])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"observation": "legacy", "reward": {"kind": "legacy"}},
        {"reward": {"kind": "hindsight"}, "masked": "error", "forbidden": 0.0, "rtol": 1e-9},
        {"same_step": True},
    ],
    ids=str,
)
def test_vector_and_single_environments_agree(path: Path, options: dict[str, Any]) -> None:
    source = world_source("placement/qsimpy-file", overrides=here(path))
    assert lockstep(IDS[0], source=source, **options) > 8


def test_hindsight_is_the_cost_against_earliest_completion(path: Path) -> None:
    def played(kind: str, world: int, rng: np.random.Generator | None) -> float:
        env: Any = api.environment(
            "placement/qsimpy-file",
            overrides=here(path),
            reward={"kind": kind, "time_scale_s": 1.0},
            masked="error",
        ).unwrapped
        seen, _ = env.reset(options={"world": world})
        total, ended = 0.0, False
        while not ended:
            allowed = np.flatnonzero(seen["action_mask"])
            if rng is not None:
                action = rng.choice(allowed)
            else:
                action = allowed[env._view.completion_s()[allowed].argmin()]
            seen, reward, ended, _, _ = env.step(int(action))
            total += reward
        return total

    for world in range(5):
        cost = played("cost", world, np.random.default_rng(world)) - played("cost", world, None)
        gained = played("hindsight", world, np.random.default_rng(world))
        assert gained == pytest.approx(cost, rel=1e-9, abs=1e-9)


def test_the_protocol_measures_all_subsets(path: Path) -> None:
    totals, violations = measure(str(path), "greedy")
    assert len(totals) == len(violations) == len(SIZES)


def test_what_no_subset_has_is_refused_and_other_settings_mean_at_most(path: Path) -> None:
    def count(replicate: int, *more: str) -> int:
        config = compose_scenario("placement/qsimpy-file", [*here(path), *more])
        return len(build_scenario(config, "s", replicate, 0).workload)

    assert [count(r) for r in range(len(SIZES))] == [min(25, n) for n in SIZES]
    assert [count(r, "workload.tasks=0") for r in range(len(SIZES))] == list(SIZES)
    assert [count(r, "workload.tasks=26") for r in range(len(SIZES))] == list(SIZES)
    assert [count(r, "workload.tasks=2") for r in range(len(SIZES))] == [min(2, n) for n in SIZES]
    with pytest.raises(InputError, match=r"tasks: 27; .*tasks\.csv has no subset of more than 26"):
        count(0, "workload.tasks=27")
    # With its duplicates kept, subset 2 has five rows and arrivals for three tasks.
    with pytest.raises(InputError, match=r"3 distinct tasks \(workload\.circuits\.duplicates"):
        count(1, "workload.circuits.duplicates=keep")
    kept = ["workload.circuits.duplicates=keep", "workload.arrivals={process: batch}"]
    assert [count(r, *kept) for r in range(4)] == [1, 5, 25, 25]


def test_other_arrivals_and_the_offered_load(path: Path) -> None:
    for process in ("{process: minute}", "{process: poisson, rate_per_s: 0.4}"):
        records = api.simulate(
            "placement/qsimpy-file",
            seed=1,
            overrides=[*here(path), f"workload.arrivals={process}"],
        )
        assert len(records) == 3
    config = compose_scenario("placement/qsimpy-file", here(path))
    by_25 = compose_scenario("placement/qsimpy-file", [*here(path), "workload.circuits.subset=3"])
    loads = []
    for each, worlds in ((config, range(len(SIZES))), (by_25, [0])):
        resolved = resolve_scenario(each, "s", 0)
        mix = replace(resolved, workload=replace(resolved.workload, arrivals=BatchArrivals()))
        exec_s = [build_scenario(mix, "s", k, 0).estimates.exec_s for k in worlds]
        assert resolved.offered_load is not None
        rate = sustainable_rate_per_s(np.concatenate(exec_s))
        loads.append(resolved.offered_load * rate * 60.0)
    assert splits_of(config.workload).worlds == len(SIZES)
    # Tasks a minute: of the whole file on average, and of its subset with 25.
    assert loads == pytest.approx([(1 + 3 + 24 + 25 + 25 + 25 + 1 + 25) / 8, 25.0], rel=1e-5)
