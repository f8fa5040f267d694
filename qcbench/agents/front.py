"""What a policy reaches with several values of one parameter: a front, and its hypervolume."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from qcbench.bench.metrics.names import check_metric
from qcbench.configs import config
from qcbench.errors import InputError
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.stats.fronts import volumes
from qcbench.stats.goals import Goal, check_goals
from qcbench.tracks import TRACKS, Track

HYPERVOLUME = "hypervolume"
"""What takes the place of the metric: the volume that a front dominates, as on leaderboards."""

Row = dict[str, Any]


@config
class Front:
    """A policy as the front of what it reaches.

    Attributes:
        parameter: of the policy: what is a matter of taste.
        values: of it.
        goals: the reference point is so many times the mean of the baseline; two or three.
        rival: policy whose front is compared with, which has that parameter too; the baseline
            alone where None.
    """

    parameter: str
    values: list[float]
    goals: list[Goal]
    rival: str | None = None

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise InputError(f"agent.front.values: {len(self.values)}; at least 2 make a front")
        if len(set(self.values)) < len(self.values):
            raise InputError(f"agent.front.values: {self.values}; one of them is there twice")
        check_goals("agent.front.goals", self.goals)

    def check(self, track: Track, policies: Sequence[PolicyConfig]) -> None:
        """Check that policies have the parameter, and trials the metrics.

        Raises:
            InputError: they have not.
        """
        rivals = [] if self.rival is None else [PolicyConfig(name=self.rival)]
        for policy in [*policies, *rivals]:
            registry.check_parameters(track, policy)
            for setting in self.settings(policy):
                registry.check_parameters(track, setting)
        for goal in self.goals:
            check_metric(track, goal.metric, "agent.front.goals")

    def settings(self, policy: PolicyConfig) -> list[PolicyConfig]:
        """Return a policy with each of the values."""
        return [
            replace(policy, parameters={**policy.parameters, self.parameter: value})
            for value in self.values
        ]

    def has(self, track: Track, policy: PolicyConfig) -> bool:
        """Whether a policy has the parameter."""
        return self.parameter in registry.find(track, policy.name).parameters

    def add_volumes(
        self, rows: Sequence[Row], settings: Sequence[Sequence[Row]], reference: Mapping[str, float]
    ) -> list[Row]:
        """Return the rows of a policy with the hypervolume of its front in every world.

        Args:
            rows: of the policy as it is, one a world.
            settings: of each setting. What a trial that was cut off has done counts for nothing:
                the figures are those of the few tasks that ended.
            reference: mean of each goal under the baseline.

        Returns:
            The rows; they are cut off where that of a setting is, and have the violations of all.
        """
        signs = np.array([goal.sign for goal in self.goals])
        factors = np.array([goal.reference for goal in self.goals])
        means = np.array([reference[goal.metric] for goal in self.goals])
        points = np.array(
            [[[_number(row, goal.metric) for goal in self.goals] for row in of] for of in settings]
        ).transpose(1, 0, 2)
        found = volumes(points * signs, means, factors)
        worlds = zip(rows, zip(*settings, strict=True), found.tolist(), strict=True)
        return [{**row, **_soundness(of), HYPERVOLUME: volume} for row, of, volume in worlds]

    def check_means(self, means: Mapping[str, float], baseline: str, scenario: str) -> None:
        """Check that there is a reference point.

        Raises:
            InputError: there is none.
        """
        for name, mean in means.items():
            if not (isfinite(mean) and mean > 0.0):
                raise InputError(
                    f"agent.front.goals: {name} of {baseline} is {mean:g} on average in "
                    f"{scenario}, and a reference point is a multiple of it; choose another metric"
                )


def compared_with(track: Track, baseline: str | None, front: Front | None) -> str:
    """Return the policy that a training is compared with.

    Args:
        baseline: that is named; of the track where None.
        front: has a rival, or the baseline is that; it gives the reference point then, too.
    """
    if front is not None and front.rival is not None:
        return front.rival
    return baseline or TRACKS[track].baseline


def _number(row: Row, metric: str) -> float:
    value = None if row["truncated"] else row.get(metric)
    return np.nan if value is None else float(value)


def _soundness(settings: Sequence[Row]) -> Row:
    """Return whether a trial of one of the settings was cut off, and the violations of all."""
    found: Row = {"truncated": any(row["truncated"] for row in settings)}
    known = [row["violations"] for row in settings if row.get("violations") is not None]
    return found | ({"violations": sum(known)} if known else {})
