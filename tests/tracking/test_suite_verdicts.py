"""Verdicts over a suite: the overall decides, no scenario or guard may be lost beyond chance."""

import numpy as np
import polars as pl
import pytest

from qcbench.arrays import FloatArray
from qcbench.stats.pooled import Pairs, losses, overall
from qcbench.stats.summary import summarise
from qcbench.tracking.tries import Judge
from qcbench.tracking.verdict import Verdict, judge
from qcbench.tracking.verdict_view import as_data, figures_of

METRIC = "mean_completion_s"
WORLDS = 30


def worlds(seed: int = 0) -> dict[str, FloatArray]:
    """Three scenarios whose times are of very different lengths."""
    rng = np.random.default_rng(seed)
    return {name: rng.lognormal(place, 0.4, WORLDS) for place, name in enumerate("abc")}


def trials(new: dict[str, FloatArray], base: dict[str, FloatArray], **more: float) -> pl.DataFrame:
    """Trials of two policies; `more` are further metrics, of the new one over the other."""
    rows = [
        {
            "scenario": scenario,
            "policy": policy,
            "replicate": place,
            "status": "done",
            "error": None,
            METRIC: float(value),
            **{k: float(v if policy == "new" else 1.0) * (9 + place % 3) for k, v in more.items()},
        }
        for policy, found in (("new", new), ("base", base))
        for scenario, column in found.items()
        for place, value in enumerate(column)
    ]
    return pl.DataFrame(rows, schema_overrides={"error": pl.String})


def judged(table: pl.DataFrame, *, losses_allowed: bool = False, **guards: float) -> Verdict:
    return judge(
        table, "new", ("base",), METRIC, "min", guards=guards, losses_allowed=losses_allowed
    )


def times(factors: dict[str, float], seed: int = 1) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    base = worlds()
    return {name: base[name] * f * rng.lognormal(0, 0.02, WORLDS) for name, f in factors.items()}


def test_the_overall_is_that_of_the_leaderboard() -> None:
    table = trials(times({"a": 0.9, "b": 1.0, "c": 0.95}), worlds())
    found = judged(table).rivals[0].relative_percent
    row = summarise(table, metric=METRIC, baseline="base", resamples=50).overall.row(
        by_predicate=pl.col("policy") == "new", named=True
    )
    assert found.value == pytest.approx(row["relative_percent"])
    # The same standard error; the interval holds at all numbers of worlds and is wider.
    assert found.low < row["relative_low"] < row["relative_high"] < found.high


def test_better_overall_and_lost_somewhere() -> None:
    """One loss beyond chance is enough, unless the judge allows it."""
    good = judged(trials(times({"a": 0.9, "b": 0.95, "c": 0.97}), worlds()))
    assert good.promoted
    assert good.rivals[0].lost == ()
    table = trials(times({"a": 0.7, "b": 1.05, "c": 0.9}), worlds())
    found = judged(table)
    assert found.rivals[0].beaten
    assert found.reasons == (f"worse than base in b ({_percent(found, 'b')} %)",)
    assert judged(table, losses_allowed=True).promoted
    table = trials(times({"a": 1.1, "b": 1.05, "c": 0.99}), worlds())
    worse = judged(table)
    assert worse.reasons[0] == "worse than base"
    assert worse.reasons[1].startswith("worse than base in a (+")
    assert " %), b (+" in worse.reasons[1]
    assert judged(trials(worlds(), worlds())).reasons == ("no difference to base beyond chance",)


def _percent(found: Verdict, scenario: str) -> str:
    return f"{found.rivals[0].scenarios[scenario].relative(0.95).value:+.1f}"


