"""`qcbench promote`: only what beats the standing champion beyond chance becomes one."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from exported_samples import PLAIN, earliest_completion_card, write_sample

from qcbench.cli.main import main
from qcbench.files import read_json
from qcbench.policies.exported.card import CARD
from qcbench.policies.exported.folder import digest, folder_of, read_folder_card, write_folder
from qcbench.stats.sequence import radius
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.promote_config import compose_promote
from qcbench.tracking.registry import Reference, Registry, open_registry
from qcbench.tracking.verdict import judge

FEW = ["replicates=20"]


def registry(runs: Path) -> Registry:
    found = open_registry(TrackingConfig(), runs)
    assert found is not None
    return found


def test_a_ladder_of_champions(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """earliest_completion does not beat itself, lookahead does, nothing worse follows."""
    few = [*FEW, "alias=best"]
    assert main(["promote", "earliest_completion", *few]) == 1
    assert "no difference to earliest_completion beyond chance" in capsys.readouterr().err
    assert registry(runs).aliases("placement") == {"champion": 1}
    settings = [f"policy.parameters.{told}" for told in ("horizon=6", "samples=12", "tail=any")]
    lookahead = ["promote", "lookahead", *settings, "alias=best"]
    assert main([*lookahead, *FEW]) == 1
    assert "no difference to earliest_completion beyond chance" in capsys.readouterr().err
    assert main([*lookahead, "replicates=70"]) == 0
    shown = capsys.readouterr()
    assert "promoted  placement@best is lookahead now, version 2" in shown.out
    shelf = registry(runs)
    assert shelf.aliases("placement") == {"champion": 1, "best": 2}
    card = read_folder_card(shelf.fetch(Reference("placement", "best")))
    assert (card.kind, card.track) == ("heuristic", "placement")
    assert card.provenance.scenario == "placement/qce5"
    assert card.provenance.command.startswith("qcbench promote lookahead policy.parameters")
    figures = card.provenance.evaluation
    assert float(figures["relative_to_baseline_percent_high"] or 0.0) < 0.0
    tags = shelf.versions("placement")[2]
    # The first twenty worlds of the seventy are those of the first try.
    assert (tags["qcbench.tries"], tags["qcbench.worlds"]) == ("2", "70")
    told = read_json(runs / tags["qcbench.run"] / "verdict.json")
    assert (told["promoted"], told["version"], told["reasons"]) == (True, 2, [])
    assert (told["judge"]["scenario"], told["tries"], told["worlds"]) == ("placement/qce5", 2, 70)
    assert told["rivals"][0]["relative_percent_high"] < 0.0
    assert main(["promote", "earliest_available", *few]) == 1
    said = capsys.readouterr()
    assert "to placement@best" in said.err or "worse than placement@best" in said.err
    assert "placement@best" in said.out
    assert main(["promote", "earliest_available", *few, "seed=1"]) == 1
    said = capsys.readouterr()
    assert "over all worlds of 2 tries" in said.out
    assert " of 40" in said.out
    assert main(["promote", "earliest_available", *few, "metric=p99_completion_s"]) == 2
    assert "placement@best is judged by scenario=placement/qce5" in capsys.readouterr().err
    assert main([*lookahead, *FEW]) == 1
    assert "it is the standing placement@best" in capsys.readouterr().err
    assert list(registry(runs).versions("placement")) == [1, 2]


def test_the_packaged_champion_is_the_first(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A store without champions has the packaged one to beat, and keeps it as version 1."""
    assert main(["promote", "random", *FEW, "workload.tasks=12"]) == 1
    said = capsys.readouterr()
    assert "placement@champion" in said.out
    assert "worse than placement@champion" in said.err
    shelf = registry(runs)
    assert (shelf.aliases("placement"), shelf.names()) == ({"champion": 1}, ["placement"])
    packaged = digest(folder_of("placement", "packaged:champion"))
    assert digest(shelf.fetch(Reference("placement", "champion"))) == packaged
    assert main(["promote", "champion", *FEW, "workload.tasks=12"]) == 1
    assert "champion is not promoted to placement@champion: it is the standing" in (
        capsys.readouterr().err
    )


TWO = [
    "suite=placement-v1",
    "suite.scenarios=[{base: placement/qce5, name: batch}, placement/heron5-stream]",
    'suite.scenario_overrides=["workload.tasks=12"]',
    "alias=everywhere",
    *FEW,
]


