"""How good a policy is that is being trained: its exported folder on the validation worlds.

What is judged are the files that would be exported, decided on by the NumPy inference that everyone
uses, on the compiled twin of the cloud. The worlds are the same at every evaluation and for the
baseline, so that differences are paired.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from qcbench.agents.front import HYPERVOLUME, Front, compared_with
from qcbench.arrays import FloatArray
from qcbench.bench.drawn import SharedWorld
from qcbench.bench.metrics.names import goal_of, metrics_of, metrics_of_summaries, plugged_among
from qcbench.bench.metrics.plugged import load_metric, measured
from qcbench.bench.seeds import policy_stream, stream
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.envs.worlds import Split, checked_world
from qcbench.errors import InputError
from qcbench.kernels.engine import Asked
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.folder import read_folder_card
from qcbench.policies.exported.reference import policy_of
from qcbench.policies.protocol import PolicyContext
from qcbench.stats.paired import paired_comparison
from qcbench.stats.summary import ONE_QPU
from qcbench.tracks import TRACKS, LearnedTrack, is_learned

LABEL = "learned"


SHOWN = (
    *("mean_completion_s", "p99_completion_s", "makespan_s", "mean_job_s", "p99_job_s"),
    *("drop_probability", "mean_fidelity", "total_communication_s", "mean_parts"),
    *("decisions", "violations", "choice_entropy", "largest_share"),
)
"""Metrics that an evaluation reports besides the one that is compared, where the track has them."""

SHARE = "share_"


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        metric: that was compared.
        worlds: on which both policies were run.
        mean, baseline: of that metric.
        relative_percent, low, high: difference to the baseline in percent of it, world by world,
            with its 95 % interval (bootstrap over worlds).
        goal: `min` if less is better, else `max`.
        violations: infeasible decisions in all worlds.
        truncated: worlds that were cut off after too many decisions.
        collapsed: nearly all tasks are on one QPU, where the baseline uses several.
        figures: means of further metrics over the worlds, shares of the QPUs among them.
        unknown: worlds in which the baseline has a value of the metric and the policy has none, as
            where it gets nothing done; no mean tells of them.
    """

    metric: str
    worlds: int
    mean: float
    baseline: float
    relative_percent: float
    low: float
    high: float
    goal: str
    violations: int
    truncated: int
    collapsed: bool
    figures: Mapping[str, float] = field(repr=False)
    unknown: int = 0

    def better_than(self, other: "Evaluation | None") -> bool:
        """Whether this policy is to be preferred: sound ones first, then by the metric."""
        if other is None:
            return True
        if self.sound != other.sound:
            return self.sound
        if np.isnan(other.mean) or np.isnan(self.mean):
            return bool(np.isnan(other.mean) and not np.isnan(self.mean))
        return self.mean < other.mean if self.goal == "min" else self.mean > other.mean

    @property
    def sound(self) -> bool:
        """No violations, no world cut off or without a value, not collapsed."""
        return not (self.violations or self.truncated or self.collapsed or self.unknown)

    @property
    def relative(self) -> str:
        """Say how far it is from the baseline, and how sure that is."""
        if not np.isfinite(self.relative_percent):
            return "no ratio to the baseline"
        value = f"{self.relative_percent:+.2f} %"
        if np.isfinite(self.low) and np.isfinite(self.high):
            return f"{value} ({self.low:+.2f} .. {self.high:+.2f})"
        return f"{value} ({'one world, ' if self.worlds == 1 else ''}no interval)"

    @property
    def line(self) -> str:
        """Say it in a line."""
        told = f"{self.mean:.4g}" if np.isfinite(self.mean) else "unknown"
        parts = [f"{self.metric} {told}, {self.relative}"]
        if "worst_percent" in self.figures:
            worst, rank = self.figures["worst_percent"], self.figures["mean_rank"]
            parts.append(f"worst scenario {worst:+.2f} %, mean rank {rank:.2f} of 2")
        if "largest_share" in self.figures:
            share, entropy = self.figures["largest_share"], self.figures["choice_entropy"]
            parts.append(f"most on one QPU {share:.0%}, entropy {entropy:.2f}")
        if self.violations:
            parts.append(f"{self.violations} violations")
        if self.truncated:
            parts.append(f"{self.truncated} of {self.worlds} worlds cut off")
        if self.unknown:
            parts.append(f"{self.unknown} of {self.worlds} worlds without a value")
        if self.collapsed:
            parts.append("COLLAPSED: nearly everything on one QPU")
        return "; ".join(parts)


