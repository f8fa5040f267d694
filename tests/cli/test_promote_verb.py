"""`qcbench promote`: only what beats the standing champion beyond chance becomes one."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from exported_samples import PLAIN, earliest_completion_card, write_sample

from qcbench.cli.main import main
from qcbench.policies.exported.card import CARD
from qcbench.policies.exported.folder import read_folder_card, write_folder
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.promotion import compose_promote
from qcbench.tracking.registry import Reference, Registry, open_registry
from qcbench.tracking.verdict import judge

FEW = ["replicates=15"]


@pytest.fixture
def runs(tmp_path: Path, mlflow_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    shutil.copy(mlflow_store, tmp_path / "runs" / "mlflow.db")
    return tmp_path / "runs"


def registry(runs: Path) -> Registry:
    found = open_registry(TrackingConfig(), runs)
    assert found is not None
    return found


def test_a_ladder_of_champions(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """earliest_completion does not beat itself, lookahead does, nothing worse follows."""
    assert main(["promote", "earliest_completion", *FEW]) == 1
    assert "no difference to earliest_completion beyond chance" in capsys.readouterr().err
    assert registry(runs).names() == []
    assert main(["promote", "lookahead", *FEW, "policy.parameters.samples=12"]) == 0
    shown = capsys.readouterr()
    assert "promoted  placement@champion is lookahead now, version 1" in shown.out
    shelf = registry(runs)
    assert shelf.aliases("placement") == {"champion": 1}
    card = read_folder_card(shelf.fetch(Reference("placement", "champion")))
    assert (card.kind, card.track) == ("heuristic", "placement")
    assert card.provenance.scenario == "placement/qce5"
    assert card.provenance.command.startswith("qcbench promote lookahead replicates=15")
    figures = card.provenance.evaluation
    assert float(figures["relative_to_baseline_percent_high"] or 0.0) < 0.0
    tags = shelf.versions("placement")[1]
    assert (runs / tags["qcbench.run"] / "trials.parquet").is_file()
    assert main(["promote", "earliest_available", *FEW]) == 1
    said = capsys.readouterr()
    assert "worse than placement@champion; worse than earliest_completion" in said.err
    assert "placement@champion" in said.out
    assert main(["promote", "lookahead", "policy.parameters.samples=12", *FEW]) == 1
    assert "it is the standing placement@champion" in capsys.readouterr().err
    assert list(registry(runs).versions("placement")) == [1]


def test_the_trained_beat_a_weak_champion_and_are_fetched_back(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run's folder is named by its id; the model and the alias have names of their own."""
    card, tensors = earliest_completion_card()
    write_folder(runs / "train-7" / "exported", card, tensors)
    told = ["model=mine", "alias=best", "baseline=round_robin", *FEW]
    assert main(["promote", "train-7", *told]) == 0
    capsys.readouterr()
    assert main(["simulate", "policy=models:/mine@best"]) == 0
    assert "mine@best" in capsys.readouterr().err
    assert main(["promote", "train", *told]) == 1
    assert "it is the standing mine@best" in capsys.readouterr().err


def test_a_random_network_and_a_collapsed_one(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["promote", str(write_sample(tmp_path / "p", "placement")), "replicates=8"]) == 1
    assert "earliest_completion" in capsys.readouterr().err
    assert main(["promote", "best_fidelity", "replicates=4", "baseline=greedy"]) == 1
    assert "collapsed: 100.0% of its tasks are on one QPU" in capsys.readouterr().err
    assert main(["promote", "greedy", "baseline=random", "replicates=4"]) == 1
    assert "infeasible decisions" in capsys.readouterr().err
    assert registry(runs).names() == []


def test_other_tracks_have_scenarios_and_baselines_of_their_own(runs: Path, tmp_path: Path) -> None:
    told = compose_promote("shortest_remaining")
    assert (told.scenario.name, told.scenario.track) == ("serverless/small", "queueing")
    folder = write_sample(tmp_path / "p", "allocation")
    told = compose_promote(str(folder), ["workload.tasks=50"])
    assert (told.scenario.name, told.scenario.track) == ("allocation/eagle5", "allocation")
    assert told.scenario.workload.tasks == 50


