"""Which world a report shows over time, from which source, and what it says where it shows none."""

import shlex
import sys
from pathlib import Path

import polars as pl
import pytest
from synthetic_trials import synthetic_trials

from qcbench.api import Run, compose_run, drive, start_run
from qcbench.bench.run_folder import open_run as open_store
from qcbench.cli.main import main
from qcbench.report import chosen_worlds as module
from qcbench.report.chosen_worlds import choice_of, chosen_worlds
from qcbench.report.rows import blocks
from qcbench.stats.summary import summarise

sys.path.append(str(Path(__file__).parents[1] / "publishing"))
from browser import CHROMIUM, Screen, visit

RUN = ["suite.replicates=3", "suite.bounds=false", "cluster.address=inline", "tracking=none"]
ONE = "suite.scenarios=[{base: placement/qce5, name: one, overrides: ['workload.tasks=12']}]"
JOBS = "[{base: hybrid/heron5, name: one, overrides: ['rules.horizon_s=900', 'rules.warm_up_s=0']}]"
BASELINE = "earliest_completion"


def run_of(folder: Path, *overrides: str, suite="quickstart", policies=(BASELINE, "greedy")) -> Run:
    told = [f"suite={suite}", *RUN, f"runs_dir={folder}", *([ONE] * (suite == "quickstart"))]
    config = compose_run([*told, *overrides], policies=policies)
    return drive(start_run(config), config.cluster, "silent")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_of(tmp_path_factory.mktemp("runs"))


def worlds_of(run: Run, which="quick", trials=None):
    store = open_store(run.folder)
    return chosen_worlds(store, run.trials if trials is None else trials, run.summary(), which)


def test_the_median_world_of_the_best_policy_that_both_have_done():
    trials = synthetic_trials(replicates=7)
    summary = summarise(
        trials, metric="total_completion_s", baseline=BASELINE, goal="min", resamples=50
    )
    for block in blocks(summary):
        choice = choice_of(trials, block, BASELINE, "total_completion_s")
        best = next(row["policy"] for row in block.rows if row["policy"] != BASELINE)
        assert choice.policies == (best, BASELINE)
        own = trials.filter(scenario=block.scenario, policy=best, status="done")
        value = own.filter(replicate=choice.replicate)["total_completion_s"][0]
        below = (own["total_completion_s"] < value).sum()
        assert below == (own.height - 1) // 2
        assert f"World {choice.replicate} is the median of {own.height} worlds" in choice.why
    alone = trials.filter(policy=BASELINE)
    summary = summarise(alone, metric="total_completion_s", baseline=BASELINE, resamples=50)
    choice = choice_of(alone, blocks(summary)[0], BASELINE, "total_completion_s")
    assert choice.policies == (BASELINE,)


def test_kept_records_and_a_second_simulation_say_the_same(run: Run, tmp_path: Path):
    again, kept = worlds_of(run), worlds_of(run_of(tmp_path, "keep_records=true"))
    assert again.keys() == kept.keys() == set(run.trials["scenario"])
    for scenario, world in again.items():
        other = kept[scenario]
        assert "Simulated again" in world.words
        assert "From its records" in other.words
        assert world.window == other.window
        assert [each.policy for each in world.schedules] == ["greedy", BASELINE]
        for one, two in zip(world.schedules, other.schedules, strict=True):
            for name, column in vars(one.bars).items():
                assert column.tolist() == getattr(two.bars, name).tolist()
            assert one.waiting.value.tolist() == two.waiting.value.tolist()


@pytest.mark.e2e
def test_what_is_not_quick_is_not_simulated_and_the_command_shows_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(module, "QUICK_S", -1.0)
    monkeypatch.setattr(module, "FIRST_S", -1.0)
    monkeypatch.setattr(module, "simulate_trial", lambda _: pytest.fail("was simulated"))
    worlds = worlds_of(run)
    assert all(not world.schedules for world in worlds.values())
    (command,) = {world.command for world in worlds.values()}
    page = run.report().read_text()
    assert "It is not shown: the run kept no records, and to simulate it again takes" in page
    assert f"<code>{command}</code>" in page
    assert worlds_of(run, "none") == {}
    monkeypatch.undo()
    assert main(shlex.split(command)[1:]) == 0
    page = Path(capsys.readouterr().out.strip()).read_text()
    assert "Simulated again" in page
    assert command not in page
    assert page.count('class="scroll drawing"') == len(worlds)


def test_of_longer_trials_the_shortest_scenario_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sizes = {"short": 12, "long": 60}
    named = (
        f"{{base: placement/qce5, name: {name}, overrides: ['workload.tasks={tasks}']}}"
        for name, tasks in sizes.items()
    )
    own = run_of(tmp_path, f"suite.scenarios=[{', '.join(named)}]")
    monkeypatch.setattr(module, "QUICK_S", -1.0)
    costs = {(name, policy): sizes[name] / 40 for name in sizes for policy in (BASELINE, "greedy")}
    monkeypatch.setattr(module, "_costs_s", lambda *_: costs)
    worlds = worlds_of(own)
    assert len(worlds["short"].schedules) == 2
    assert "to simulate it again takes 3.0 s" in worlds["long"].words
    monkeypatch.setattr(module, "FIRST_S", 0.5)
    assert not worlds_of(own)["short"].schedules


def test_another_number_here_is_not_shown(run: Run):
    trials = run.trials.with_columns(pl.col("mean_completion_s") * 1.5)
    for world in worlds_of(run, trials=trials).values():
        assert not world.schedules
        assert "in the run and" in world.words
        assert "qcbench verify" in world.words


def test_code_is_run_only_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    text = "def policy(context):\n    return lambda view: int(view.completion_s().argmin())\n"
    Path("mine.py").write_text(text)
    own = run_of(tmp_path / "runs", "suite.baseline=random", policies=("mine.py", "random"))
    for world in worlds_of(own).values():
        assert not world.schedules
        assert "mine is code that the run brings along" in world.words
        assert "worlds=all" in world.command
    assert all(world.schedules for world in worlds_of(own, "all").values())


def test_rows_of_jobs_are_simulated_as_rows_of_tasks(tmp_path: Path):
    told = [f"suite.scenarios={JOBS}", "suite.replicates=1"]
    own = run_of(tmp_path, *told, suite="hybrid-v1", policies=("fifo", "lifo"))
    for world in worlds_of(own, "all").values():
        assert len(world.schedules) == 2
        executions = sum(len(each.labels) for each in world.schedules)
        assert executions > 0
        first, last = world.window
        for each in world.schedules:
            assert each.bars.within(first, last).all()


def test_what_cannot_be_used_is_said(capsys: pytest.CaptureFixture[str]):
    assert main(["report", "worlds=some"]) == 2
    assert "choose from 'quick', 'all', 'none'" in capsys.readouterr().err


@pytest.mark.e2e
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium")
def test_a_phone_scrolls_the_bars_alone_and_says_so(run: Run):
    wide = "(box => [box.scrollWidth > box.clientWidth, getComputedStyle(box, '::before').content])"
    asked = [
        "document.documentElement.scrollWidth",
        f"{wide}(document.querySelector('.drawing'))",
        "[...document.querySelectorAll('.figures svg')].every(s => s.clientWidth <= 390)",
    ]
    for scripts in (True, False):
        screen = Screen(390, 844, dark=True, scripts=scripts)
        found = visit(run.report(), asked, screen=screen)
        width, (scrolls, hint), fits = found.values
        assert width == 390
        assert scrolls
        assert "swipe sideways for later times" in hint
        assert fits
        assert found.errors == []