class Validation:
    """The worlds on which a policy is judged, drawn once, and the baseline on them.

    Args:
        worlds: of the scenario.
        split: which of them.
        count: how many, the first of the split; the track's usual number where None.
        metric, baseline: the track's usual ones where None.
        beside: further metrics that the rows of trials are to have.
        front: policies are judged by what they reach with several values of a parameter, by the
            hypervolume in the place of the metric.

    Attributes:
        baseline_rows: metrics of the baseline in every world.

    Raises:
        InputError: a split without so many worlds, a baseline that cannot be built, or a scenario
            that cannot be compiled.
    """

    def __init__(
        self,
        worlds: ScenarioWorlds,
        *,
        split: Split = "validation",
        count: int | None = None,
        metric: str | None = None,
        baseline: str | None = None,
        beside: Sequence[str] = (),
        front: Front | None = None,
    ) -> None:
        track = worlds.track
        if not is_learned(track):
            raise InputError(f"track {track}: no agent is trained on it")
        usual = TRACKS[track]
        self.track: LearnedTrack = track
        self.metric, self._front = metric or usual.metric, front
        if front is not None:
            self.metric, beside = HYPERVOLUME, [*beside, *(goal.metric for goal in front.goals)]
        self.goal: Literal["min", "max"] = "max" if front else goal_of(self.metric)
        self.baseline = compared_with(track, baseline, front)
        there = worlds.splits.count(split)
        self.count = min(usual.validation_worlds, there) if count is None else count
        if not 1 <= self.count <= there:
            why = f" ({worlds.splits.reason})" if worlds.splits.reason else ""
            raise InputError(
                f"validation.worlds: {self.count}; split {split} of {worlds.name} has {there}{why}"
            )
        self.name = worlds.name
        self._source = worlds
        self._split: Split = split
        judged = beside if front else [self.metric, *beside]
        self._plugged = plugged_among(self.track, judged)
        self._worlds = [
            SharedWorld(
                checked_world(worlds, split, index)[0], partial(worlds.streams, split, index)
            )
            for index in range(self.count)
        ]
        first = baseline or usual.baseline
        rows = self._rows(PolicyConfig(name=first, label=first))
        self._reference: dict[str, float] = {}
        if front is not None:
            self._reference = {goal.metric: mean_of(rows, goal.metric) for goal in front.goals}
            front.check_means(self._reference, first, self.name)
            if front.rival is None:
                rows = front.add_volumes(rows, [rows], self._reference)
            else:
                rows = self.rows(PolicyConfig(name=front.rival, label=front.rival))
        self.baseline_rows = rows

    @property
    def baseline_mean(self) -> float:
        """Mean of the metric under the baseline; NaN where no world has one."""
        return mean_of(self.baseline_rows, self.metric)

    def without_ratio(self, what: str) -> InputError:
        """Return what is raised where there is no ratio to the baseline, and `what` needs one."""
        key, other = "validation.metric", "choose another metric"
        if self._front is not None:
            key, other = "agent.front", "choose other values, or references further away"
        return InputError(
            f"{key}: {self.metric} of {self.baseline} is {self.baseline_mean:g} on average in "
            f"{self.name}, and {what} are judged by the ratio to it; {other}"
        )

    def judge(self, folder: Path) -> Evaluation:
        """Run the exported policy in a folder on all worlds.

        Raises:
            InputError: it cannot be used.
        """
        return self.compare(folder)[0]

    def compare(self, folder: Path) -> tuple[Evaluation, float]:
        """Return what `judge` does, and the share of the worlds in which the policy is better."""
        config = policy_of(read_folder_card(folder), str(folder), LABEL)
        return self._compare(self.rows(registry.resolve(self.track, config)))

    def _compare(self, rows: list[dict[str, Any]]) -> tuple[Evaluation, float]:
        own, other = (_column(found, self.metric) for found in (rows, self.baseline_rows))
        rng = stream("validation", self._source.name, 0, "bootstrap", seed=self._source.seed)
        paired = paired_comparison(own, other, rng, goal=self.goal)
        relative = paired.relative_percent
        names = [name for name in SHOWN if name in rows[0] and name != self.metric]
        names += sorted({name for row in rows for name in row if name.startswith(SHARE)})
        figures = {name: mean_of(rows, name) for name in names}
        shares = [mean_of(found, "largest_share") for found in (rows, self.baseline_rows)]
        found = Evaluation(
            metric=self.metric,
            worlds=self.count,
            mean=_mean(own),
            baseline=_mean(other),
            relative_percent=relative.value,
            low=relative.low,
            high=relative.high,
            goal=self.goal,
            violations=int(np.nansum(_column(rows, "violations"))),
            truncated=sum(bool(row["truncated"]) for row in rows),
            collapsed=shares[0] >= ONE_QPU > shares[1],
            figures={name: value for name, value in figures.items() if np.isfinite(value)},
            unknown=int((np.isfinite(other) & ~np.isfinite(own)).sum()),
        )
        return found, paired.probability_of_improvement.value

    def rows(self, policy: PolicyConfig) -> list[dict[str, Any]]:
        """Return the metrics of a policy that has been resolved, in every world."""
        found, front = self._rows(policy), self._front
        if front is None:
            return found
        settings = [found]
        if front.has(self.track, policy):
            told = [registry.resolve(self.track, each) for each in front.settings(policy)]
            settings = [self._rows(each) for each in told]
        return front.add_volumes(found, settings, self._reference)

    def _rows(self, policy: PolicyConfig) -> list[dict[str, Any]]:
        source = self._source
        warm_up_s = source.config.rules.warm_up_s
        others = {name: load_metric(name) for name in self._plugged}
        found = []
        for index, world in enumerate(self._worlds):
            replicate = source.splits.replicate(self._split, index)
            rng = policy_stream(
                source.suite, source.name, replicate, policy.label, seed=source.seed
            )
            fleet = world.scenario.fleet
            context, engine = PolicyContext(fleet, rng), world.compiled
            if engine.summed is not None and not others:
                (ended,), of = engine.summed([Asked(policy, context)])
                if ended.error is not None:
                    raise ended.error
                before = {"truncated": of.truncated}
                found += metrics_of_summaries(self.track, of, fleet, before)
                continue
            records = engine.records(policy, context, world.streams())
            found.append(
                {
                    "truncated": records.truncated,
                    **metrics_of(self.track)(records, warm_up_s),
                    **{
                        name: measured(name, metric, records, warm_up_s)
                        for name, metric in others.items()
                    },
                }
            )
        return found


def _column(rows: list[dict[str, Any]], name: str) -> FloatArray:
    """Return a metric in every world, NaN where there is none."""
    values = [row.get(name) for row in rows]
    return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)


def mean_of(rows: list[dict[str, Any]], name: str) -> float:
    """Return the mean of a metric over trials that have it, NaN where none has."""
    return _mean(_column(rows, name))


def means_in_its_worlds(
    rows: list[dict[str, Any]], baseline: list[dict[str, Any]], name: str
) -> tuple[float, float]:
    """Return a policy's and the baseline's mean of a metric, over the worlds where that has one.

    The policy's is NaN where it lacks a value there: to leave out the worlds in which it gets
    nothing done would make it the better for it.
    """
    own, other = (_column(found, name) for found in (rows, baseline))
    there = np.isfinite(other)
    if not there.any():
        return float("nan"), float("nan")
    return float(own[there].mean()), float(other[there].mean())


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
