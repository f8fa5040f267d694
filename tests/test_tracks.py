"""A track is one record: other rooms agree with it, and no other table lists the tracks."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from qcbench.api import compose_run
from qcbench.bench.compose import compose_scenario
from qcbench.bench.metrics.names import goal_of, is_metric
from qcbench.policies import registry
from qcbench.policies.features.rewards import Reward
from qcbench.tracks import (
    TRACKS,
    USUAL,
    LearnedTrack,
    Track,
    is_learned,
    is_track,
    learned_tracks,
    module_of,
)

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "qcbench" / "tracks.py"
FILES = [
    path
    for room in ("qcbench", "jobs", "deploy")
    for path in sorted((ROOT / room).rglob("*.py"))
    if path != RECORD
]
FEW = 2
"""So many names of tracks beside each other are a table of them."""


def words(node: ast.AST) -> Iterator[str]:
    """Return the names that a node puts beside each other: keys, elements, options, imports."""
    parts: list[ast.expr] = []
    match node:
        case ast.Dict(keys=keys):
            parts = [key for key in keys if key is not None]
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            parts = elements
        case ast.Call(keywords=keywords):
            yield from (keyword.arg for keyword in keywords if keyword.arg)
        case ast.ImportFrom(names=aliases):
            yield from (alias.name for alias in aliases)
        case ast.Match(cases=cases):
            parts = [
                case.pattern.value for case in cases if isinstance(case.pattern, ast.MatchValue)
            ]
        case ast.FunctionDef():
            tests = (each for each in ast.walk(node) if isinstance(each, ast.Compare))
            parts = [part for test in tests for part in test.comparators]
    yield from (
        part.value
        for part in parts
        if isinstance(part, ast.Constant | ast.Name)
        and isinstance(getattr(part, "value", None), str)
    )


def test_no_other_file_has_a_table_of_tracks() -> None:
    tables = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            listed = {word for word in words(node) if word in TRACKS}
            if len(listed) >= FEW:
                where = f"{path.relative_to(ROOT)}, line {getattr(node, 'lineno', 0)}"
                tables.append(f"{where} lists {sorted(listed)}; ask qcbench.tracks")
    assert FILES
    assert tables == []


def test_a_table_would_be_found() -> None:
    for text in (
        'X = {"placement": 1, "allocation": 2}',
        'X = ("placement", "queueing")',
        'X = Literal["placement", "queueing"]',
        "X = dict(placement=1, queueing=2)",
        "from qcbench.bench.metrics import placement, queueing",
        'match track:\n    case "placement": pass\n    case "queueing": pass',
        'def f(t):\n    if t == "placement": return 1\n    if t == "queueing": return 2',
        'def f(t):\n    if t == "placement": return 1\n    return 2 if t == "queueing" else 3',
    ):
        found = [{w for w in words(node) if w in TRACKS} for node in ast.walk(ast.parse(text))]
        assert max(map(len, found)) >= FEW, text


def test_names_and_types_agree() -> None:
    assert get_args(Track) == tuple(TRACKS)
    assert list(get_args(LearnedTrack)) == learned_tracks()
    assert is_track(USUAL)
    assert not is_track("maze")
    assert not is_track(None)


@pytest.mark.parametrize("track", TRACKS)
def test_what_is_usual_is_there(track: Track) -> None:
    info = TRACKS[track]
    scenario = compose_scenario(info.scenario)
    assert scenario.track == track
    assert (scenario.rules.dispatch.mode, scenario.rules.dispatch.qpus) == (info.mode, info.qpus)
    assert info.baseline in registry.names(track)
    assert is_metric(track, info.metric)
    assert goal_of(info.metric) == info.goal
    assert bool(info.validation_worlds) is is_learned(track)


@pytest.mark.parametrize("track", TRACKS)
def test_rooms_have_the_modules_that_a_track_is_said_to_have(track: Track) -> None:
    metrics = module_of("qcbench.bench.metrics", track)
    assert metrics.NAMES
    assert callable(metrics.metrics)
    assert {*metrics.NAMES} >= metrics.MORE_IS_BETTER
    contract = module_of("qcbench.bench.contract", track)
    assert callable(contract.views)
    assert callable(contract.edges)
    assert compose_scenario(contract.SCENARIO, contract.OVERRIDES).track == track
    learned = [
        ("qcbench.policies.features", ""),
        ("qcbench.policies.features.observers", ""),
        ("qcbench.envs", "defaults"),
        ("qcbench.envs", "single"),
        ("qcbench.envs", "vector"),
        ("qcbench.policies", "learned"),
    ]
    for there, rooms in (
        (TRACKS[track].kernel, [("qcbench.kernels", "simulate")]),
        (is_learned(track), learned),
    ):
        for room, part in rooms:
            if there:
                module_of(room, track, part)
            else:
                with pytest.raises(ModuleNotFoundError):
                    module_of(room, track, part)


@pytest.mark.parametrize("track", learned_tracks())
def test_what_agents_can_choose_is_there(track: LearnedTrack) -> None:
    info, features = TRACKS[track], module_of("qcbench.policies.features", track)
    assert len(features.LAYOUTS) == len(info.observations)
    assert next(iter(features.LAYOUTS.values())) is features.LAYOUT
    assert features.USUAL_REWARD.kind in info.rewards
    kinds = set(get_args(Reward.__annotations__["kind"]))
    assert set(info.rewards) <= kinds
    for name in info.environments:
        cls = name.removeprefix("qcbench/").partition("-")[0]
        for part, ending in (("single", "Env"), ("vector", "VectorEnv")):
            found = getattr(import_module(f"qcbench.envs.{track}.{part}"), cls + ending)
            assert found.track == track


@pytest.mark.parametrize("name", ["placement-v1", "allocation-v1", "hybrid-v1"])
def test_the_usual_baseline_and_metric_are_those_of_released_suites(name: str) -> None:
    suite = compose_run([f"suite={name}"]).suite
    info = TRACKS[suite.track]
    assert (suite.baseline, suite.primary_metric, suite.goal) == (
        info.baseline,
        info.metric,
        info.goal,
    )
