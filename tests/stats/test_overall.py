"""What is claimed over scenarios of policies that cannot be compared in all of them."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest

from qcbench.report.comparison import verdict
from qcbench.report.rows import direction, headline
from qcbench.stats.comparison import compare_tables
from qcbench.stats.fronts import Goal
from qcbench.stats.summary import Summary, summarise

WORLDS = 20
Value = Callable[[str, str, float], float | None]


def table_of(
    value: Value, policies: Sequence[str] = ("base", "mine"), worlds: int = WORLDS
) -> pl.DataFrame:
    """Return trials of two scenarios whose worlds are drawn; a value of None is a failure."""
    rng = np.random.default_rng(5)
    rows = []
    for scenario in "AB":
        for replicate in range(worlds):
            noise = float(rng.normal())
            for policy in policies:
                found = value(scenario, policy, noise + 0.1 * float(rng.normal()))
                rows.append(
                    {
                        "scenario": scenario,
                        "policy": policy,
                        "replicate": replicate,
                        "status": "failed" if found is None else "done",
                        "m": found,
                        "error": "no luck" if found is None else None,
                    }
                )
    return pl.DataFrame(rows)


def summary_of(trials: pl.DataFrame) -> Summary:
    return summarise(trials, metric="m", baseline="base", resamples=200)


def overall(summary: Summary, policy: str) -> dict[str, object]:
    return summary.overall.filter(policy=policy).row(0, named=True)


@pytest.mark.parametrize("fails", ["mine", "base"])
@pytest.mark.parametrize("worlds", [2, WORLDS])
def test_nothing_is_claimed_of_who_finishes_nothing_in_a_scenario(fails: str, worlds: int) -> None:
    def value(scenario: str, policy: str, noise: float) -> float | None:
        if (scenario, policy) == ("A", fails):
            return None
        return 10.0 + noise if policy == "base" else 5.0 + noise

    summary = summary_of(table_of(value, worlds=worlds))
    mine = overall(summary, "mine")
    assert mine["scenarios"] == 1
    assert mine["p_value"] is None
    assert direction(mine, summary) == "unclear"
    assert mine["rank"] == (2.0 if fails == "mine" else 1.0)
    sentence = headline(summary)
    if worlds < 5:
        assert "nothing is claimed" in sentence
    else:
        assert sentence.endswith("worse beyond chance, or finishes nothing in a scenario.")
    assert ("over 1 of 2 scenarios" in sentence) == (fails == "base")


def test_a_mean_of_zero_is_not_left_out() -> None:
    def value(scenario: str, policy: str, noise: float) -> float:
        if scenario == "A":
            return 0.0 if policy == "mine" else 0.5 + 0.001 * noise
        return (0.101 if policy == "mine" else 0.1) + 0.0001 * noise

    summary = summary_of(table_of(value))
    mine = overall(summary, "mine")
    assert summary.scenarios.filter(scenario="B", policy="mine")["p_value"][0] < 0.001
    assert (mine["rank"], mine["relative_percent"], mine["p_value"]) == (1.5, None, None)
    assert (mine["rank_low"], mine["rank_high"]) == (1, 2)
    assert "Not told apart from it: mine" in headline(summary)


def test_two_means_of_zero_are_equal() -> None:
    def value(scenario: str, policy: str, noise: float) -> float:
        if scenario == "A":
            return 0.0
        return (0.12 if policy == "mine" else 0.1) + 0.001 * noise

    mine = overall(summary_of(table_of(value)), "mine")
    assert mine["scenarios"] == 1
    assert mine["relative_percent"] == pytest.approx(20.0, abs=1.0)
    assert mine["p_value"] < 0.001  # type: ignore[operator]


def test_who_ties_is_first_too() -> None:
    def value(_: str, policy: str, noise: float) -> float:
        return 12.0 if policy == "base" else 10.0 + 0.0 * noise

    summary = summary_of(table_of(value, ("base", "mine", "twin")))
    assert overall(summary, "mine")["wins"] == overall(summary, "twin")["wins"] == 2
    assert overall(summary, "base")["wins"] == 0
    assert "first in 2 of 2 scenarios, as is twin" in headline(summary)


def test_a_scenario_without_a_whole_world_has_no_front() -> None:
    trials = table_of(lambda *_: 1.0, worlds=3).with_columns(f=pl.lit(0.5))
    begun = trials.filter((pl.col("scenario") == "A") | (pl.col("policy") == "base"))
    goals = [
        Goal(metric="m", goal="min", reference=3.0),
        Goal(metric="f", goal="max", reference=0.95),
    ]
    fronts = summarise(begun, metric="m", baseline="base", resamples=50, goals=goals).fronts
    assert fronts is not None
    assert fronts.scenarios["worlds"].to_list() == [3, 0]
    assert fronts.scenarios["hypervolume"].to_list()[1] is None
    assert fronts.attainment.filter(scenario="B").is_empty()


def test_a_comparison_says_of_how_many_nothing_is_claimed() -> None:
    def told(fails: str) -> str:
        def value(_: str, policy: str, noise: float) -> float | None:
            return None if policy in fails else 10.0 + noise

        policies = ("base", "mine", "twin")
        first = table_of(lambda _s, _p, noise: 10.0 + noise**2, policies)
        return verdict(compare_tables(first, table_of(value, policies), metric="m", goal="min"))

    none = "The m differs beyond chance in none of 6 pairs of scenario and policy"
    few = "elow 5 common worlds nothing is claimed"
    assert "beyond chance in 6 of 6" in told("")
    assert "beyond chance in 4 of 6" in told("twin")
    assert none not in told("twin")
    first = table_of(lambda _s, _p, noise: 10.0 + noise)
    second = first.with_columns(m=pl.col("m").reverse().over("scenario", "policy"))
    lacking = second.with_columns(
        m=pl.when(policy="mine").then(None).otherwise("m"),
        status=pl.when(policy="mine").then(pl.lit("failed")).otherwise("status"),
    )
    found = verdict(compare_tables(first, lacking, metric="m", goal="min"))
    assert found.endswith(f"none of 4 pairs of scenario and policy; b{few}, as in 2 of them.")
    short = first.filter(pl.col("replicate") < 3)
    found = verdict(compare_tables(short, second, metric="m", goal="min"))
    assert found == f"B{few} of the m."


def test_the_best_is_not_said_to_beat_who_beats_it() -> None:
    """Where trials fail every two policies may have worlds of their own, and go round."""
    rng = np.random.default_rng(0)
    rows = []
    for replicate in range(60):
        pair = ("a", "b", "c", "a")[replicate // 20 : replicate // 20 + 2]
        for policy in ("a", "b", "c"):
            better = 10.0 * rng.lognormal(0.0, 0.01)
            done = policy in pair
            rows.append(
                {"scenario": "s", "policy": policy, "replicate": replicate}
                | {"status": "done" if done else "failed"}
                | {"m": better * (1.0 + 0.2 * pair.index(policy)) if done else None}
            )
    found = summarise(pl.DataFrame(rows), metric="m", baseline="a", resamples=50)
    best = found.overall.row(0, named=True)
    assert best["policy"] == "a"
    p_best = dict(found.overall.select("policy", "p_best").iter_rows())
    assert p_best == {"a": None, "b": 0.0, "c": None}
    assert "Every other policy is worse" not in headline(found)
