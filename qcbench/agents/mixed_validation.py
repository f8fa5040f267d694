"""How good a policy is that learns on several scenarios: judged on each, and all count alike."""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path

import numpy as np

from qcbench.agents.config import ValidationConfig
from qcbench.agents.evaluation import Evaluation, Validation
from qcbench.agents.front import Front
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.sums import added
from qcbench.tracks import TRACKS

FEWEST = 8
"""Worlds of a source, where no number is given."""


class MixedValidation:
    """See `Validation`.

    Attributes:
        parts: one for each source.
        baseline: of all.
        count: worlds of all.
    """

    def __init__(self, parts: Sequence[Validation]) -> None:
        self.parts = list(parts)
        self.baseline = parts[0].baseline
        self.count = sum(part.count for part in parts)

    def judge(self, folder: Path) -> Evaluation:
        """Run the exported policy in a folder on all worlds of all sources.

        Its metric is the mean of the ratios to the baseline, one for each source. `mean_rank` is
        that of the policy beside the baseline over all worlds: 1 where it is always better.
        """
        compared = [part.compare(folder) for part in self.parts]
        found = [evaluation for evaluation, _ in compared]
        relative = float(np.mean([each.relative_percent for each in found]))
        # Sources have worlds of their own, so that what is not known of each adds up in squares.
        half = sqrt(added((each.high - each.low) ** 2 for each in found)) / 2.0 / len(found)
        figures = {"mean_rank": 2.0 - float(np.mean([better for _, better in compared]))}
        # NumPy's pass on what is not known.
        worst = np.max if found[0].goal == "min" else np.min
        figures["worst_percent"] = float(worst([each.relative_percent for each in found]))
        for part, each in zip(self.parts, found, strict=True):
            figures[f"{part.name}/relative_percent"] = each.relative_percent
            figures |= {
                f"{part.name}/{name}": value
                for name, value in each.figures.items()
                if name.startswith(("p99", "makespan"))
            }
        return Evaluation(
            metric=f"{found[0].metric}_ratio",
            worlds=self.count,
            mean=1.0 + relative / 100.0,
            baseline=1.0,
            relative_percent=relative,
            low=relative - half,
            high=relative + half,
            goal=found[0].goal,
            violations=sum(each.violations for each in found),
            truncated=sum(each.truncated for each in found),
            collapsed=any(each.collapsed for each in found),
            figures={name: value for name, value in figures.items() if np.isfinite(value)},
            unknown=sum(each.unknown for each in found),
        )


def validation_of(
    sources: Sequence[ScenarioWorlds], judged: ValidationConfig, front: Front | None = None
) -> Validation | MixedValidation:
    """Return the worlds that a training is judged on.

    Raises:
        InputError: as of `Validation`, or there is no ratio to the baseline in one of several.
    """
    count = judged.worlds
    if len(sources) > 1 and count is None:
        count = max(FEWEST, TRACKS[sources[0].track].validation_worlds // len(sources))
    parts = [
        Validation(worlds, count=count, metric=judged.metric, baseline=judged.baseline, front=front)
        for worlds in sources
    ]
    if len(parts) == 1:
        return parts[0]
    for part in parts:
        if not abs(part.baseline_mean) > 0.0:
            raise part.without_ratio("several scenarios")
    return MixedValidation(parts)