def test_guards_hold_overall_and_in_every_scenario() -> None:
    new, base = times({"a": 0.9, "b": 0.9, "c": 0.9}), worlds()
    assert judged(trials(new, base, p99_completion_s=1.01), p99_completion_s=0.05).promoted
    (found,) = judged(trials(new, base, p99_completion_s=1.06), p99_completion_s=0.05).reasons
    assert found.endswith(" % worse than base, of which 5 % are allowed")
    table = trials(new, base, p99_completion_s=1.0, mean_fidelity=1.0)
    place = (pl.col("policy") == "new") & (pl.col("scenario") == "b")
    once = table.with_columns(
        p99_completion_s=pl.when(place)
        .then(1.1 * pl.col("p99_completion_s"))
        .otherwise(pl.col("p99_completion_s"))
    )
    (found,) = judged(once, p99_completion_s=0.05).reasons
    assert found == "guard p99_completion_s: more than 5 % worse than base in b (+10.0 %)"
    assert judged(once, losses_allowed=True, p99_completion_s=0.05).promoted
    # The fidelity that no QPU of a scenario has, and a scenario without violations.
    bare = once.with_columns(
        mean_fidelity=pl.when(pl.col("scenario") == "a").then(None).otherwise("mean_fidelity")
    )
    assert judged(bare, mean_fidelity=0.02).promoted
    none = bare.with_columns(mean_fidelity=pl.lit(None, pl.Float64))
    (found,) = judged(none, mean_fidelity=0.02).reasons
    assert found == "guard mean_fidelity: no trial has it; leave it out of guards"
    zero = table.with_columns(restarts=pl.when(place).then(2.0).otherwise(0.0))
    (found,) = judged(zero, restarts=0.0).reasons
    assert found == "guard restarts: 2, where base has 0 in b"


def test_what_ails_a_scenario_is_named() -> None:
    table = trials(times({"a": 0.9, "b": 0.9, "c": 0.9}), worlds()).with_columns(
        largest_share=pl.when((pl.col("policy") == "new") & (pl.col("scenario") == "c"))
        .then(1.0)
        .otherwise(0.4)
    )
    assert judged(table).reasons == ("collapsed: 100.0% of its tasks are on one QPU of c",)
    negative = trials(times({"a": 0.9, "b": 0.9, "c": 0.9}), {**worlds(), "c": -worlds()["c"]})
    assert judged(negative).reasons[0].startswith("no ratio to base in every scenario")


def test_losses_are_corrected_for_the_number_of_scenarios() -> None:
    """Of twenty equal scenarios one in twenty suites has a loss at most; here of 200 suites."""
    rng = np.random.default_rng(2)
    false = 0
    for _ in range(200):
        drawn = rng.normal(10.0, 1.0, (20, 2, 25))
        found = {str(k): Pairs.of(own, other, "min") for k, (own, other) in enumerate(drawn)}
        false += bool(losses(found, "min", 0.0, 0.95))
    assert false <= 10
    assert losses({"x": Pairs.of(np.full(20, 2.0), np.ones(20), "min")}, "min", 0.5, 0.95) == ["x"]
    assert losses({"x": Pairs.of(np.full(20, 2.0), np.ones(20), "min")}, "min", 1.0, 0.95) == []
    assert losses({"x": Pairs.of(np.full(20, 2.0), np.ones(20), "max")}, "max", 0.0, 0.95) == []
    assert losses({"x": Pairs.of(np.ones(20), np.full(20, 2.0), "max")}, "max", 0.4, 0.95) == ["x"]
    assert losses({"x": Pairs(), "y": Pairs()}, "min", 0.0, 0.95) == []
    assert np.isnan(overall({"x": Pairs(), "y": Pairs()}, 0.95).value)


def test_everything_is_told_with_figures() -> None:
    verdict = judged(
        trials(times({"a": 0.7, "b": 1.05, "c": 0.9}), worlds(), p99_completion_s=1.0),
        p99_completion_s=0.05,
    )
    figures = figures_of(verdict)
    assert figures[f"{METRIC}/b"] == pytest.approx(verdict.means["b"])
    assert figures["relative_to_baseline_percent"] < 0.0
    assert (figures["worse_than_baseline"], figures["worlds"]) == (1.0, 90.0)
    assert figures["guard_p99_completion_s_percent_high"] == pytest.approx(0.0)
    by = Judge("", "0", METRIC, "min", {"p99_completion_s": 0.05}, "many", losses=False)
    told = as_data(verdict, by, "models:/placement@champion", 1, None)
    assert (told["promoted"], told["version"], told["reasons"]) == (False, None, [*verdict.reasons])
    assert told["judge"]["suite"] == "many"
    assert [each["worse"] for each in told["rivals"][0]["scenarios"]] == [False, True, False]
    assert told["guards"][0]["kept"]
