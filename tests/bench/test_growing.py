"""Runs that grow: rounds of worlds until every comparison is decided or narrow."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fake_ray import FakeRay
from toys import INLINE, SPREAD

from qcbench.api import Run, compose_run
from qcbench.bench import cluster, fan
from qcbench.bench.config import ClusterConfig, ScenarioEntry, SuiteConfig, UntilConfig
from qcbench.bench.driver import RunSummary, run_trials
from qcbench.bench.growing import Growing
from qcbench.bench.ledger import Ledger
from qcbench.bench.progress import Silent
from qcbench.bench.rounds import FILE, Rounds, first, following, load, trials_of
from qcbench.bench.run_folder import create_run, open_run
from qcbench.bench.store import RunStore
from qcbench.bench.suite import suite_data
from qcbench.bench.trial import Trial
from qcbench.errors import InputError
from qcbench.policies.config import PolicyConfig

GROW = "tests.bench.toys:grow"


def suite(until: UntilConfig | None) -> SuiteConfig:
    return SuiteConfig(
        name="toy",
        track="placement",
        scenarios=[ScenarioEntry(base=name, name=name) for name in SPREAD],
        policies=[PolicyConfig(name="base", label="base"), PolicyConfig(name="more", label="more")],
        replicates=5,
        primary_metric="mean_completion_s",
        baseline="base",
        until=until,
    )


def begin(runs: Path, until: UntilConfig, **behaviour: object) -> RunStore:
    told = suite(until)
    fewest, most = told.replicate_range
    trials = [
        Trial(
            ordinal=place * most + replicate,
            suite="toy",
            scenario=scenario,
            policy=policy,
            replicate=replicate,
            scenario_config={"track": "placement", **behaviour},
            policy_config={},
        )
        for place, (scenario, policy) in enumerate((s, p) for s in SPREAD for p in ("base", "more"))
        for replicate in range(fewest)
    ]
    return create_run(runs, suite_data(told), trials, track="placement")


UNTIL = UntilConfig(half_width=0.01, replicates=[8, 60])


def run(store: RunStore, where: ClusterConfig = INLINE, **kwargs: object) -> RunSummary:
    with store:
        return run_trials(store.trials, GROW, store, where, **kwargs)  # type: ignore[arg-type]


def files(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "trials.parquet").read_bytes(), (folder / FILE).read_bytes()


@pytest.fixture
def whole(runs: Path) -> Path:
    """A run in one go."""
    store = begin(runs, UNTIL)
    run(store)
    return store.folder


def test_every_scenario_has_the_worlds_that_it_needs(whole: Path) -> None:
    rounds = json.loads((whole / FILE).read_bytes())
    assert rounds["ended"] == {"easy": "decided", "hard": "replicates", "equal": "narrow"}
    assert rounds["worlds"]["hard"] == 60
    assert rounds["worlds"]["equal"] == 8 <= rounds["worlds"]["easy"] < 20
    table = open_run(whole).table()
    ordered = [
        (scenario, policy, replicate)
        for scenario, worlds in rounds["worlds"].items()
        for policy in ("base", "more")
        for replicate in range(worlds)
    ]
    assert table.select("scenario", "policy", "replicate").rows() == ordered
    found = Run(whole)
    assert found.complete
    assert found.expected == table.height
    assert found.summary().ended == rounds["ended"]
    states = found.summary().scenarios.filter(policy="more").get_column("until").to_list()
    assert states == ["decided", "replicates", "narrow"]


class Dies(Silent):
    """Stands for a kill after so many results."""

    def __init__(self, after: int) -> None:
        self.after = after

    def update(self, done: int, text: str = "") -> None:
        if done >= self.after:
            raise KeyboardInterrupt


def test_the_same_bytes_after_any_kill(whole: Path, tmp_path: Path) -> None:
    store = begin(tmp_path / "killed", UNTIL)
    for after in (1, 16, 17, 48, 49, 60, 100):
        with pytest.raises(KeyboardInterrupt):
            run(store, progress=Dies(after))
        assert not Run(store.folder).complete
        store = open_run(store.folder, write=True)
    run(store)
    assert files(store.folder) == files(whole)


def test_a_kill_between_a_round_and_its_decision(whole: Path, tmp_path: Path) -> None:
    """What is stored is complete, and nothing says yet what follows from it."""
    store = begin(tmp_path / "killed", UNTIL)
    run(store)
    (store.folder / FILE).unlink()
    again = open_run(store.folder, write=True)
    assert again.warnings, "worlds that nobody has decided on are set aside"
    run(again)
    assert files(store.folder) == files(whole)


def test_a_run_again_from_manifest_and_rounds(runs: Path, tmp_path: Path) -> None:
    """What the clock has decided is decided for good."""
    store = begin(runs, replace(UNTIL, seconds=1e-9))
    assert run(store).total == 2 * 3 * 8
    rounds = json.loads((store.folder / FILE).read_bytes())
    assert rounds["ended"]["hard"] == "seconds"
    assert run(open_run(store.folder, write=True)).ran == 0
    copied = tmp_path / "copied"
    copied.mkdir()
    for name in ("manifest.json", FILE):
        shutil.copy(store.folder / name, copied / name)
    run(open_run(copied, write=True))
    assert files(copied) == files(store.folder)


def test_failed_trials_are_no_worlds_of_a_pair(runs: Path) -> None:
    store = begin(runs, UNTIL, fail=[0, 1])
    assert run(store).failed > 0
    assert store.rounds is not None
    assert store.rounds.worlds["equal"] == 10, "six pairs of eight worlds are too few"
    none = begin(runs, UNTIL, fail=list(range(60)))
    run(none)
    assert none.rounds is not None
    assert set(none.rounds.ended.values()) == {"failed"}
    assert set(none.rounds.worlds.values()) == {8}


def test_the_display_counts_up_to_more(runs: Path) -> None:
    class Shown(Silent):
        totals: tuple[int, ...] = ()
        lines: tuple[str, ...] = ()

        def grow(self, total: int) -> None:
            self.totals += (total,)

        def note(self, line: str) -> None:
            self.lines += (line,)

    shown = Shown()
    store = begin(runs, UNTIL)
    summary = run(store, progress=shown)
    assert shown.totals[-1] == summary.total == summary.ran == len(store.trials)
    assert list(shown.totals) == sorted(shown.totals)
    assert "hard: 60 worlds, replicates" in shown.lines


def test_workers_are_kept_for_the_rounds_to_come(runs: Path) -> None:
    store = begin(runs, UNTIL)
    growing = Growing.of(store)
    assert growing is not None
    assert growing.coming == 3 * 2 * 2
    run(store)
    ended = Growing.of(open_run(store.folder))
    assert ended is not None
    assert ended.coming == 0
    ledger = Ledger([], workers=2, chunk_s=0.5, retries=0, track="placement")
    ledger.add(store.trials[:4])
    assert ledger.unresolved == 4
    assert ledger.next_chunk() is not None


def test_a_crew_that_changes_gives_the_same_bytes_and_stays_between_rounds(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = FakeRay({"a": 3})
    ray.at(3.0, lambda: ray.nodes.update(b=2))
    ray.at(9.0, lambda: ray.lose("a"))

    @contextmanager
    def connect(*_: object) -> Iterator[cluster.Cluster]:
        yield cluster.Cluster(ray, ClusterConfig(), {})

    monkeypatch.setattr(cluster, "connect", connect)
    monkeypatch.setattr(fan, "time", ray)
    store = begin(tmp_path / "ray", UNTIL)
    summary = run(store, ClusterConfig(address="auto", chunk_s=1e-9))
    assert files(store.folder) == files(whole)
    assert summary.lost_workers > 0
    # Three, two that join, and up to three in the place of those that are lost.
    assert len(ray.actors) <= 8


@pytest.mark.e2e
@pytest.mark.ray
def test_the_same_bytes_for_any_number_of_workers(whole: Path, tmp_path: Path) -> None:
    store = begin(tmp_path / "two", UNTIL)
    run(store, ClusterConfig(address="local", workers=2, chunk_s=0.05))
    assert files(store.folder) == files(whole)


def test_rounds_are_fixed_by_counts() -> None:
    sizes = [8]
    while sizes[-1] < 100:
        sizes.append(following(sizes[-1], 100))
    assert sizes == [8, 10, 13, 17, 22, 28, 35, 44, 55, 69, 87, 100]


def test_trials_of_later_rounds_differ_by_their_replicate(runs: Path) -> None:
    store = begin(runs, UNTIL)
    begun = store.trials
    grown = trials_of(begun, first(begun).grown("hard", 10))
    assert len(grown) == len(begun) + 4
    assert [trial.ordinal for trial in grown] == sorted({trial.ordinal for trial in grown})
    assert {trial.trial_id for trial in begun} < {trial.trial_id for trial in grown}
    assert trials_of(begun, first(begun)) == begun
    store.discard()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"worlds": {"easy": 8}, "ended": {}}',
        '{"worlds": {"easy": 7, "hard": 8, "equal": 8}, "ended": {}}',
        '{"worlds": {"easy": 8, "hard": 8, "equal": 8}, "ended": {"else": "narrow"}}',
    ],
)
def test_rounds_that_do_not_fit(runs: Path, text: str) -> None:
    store = begin(runs, UNTIL)
    (store.folder / FILE).write_text(text)
    with pytest.raises(InputError, match="does not say how many worlds each scenario") as error:
        load(store.folder, store.trials)
    assert "\n" not in str(error.value)
    store.discard()


def test_a_suite_that_does_not_grow_is_what_it_was() -> None:
    told = compose_run(["suite=quickstart"]).suite
    assert "until" not in suite_data(told)
    assert told.replicate_range == (10, 10)
    assert Rounds({"a": 8}, {}).open == ("a",)


@pytest.mark.parametrize(
    ("until", "message"),
    [
        ("{half_width: 200%}", "suite.until.half_width: 2.0; must be above 0 and below 1"),
        ("{half_width: 1}", "suite.until.half_width: 1; must be above 0 and below 1"),
        ("{half_width: a%}", "suite.until.half_width: 'a%'; must be a number"),
        ("{replicates: [4, 10]}", "suite.until.replicates[0]: 4; must be at least 8"),
        ("{replicates: [10]}", "suite.until.replicates: [10]; must be [FEWEST, MOST]"),
        ("{replicates: [20, 10]}", "suite.until.replicates: [20, 10]; must be [FEWEST, MOST]"),
        ("{replicates: [8, 999999]}", "suite.until.replicates: 999999; with 3 scenarios"),
        ("{seconds: 0}", "suite.until.seconds: 0; must be positive"),
        ("{secs: 5}", "suite.until.secs: no such key; did you mean seconds?"),
        ("5", "suite.until: 5; must be a mapping"),
    ],
)
def test_bad_input(until: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        compose_run(["suite=quickstart", f"suite.until={until}"])
    assert message in str(error.value)


def test_what_can_be_told() -> None:
    told = "{half_width: 2.5%, seconds: 600, replicates: [8, 1000]}"
    found = compose_run(["suite=quickstart", f"suite.until={told}"]).suite
    assert found.until == UntilConfig(half_width=0.025, seconds=600.0, replicates=[8, 1000])
    assert found.replicate_range == (8, 1000)
    with pytest.raises(InputError, match="no policy to compare with the baseline"):
        compose_run(["suite=quickstart", "suite.until={}", "suite.policies=[earliest_completion]"])
