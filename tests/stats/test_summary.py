"""The leaderboard's numbers from a result table."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from synthetic_trials import synthetic_trials

from qcbench.bench.trial import COORDINATES
from qcbench.errors import InputError
from qcbench.stats.profiles import performance_profile, performance_ratios
from qcbench.stats.summary import summarise
from qcbench.stats.table import NO_METRIC, metrics

METRIC, BASELINE = "total_completion_s", "earliest_completion"


def summary_of(trials, **changes):
    arguments = {"metric": METRIC, "baseline": BASELINE, "resamples": 1000} | changes
    return summarise(trials, **arguments)


def of(frame, policy, scenario="qce5-paper"):
    if "scenario" in frame.columns:
        frame = frame.filter(pl.col("scenario") == scenario)
    return frame.filter(pl.col("policy") == policy).row(0, named=True)


def test_numbers_are_those_of_the_rows():
    trials = synthetic_trials()
    row = of(summary_of(trials).scenarios, "greedy")
    here = trials.filter(pl.col("scenario") == "qce5-paper").sort("replicate")
    own = here.filter(pl.col("policy") == "greedy")[METRIC].to_numpy()
    base = here.filter(pl.col("policy") == BASELINE)[METRIC].to_numpy()
    assert row["n"] == row["pairs"] == 30
    assert row["mean"] == pytest.approx(own.mean())
    assert row["iqm"] == pytest.approx(np.sort(own)[7:23].mean())
    assert row["difference"] == pytest.approx((own - base).mean())
    assert row["relative_percent"] == pytest.approx(100 * (own.mean() / base.mean() - 1))
    assert row["probability_of_improvement"] == pytest.approx((own < base).mean())
    assert row["ci_low"] < row["mean"] < row["ci_high"]
    assert row["relative_low"] < row["relative_percent"] < row["relative_high"]


def test_overall_is_the_geometric_mean_over_scenarios():
    summary = summary_of(synthetic_trials())
    row = of(summary.overall, "greedy")
    own = summary.scenarios.filter(pl.col("policy") == "greedy")
    assert row["scenarios"] == 3
    assert row["mean_rank"] == pytest.approx(own["rank"].mean())
    ratios = 1 + own["relative_percent"].to_numpy() / 100
    assert row["relative_percent"] == pytest.approx(100 * (ratios.prod() ** (1 / 3) - 1))
    narrow = row["relative_high"] - row["relative_low"]
    single = (own["relative_high"] - own["relative_low"]).mean()
    assert narrow == pytest.approx(single / np.sqrt(3), rel=0.25)
    assert summary.overall["policy"][0] == "lookahead"
    compared = summary.overall.filter(pl.col("scenarios") == 3)
    assert compared["relative_percent"].is_sorted()
    assert summary.overall["rank"].is_sorted()


def test_other_policies_change_no_order():
    """Mean ranks may flip with policies that are beside the point; ratios of means cannot."""
    trials = synthetic_trials()
    everyone = summary_of(trials).overall["policy"].to_list()
    for gone in everyone:
        if gone != BASELINE:
            fewer = summary_of(trials.filter(pl.col("policy") != gone)).overall
            assert fewer["policy"].to_list() == [name for name in everyone if name != gone]


def test_the_order_is_that_of_any_baseline():
    trials = synthetic_trials(failures=False)
    orders = [summary_of(trials, baseline=name).overall["policy"].to_list() for name in
              ("earliest_completion", "greedy", "random")]  # fmt: skip
    assert orders[0] == orders[1] == orders[2]


@pytest.mark.parametrize("replicates", [1, 2, 4, 5])
def test_below_five_worlds_nothing_is_claimed(replicates):
    summary = summary_of(synthetic_trials(replicates=replicates, failures=False))
    for frame in (summary.scenarios, summary.overall):
        claims = frame.filter(pl.col("policy") != BASELINE)["p_value"].is_not_null()
        assert claims.all() if replicates >= 5 else not claims.any()
    ends = summary.scenarios.select("rank_low", "rank_high").unique().rows()
    assert (ends == [(1, 11)]) == (replicates < 5)


def test_metrics_that_can_be_zero_are_compared_without_ratios():
    trials = synthetic_trials(replicates=6, failures=False)
    none = trials.with_columns(m=pl.col("replicate") * 0.0)
    overall = summary_of(none, metric="m").overall
    assert overall["relative_percent"].null_count() == 11
    assert overall["rank"].to_list() == [6.0] * 11
    assert overall["p_value"].null_count() == 11


def test_failures_and_absences_are_counted_and_pairs_matched():
    trials = synthetic_trials(replicates=8, policies=("greedy", "lookahead", BASELINE))
    gone = (pl.col("policy") == "greedy") & pl.col("replicate").is_in([0, 1])
    row = of(summary_of(trials.filter(~gone)).scenarios, "greedy")
    assert (row["n"], row["failed"], row["missing"], row["pairs"]) == (6, 0, 2, 6)
    row = of(summary_of(trials).scenarios, "lookahead")
    assert (row["n"], row["failed"], row["missing"], row["pairs"]) == (7, 1, 0, 7)


def test_a_metric_that_a_finished_trial_lacks_is_missing():
    trials = synthetic_trials(replicates=5, failures=False)
    undefined = (pl.col("policy") == "greedy") & (pl.col("replicate") < 2)
    trials = trials.with_columns(
        pl.when(undefined).then(float("nan")).otherwise(METRIC).alias(METRIC)
    )
    row = of(summary_of(trials).scenarios, "greedy")
    assert (row["n"], row["failed"], row["missing"]) == (3, 0, 2)


def test_a_policy_that_always_fails_stays_on_the_board():
    trials = synthetic_trials(replicates=5, policies=("greedy", "random", BASELINE))
    trials = trials.with_columns(
        pl.when(pl.col("policy") == "random")
        .then(pl.lit("failed"))
        .otherwise("status")
        .alias("status")
    )
    summary = summary_of(trials)
    row = of(summary.scenarios, "random")
    assert (row["n"], row["failed"], row["mean"], row["relative_percent"]) == (0, 5, None, None)
    assert row["rank"] == 3.0
    assert summary.overall["policy"][-1] == "random"


def test_order_of_rows_and_other_scenarios_change_nothing():
    trials = synthetic_trials()
    summary = summary_of(trials)
    keys = ["scenario", "policy"]
    shuffled = summary_of(trials.sample(fraction=1.0, shuffle=True, seed=3))
    assert_frame_equal(
        summary.scenarios.sort(keys), shuffled.scenarios.sort(keys), rel_tol=1e-12, abs_tol=1e-9
    )
    assert_frame_equal(summary.overall, shuffled.overall, rel_tol=1e-12, abs_tol=1e-9)
    one = summary_of(trials.filter(pl.col("scenario") == "qce5-paper"))
    assert_frame_equal(one.scenarios, summary.scenarios.filter(pl.col("scenario") == "qce5-paper"))


def test_another_policy_changes_only_ranks_and_claims():
    trials = synthetic_trials()
    fewer = summary_of(trials.filter(pl.col("policy") != "weighted")).scenarios
    everyone = summary_of(trials).scenarios.filter(pl.col("policy") != "weighted")
    ranks = ["rank", "rank_low", "rank_high", "p_value"]  # which is of one comparison fewer
    assert_frame_equal(fewer.drop(ranks), everyone.drop(ranks), rel_tol=1e-12, abs_tol=1e-9)


def test_seed_decides_the_intervals():
    trials = synthetic_trials(replicates=10)
    assert_frame_equal(summary_of(trials, seed=4).scenarios, summary_of(trials, seed=4).scenarios)
    assert not summary_of(trials, seed=5).scenarios.equals(summary_of(trials, seed=4).scenarios)


def test_more_is_better_where_the_goal_says_so():
    summary = summary_of(synthetic_trials(), metric="mean_fidelity", goal="max")
    assert summary.overall["policy"][0] == "best_fidelity"
    row = of(summary.scenarios, "best_fidelity")
    assert row["relative_percent"] > 0
    assert row["probability_of_improvement"] > 0.8


def test_one_replicate_gives_numbers_without_intervals():
    row = of(summary_of(synthetic_trials(replicates=1)).scenarios, "greedy")
    assert row["mean"] > 0
    assert row["ci_low"] is None
    assert row["relative_high"] is None


def test_collapsed_is_flagged_only_where_others_are_not():
    trials = synthetic_trials()
    overall = summary_of(trials).overall
    assert overall.filter(pl.col("collapsed") > 0)["policy"].to_list() == ["dqn_collapsed"]
    everyone = trials.with_columns(largest_share=pl.lit(1.0))
    assert summary_of(everyone).overall["collapsed"].sum() == 0
    by_entropy = summary_of(trials.drop("largest_share")).overall
    assert of(by_entropy, "dqn_collapsed")["collapsed"] == 3
    neither = trials.drop("largest_share", "choice_entropy")
    assert summary_of(neither).overall["collapsed"].sum() == 0


def test_intervals_cover_the_true_difference():
    """Two policies whose true means are known, over many simulated suites."""
    rng = np.random.default_rng(8)
    covered = 0
    for run in range(150):
        world = rng.normal(100.0, 20.0, 12)
        trials = pl.DataFrame(
            {
                "scenario": "s",
                "policy": ["a"] * 12 + ["b"] * 12,
                "replicate": list(range(12)) * 2,
                "status": "done",
                "error": "",
                "x": np.concatenate([world, world + 5.0 + rng.normal(0, 6.0, 12)]),
            }
        )
        row = summarise(trials, metric="x", baseline="a", seed=run, resamples=600).scenarios.row(
            1, named=True
        )
        covered += row["difference_low"] <= 5.0 <= row["difference_high"]
    assert 0.90 <= covered / 150 <= 0.99


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metric": "total_completion"}, "did you mean total_completion_s"),
        ({"metric": "error"}, "'error' is no numeric column"),
        ({"baseline": "earliest_complet"}, "did you mean earliest_completion"),
        ({"goal": "less"}, "neither min nor max"),
    ],
)
def test_bad_questions(changes, words):
    with pytest.raises(InputError, match=words) as caught:
        summary_of(synthetic_trials(replicates=2), **changes)
    assert "\n" not in str(caught.value)


def test_bad_tables():
    trials = synthetic_trials(replicates=3)
    with pytest.raises(InputError, match="it has no trial"):
        summary_of(trials.clear())
    with pytest.raises(InputError, match="column replicate is missing"):
        summary_of(trials.drop("replicate"))
    with pytest.raises(InputError, match=r"replicate 0 of qce5-paper / .* occurs more than once"):
        summary_of(pl.concat([trials, trials]))
    failed = trials.with_columns(status=pl.lit("failed"), error=pl.lit("KeyError:\n'x'"))
    with pytest.raises(InputError, match=r"all 99 trials failed.*; first error: KeyError: 'x'"):
        summary_of(failed)


def test_coordinates_are_no_metrics():
    assert set(COORDINATES) <= NO_METRIC
    assert metrics(synthetic_trials(replicates=1))[0] == "tasks"


def test_profile_counts_trials_near_the_best():
    trials = synthetic_trials()
    policies, ratio = performance_ratios(trials, metric=METRIC)
    assert ratio.shape == (90, 11)
    assert ratio.min(axis=1) == pytest.approx(1.0)
    assert np.isinf(ratio[:, policies.index("lookahead")]).sum() == 3
    profile = performance_profile(trials, metric=METRIC)
    at_one = profile.filter(pl.col("tau") == 1.0)
    assert at_one["share"].sum() == pytest.approx(1.0)
    for policy in policies:
        curve = profile.filter(pl.col("policy") == policy)
        assert curve["share"].is_sorted()
        tau, share = curve["tau"][120], curve["share"][120]
        assert share == pytest.approx((ratio[:, policies.index(policy)] <= tau).mean())
    top = profile.group_by("policy").agg(pl.col("share").max())
    assert of(top, "lookahead")["share"] == pytest.approx(87 / 90)


def test_profile_turns_with_the_goal_and_needs_one_sign():
    trials = synthetic_trials(replicates=4)
    policies, ratio = performance_ratios(trials, metric="mean_fidelity", goal="max")
    assert np.nanmin(ratio) == 1.0
    assert (ratio[:, policies.index("best_fidelity")] == 1.0).mean() > 0.5
    negative = trials.with_columns(pl.col(METRIC) - 1e6)
    assert performance_profile(negative, metric=METRIC).is_empty()


def test_profile_of_a_metric_that_can_be_zero():
    _, ratio = performance_ratios(synthetic_trials(replicates=4), metric="violations")
    assert set(np.unique(ratio)) <= {1.0, np.inf}


def test_a_dominating_policy_is_on_top_everywhere():
    trials = synthetic_trials(failures=False)
    faster = trials.with_columns(
        pl.when(pl.col("policy") == "greedy").then(1.0).otherwise(METRIC).alias(METRIC)
    )
    profile = performance_profile(faster, metric=METRIC)
    assert (profile.filter(pl.col("policy") == "greedy")["share"] == 1.0).all()
    others = profile.filter((pl.col("policy") != "greedy") & (pl.col("tau") < 300.0))
    assert (others["share"] == 0.0).any()