def test_cfg_prints_what_would_be_judged(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["promote", "lookahead", "replicates=7", "workload.tasks=9", "--cfg", "job"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["policy"]["parameters"] == {"horizon": 6, "samples": 16}
    assert (shown["replicates"], shown["scenario"]["workload"]["tasks"]) == (7, 9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "promote: name a policy, a folder, a training run, or a model"),
        (["nobody"], "policy nobody: no such policy"),
        (["./nowhere"], "./nowhere: no such folder"),
        (["lookahead", "replicates=0"], "replicates: 0; must be at least 1"),
        (["lookahead", "metric=speed"], "suite.primary_metric: 'speed' is no metric of placement"),
        (["lookahead", "baseline=nobody"], "policy nobody: no such placement policy"),
        (["lookahead", "alias=a/b"], "is no reference to a model"),
        (["lookahead", "modle=x"], "modle: no such key"),
        (["lookahead", "policy.parameters.depth=3"], "policy lookahead: no parameter depth"),
        (["models:/placement@champion"], "no model placement in"),
        (["lookahead", "scenario=serverless/small"], "no such queueing policy"),
        (["pragm", "engine=compiled"], "track partition has no kernel"),
    ],
)
def test_bad_input_in_one_line(
    runs: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["promote", *arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    assert message in said
    assert [path.name for path in runs.iterdir() if path.is_dir()] == []


def test_a_candidate_that_cannot_serve_the_fleet(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_sample(tmp_path / "p", "placement", PLAIN)
    assert main(["promote", str(folder), "scenario=placement/heron5-stream"]) == 2
    assert f"{folder / CARD}: serves fleet qce5 only" in capsys.readouterr().err
    assert main(["promote", str(folder), "policy.parameters.mode=sample"]) == 2
    assert "mode: sample is not part of what is registered" in capsys.readouterr().err


def trials(**values: list[float]) -> pl.DataFrame:
    rows = [
        {
            "policy": policy,
            "replicate": place,
            "status": "done",
            "error": None,
            "truncated": False,
            "mean_completion_s": value,
            "violations": 0,
            "largest_share": 0.4,
            "choice_entropy": 0.9,
        }
        for policy, column in values.items()
        for place, value in enumerate(column)
    ]
    return pl.DataFrame(rows, schema_overrides={"error": pl.String})


RNG = np.random.default_rng(0)
WORLDS = RNG.lognormal(3.0, 0.5, 30)
BETTER = (WORLDS * 0.9).tolist()


def reasons(table: pl.DataFrame, rivals: tuple[str, ...] = ("base",)) -> tuple[str, ...]:
    rng = np.random.default_rng(1)
    return judge(table, "new", rivals, "mean_completion_s", "min", rng).reasons


def test_verdicts_on_made_up_numbers() -> None:
    base = WORLDS.tolist()
    table = trials(new=BETTER, base=base)
    assert reasons(table) == ()
    noise = (WORLDS * RNG.lognormal(0.0, 0.3, 30)).tolist()
    assert reasons(trials(new=noise, base=base)) == ("no difference to base beyond chance",)
    assert reasons(trials(new=base, base=BETTER)) == ("worse than base",)
    strong = (WORLDS * 0.8).tolist()
    assert reasons(trials(new=BETTER, base=base, old=strong), ("old", "base")) == (
        "worse than old",
    )
    new = pl.col("policy") == "new"
    once = new & (pl.col("replicate") == 3)
    for column, value, where, message in (
        ("violations", 1, once, "1 infeasible decisions"),
        ("truncated", True, once, "1 of 30 trials were cut off after too many decisions"),
        ("largest_share", 0.995, new, "collapsed: 99.5% of its tasks are on one QPU"),
        ("choice_entropy", 0.0, new, "collapsed: 40.0% of its tasks are on one QPU"),
    ):
        changed = pl.when(where).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
        assert reasons(table.with_columns(changed)) == (message,)
    failed = table.with_columns(
        status=pl.when(once).then(pl.lit("failed")).otherwise(pl.col("status")),
        error=pl.when(once).then(pl.lit("PolicyError: no")).otherwise(None),
        mean_completion_s=pl.when(once).then(None).otherwise(pl.col("mean_completion_s")),
    )
    assert reasons(failed) == ("1 of 30 trials failed: PolicyError: no",)
    lost = table.with_columns(
        status=pl.when(~new).then(pl.lit("failed")).otherwise(pl.col("status")),
        error=pl.when(~new).then(pl.lit("InputError: no")).otherwise(None),
    ).drop("mean_completion_s")
    assert reasons(lost)[0] == "base: 30 of 30 trials failed: InputError: no"
    alone = trials(new=BETTER[:1], base=base[:1])
    assert "take more replicates" in reasons(alone)[0]


def test_a_baseline_that_needs_one_qpu_excuses_the_same() -> None:
    table = trials(new=BETTER, base=WORLDS.tolist()).with_columns(largest_share=pl.lit(1.0))
    assert reasons(table) == ()


def test_more_can_be_better() -> None:
    table = trials(new=WORLDS.tolist(), base=BETTER)
    rng = np.random.default_rng(1)
    assert judge(table, "new", ("base",), "mean_completion_s", "max", rng).promoted