def test_over_a_suite(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The overall decides, every scenario is told, and what is found is kept with the version."""
    assert main(["promote", "earliest_completion", *TWO, "baseline=random"]) == 0
    said = capsys.readouterr().out
    assert "promoted  placement@everywhere is earliest_completion now, version 2" in said
    assert "judged by suite=placement-v1 metric=mean_completion_s guards={makespan_s: 5%" in said
    for name in ("batch", "placement/heron5-stream", "p99_completion_s"):
        assert f"\n{name} " in said
    shelf = registry(runs)
    tags = shelf.versions("placement")[2]
    assert (tags["qcbench.suite"], tags["qcbench.worlds"]) == ("placement-v1", "40")
    card = read_folder_card(shelf.fetch(Reference("placement", "everywhere")))
    assert card.provenance.scenario == "placement-v1"
    told = read_json(runs / tags["qcbench.run"] / "verdict.json")
    (rival,) = told["rivals"]
    assert [each["scenario"] for each in rival["scenarios"]] == ["batch", "placement/heron5-stream"]
    ratios = [1.0 + each["relative_percent"] / 100.0 for each in rival["scenarios"]]
    overall = 100.0 * (np.sqrt(np.prod(ratios)) - 1.0)
    assert rival["relative_percent"] == pytest.approx(overall)
    assert main(["promote", "random", *TWO]) == 1
    refused = capsys.readouterr().err
    assert "random is not promoted to placement@everywhere: " in refused
    assert "; worse than placement@everywhere; worse than earliest_completion; " in refused
    assert "worse than placement@everywhere in batch (+" in refused
    assert "guard p99_completion_s: may be" in refused
    (run,) = shelf.client.search_runs(
        [shelf.client.get_experiment_by_name(shelf.experiment).experiment_id],
        "tags.`qcbench.label` = 'random'",
    )
    assert "worse than placement@everywhere in batch" in run.data.tags["qcbench.verdict"]
    assert run.data.metrics["worse_than_champion"] >= 1.0
    assert main(["promote", "lookahead", "alias=everywhere", *FEW]) == 2
    assert "placement@everywhere is judged by suite=placement-v1" in capsys.readouterr().err


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
    assert main(["promote", str(write_sample(tmp_path / "p", "placement")), "replicates=20"]) == 1
    assert "earliest_completion" in capsys.readouterr().err
    assert main(["promote", "best_fidelity", "replicates=20", "baseline=greedy"]) == 1
    assert "collapsed: 9" in capsys.readouterr().err
    assert main(["promote", "greedy", "baseline=random", "replicates=20"]) == 1
    assert "infeasible decisions" in capsys.readouterr().err
    assert list(registry(runs).versions("placement")) == [1], "the packaged one alone"


def test_other_tracks_have_scenarios_and_baselines_of_their_own(runs: Path, tmp_path: Path) -> None:
    told = compose_promote("shortest_remaining")
    assert told.scenario is not None
    assert (told.scenario.name, told.scenario.track) == ("serverless/small", "queueing")
    folder = write_sample(tmp_path / "p", "allocation")
    told = compose_promote(str(folder), ["workload.tasks=50"])
    assert told.scenario is not None
    assert (told.scenario.name, told.scenario.track) == ("allocation/eagle5", "allocation")
    assert told.scenario.workload.tasks == 50


def test_cfg_prints_what_would_be_judged(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["promote", "lookahead", "replicates=27", "workload.tasks=9", "--cfg", "job"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["policy"]["parameters"] == {"horizon": "auto", "samples": 32, "tail": 4.0}
    assert (shown["replicates"], shown["scenario"]["workload"]["tasks"]) == (27, 9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "promote: name a policy, a folder, a training run, or a model"),
        (["nobody"], "policy nobody: no such policy"),
        (["./nowhere"], "./nowhere: no such folder"),
        (["lookahead", "replicates=19"], "replicates: 19; must be at least 20"),
        (["lookahead", "guards={p98_completion_s: 5%}"], "guards: 'p98_completion_s' is no metric"),
        (
            ["lookahead", "guards={p99_completion_s: 5}"],
            "guards.p99_completion_s: 5; must be at least 0",
        ),
        (["lookahead", "candidates=0"], "candidates: 0; must be at least 1"),
        (["lookahead", "metric=speed"], "qcbench: metric: 'speed' is no metric of placement"),
        (["lookahead", "baseline=nobody"], "policy nobody: no such placement policy"),
        (["lookahead", "alias=a/b"], "is no reference to a model"),
        (["lookahead", "modle=x"], "modle: no such key"),
        (["lookahead", "policy.parameters.depth=3"], "policy lookahead: no parameter depth"),
        (["models:/placement@champion"], "no model placement in"),
        (["lookahead", "scenario=serverless/small"], "no such queueing policy"),
        (["lookahead", "suite=placement"], "suite=placement: no such suite; did you mean placem"),
        (["lookahead", "suite=hybrid-v1"], "policy lookahead: no such queueing policy"),
        (["lookahead", "suite.replicates=30"], "suite: is not chosen, only changed; choose one"),
        (
            ["lookahead", "suite=placement-v1", "scenario=placement/qce5"],
            "scenario: a suite has scenarios of its own",
        ),
        (
            ["lookahead", "suite=placement-v1", "workload.tasks=9"],
            "change them with 'suite.scenario_overrides=[\"workload.tasks=9\"]'",
        ),
        (
            ["lookahead", "suite=placement-v1", "suite.seed=1"],
            "suite.seed: says nothing of a promotion, which has seed= itself",
        ),
        (
            ["lookahead", "suite=placement-v1", "suite.policies=[random]"],
            "suite.policies: says nothing of a promotion, which has replicates= and baseline= it",
        ),
        (
            ["lookahead", "suite=placement-v1", "losses=maybe"],
            "losses: 'maybe'; must be true or false",
        ),
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
            "scenario": "here",
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
    return judge(table, "new", rivals, "mean_completion_s", "min").reasons


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


def test_guards_are_kept_with_the_whole_interval() -> None:
    def told(guards: dict[str, float], p99: list[float], kept: list[float]) -> tuple[str, ...]:
        new = pl.col("policy") == "new"
        place = pl.col("replicate")
        table = trials(new=BETTER, base=WORLDS.tolist()).with_columns(
            p99_completion_s=pl.when(new)
            .then(place.replace_strict(dict(enumerate(p99))))
            .otherwise(place.replace_strict(dict(enumerate(WORLDS.tolist())))),
            mean_fidelity=pl.when(new)
            .then(place.replace_strict(dict(enumerate(kept))))
            .otherwise(pl.lit(0.9)),
        )
        verdict = judge(table, "new", ("base",), "mean_completion_s", "min", guards=guards)
        return verdict.reasons

    noise = RNG.normal(1.0, 0.02, 30)
    same, worse = (WORLDS * noise).tolist(), (WORLDS * noise * 1.06).tolist()
    good, bad = (0.9 * noise).tolist(), (0.8 * noise).tolist()
    both = {"p99_completion_s": 0.05, "mean_fidelity": 0.05}
    assert told(both, same, good) == ()
    assert told({}, worse, bad) == ()
    (found,) = told(both, worse, good)
    assert found.startswith("guard p99_completion_s: may be ")
    assert found.endswith(" % worse than base, of which 5 % are allowed")
    (found,) = told(both, same, bad)
    assert found.startswith("guard mean_fidelity: may be 1")
    assert len(told({"p99_completion_s": 0.0}, same, good)) == 1, "no proof that it is not worse"


def test_a_rival_without_any_is_not_got_worse_than() -> None:
    none = trials(new=BETTER, base=WORLDS.tolist())
    guard = {"violations": 0.0}
    assert judge(none, "new", ("base",), "mean_completion_s", "min", guards=guard).promoted
    some = none.with_columns(violations=pl.when(pl.col("policy") == "new").then(1).otherwise(0))
    found = judge(some, "new", ("base",), "mean_completion_s", "min", guards=guard).reasons
    assert found == ("30 infeasible decisions", "guard violations: 1, where base has 0")


def test_the_best_of_many_needs_more() -> None:
    values = (WORLDS * 0.9 + RNG.normal(0.0, WORLDS.mean() * 0.14, 30)).tolist()
    table = trials(new=values, base=WORLDS.tolist())

    def beaten(level: float) -> bool:
        return judge(table, "new", ("base",), "mean_completion_s", "min", level=level).promoted

    levels = [1.0 - 0.05 / m for m in (1, 10, 1000)]
    found = [beaten(level) for level in levels]
    assert found == sorted(found, reverse=True)
    (rival,) = judge(table, "new", ("base",), "mean_completion_s", "min").rivals
    apart = np.array(values) - WORLDS
    half = radius(30, 0.95) * apart.std(ddof=1) / np.sqrt(30)
    assert rival.decisive.high == pytest.approx(apart.mean() + half)


def test_more_can_be_better() -> None:
    table = trials(new=WORLDS.tolist(), base=BETTER)
    assert judge(table, "new", ("base",), "mean_completion_s", "max").promoted
