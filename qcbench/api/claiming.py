"""Published claims, measured: from a claim to its findings and its verdict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.api.suites import compose_run
from qcbench.arrays import FloatArray
from qcbench.bench.claim import (
    ClaimConfig,
    ClaimVerdict,
    GamesMeasure,
    MeasuredNumber,
    ProblemMeasure,
    TrialsMeasure,
)
from qcbench.bench.config import SuiteConfig
from qcbench.bench.progress import Kind, make_progress
from qcbench.bench.run import run_trial
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.errors import InputError, nearest
from qcbench.extras import door
from qcbench.kernels import engine
from qcbench.loading import starts_work
from qcbench.policies.batch.problem import Batch
from qcbench.policies.batch.small import small_games
from qcbench.stats.claims import change
from qcbench.stats.intervals import Estimate, student_mean, wilson_interval
from qcbench.stats.verdicts import answer_of, level_of_each

ROUNDING = 1e-9
"""Ratios of costs that exceed 4/3 by less do not exceed it."""


@door()
@starts_work
def check_claim(
    claim: ClaimConfig, config_dirs: Sequence[Path] = (), progress: Kind = "auto"
) -> ClaimVerdict:
    """Measure a claim, in this process, on the compiled engine where there is one.

    Raises:
        InputError: a suite, scenario, policy or metric that there is not.
    """
    if claim.trials is not None:
        findings = list(_of_trials(claim.trials, config_dirs, progress))
    elif claim.games is not None:
        findings = list(_of_games(claim.games))
    else:
        assert claim.problem is not None  # noqa: S101 - the config has one of the three
        findings = [_of_problem(claim.problem)]
    scaled = [
        replace(
            found,
            value=found.value * claim.scale,
            low=found.low * claim.scale,
            high=found.high * claim.scale,
        )
        for found in findings
    ]
    estimates = [(Estimate(found.value, found.low, found.high), found.worlds) for found in scaled]
    answer = answer_of(estimates, claim.least, claim.most)
    return ClaimVerdict(answer=answer, date=f"{datetime.now(UTC):%Y-%m-%d}", findings=scaled)


def _of_trials(
    measure: TrialsMeasure, config_dirs: Sequence[Path], progress: Kind
) -> Iterator[MeasuredNumber]:
    told = compose_run([f"suite={measure.suite}", *measure.overrides], config_dirs)
    suite, against = told.suite, measure.against
    known = [entry.name for entry in suite.scenarios]
    scenarios = measure.scenarios or known
    wanted = {*scenarios, *([against.scenario] if against and against.scenario else [])}
    policies = {*measure.policies, *([against.policy] if against and against.policy else [])}
    _check("scenario", wanted, known, suite)
    _check("policy", policies, [each.label for each in suite.policies], suite)
    rows = _rows(
        replace(
            suite,
            scenarios=[entry for entry in suite.scenarios if entry.name in wanted],
            policies=[each for each in suite.policies if each.label in policies],
        ),
        config_dirs,
        progress,
    )
    level = level_of_each(len(scenarios) * len(measure.policies))
    for scenario in scenarios:
        for policy in measure.policies:
            values = _values(rows, scenario, policy, measure.metric)
            names = [scenario] if len(scenarios) > 1 else []
            names += [policy] if len(measure.policies) > 1 else []
            if against is None:
                values = values[np.isfinite(values)]
                found = student_mean(values, level)
            else:
                other = _values(
                    rows,
                    against.scenario or scenario,
                    against.policy or policy,
                    against.metric or measure.metric,
                )
                paired = against.scenario in ("", scenario)
                present = np.isfinite(values) & np.isfinite(other) if paired else None
                values, other = (
                    side[np.isfinite(side) if present is None else present]
                    for side in (values, other)
                )
                percent = measure.unit == "percent"
                found = change(values, other, percent=percent, paired=paired, level=level)
            if not np.isfinite(found.value):
                raise InputError(
                    f"claim: {measure.metric} of {policy} in {scenario} is undefined in every "
                    "world; name another metric"
                )
            of = ", ".join(names) or scenario
            yield MeasuredNumber(
                of=of, value=found.value, low=found.low, high=found.high, worlds=len(values)
            )


def _check(kind: str, wanted: set[str], known: Sequence[str], suite: SuiteConfig) -> None:
    for name in sorted(wanted):
        if name not in known:
            raise InputError(f"suite {suite.name}: has no {kind} {name}{nearest(name, known)}")


def _rows(
    suite: SuiteConfig, config_dirs: Sequence[Path], progress: Kind
) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Run the trials of a suite, and return the result rows by scenario and policy."""
    scenarios = suite_scenarios(suite, config_dirs)
    if not any(engine.hindrance(scenario.track, scenario.rules) for scenario in scenarios):
        suite = replace(suite, engine="compiled")
    # Worlds one after the other, so that each is drawn once.
    trials = sorted(expand(suite, scenarios), key=lambda trial: (trial.scenario, trial.replicate))
    rows: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    shown = make_progress(progress)
    shown.start(len(trials), 0)
    try:
        for done, trial in enumerate(trials, start=1):
            rows.setdefault((trial.scenario, trial.policy), []).append(run_trial(trial).row)
            shown.update(done)
    finally:
        shown.stop()
    return rows


def _values(
    rows: dict[tuple[str, str], list[Mapping[str, Any]]], scenario: str, policy: str, metric: str
) -> FloatArray:
    """Return a metric in every world, NaN where a trial does not have it."""
    own = rows[scenario, policy]
    if metric not in own[0]:
        raise InputError(
            f"metric {metric}: is no column of the result table{nearest(metric, own[0])}"
        )
    return np.array([row[metric] for row in own], dtype=np.float64)


def _of_games(measure: GamesMeasure) -> Iterator[MeasuredNumber]:
    level = level_of_each(len(measure.definitions))
    for definition in measure.definitions:
        count = 0
        for found in small_games(measure.game, definition, measure.games):
            if measure.share == "several_equilibria":
                count += found.equilibria > 1
            else:
                count += found.worst is not None and found.worst > 4 / 3 + ROUNDING
        share = count / measure.games
        low, high = wilson_interval(share, measure.games, level)
        yield MeasuredNumber(of=definition, value=share, low=low, high=high, worlds=measure.games)


def _of_problem(measure: ProblemMeasure) -> MeasuredNumber:
    batch = Batch(
        np.array(measure.capacities),
        np.array(measure.unit_prices),
        np.array(measure.demands),
        measure.definition,
    )
    if measure.quantity == "least_cost":
        value = batch.optimal_cost
    else:
        held = np.array(measure.allocation, dtype=np.int64).sum(axis=0)
        value = float((held - batch.capacities).max())
    return MeasuredNumber(of="problem", value=value, low=value, high=value, worlds=0)
