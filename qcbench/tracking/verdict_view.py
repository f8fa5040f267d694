"""How a verdict is told to machines: the figures of a version in MLflow, and `verdict.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.bench.run_names import VERDICT
from qcbench.errors import InputError
from qcbench.files import read_json, to_json, write_text
from qcbench.stats.intervals import Estimate
from qcbench.storage.mirror import push
from qcbench.storage.places import shown_path
from qcbench.tracking.tries import Judge
from qcbench.tracking.verdict import Rival, Verdict

ANEW = "move it away; MLflow has what was registered, and `qcbench promote` judges anew"
"""What to do about one that cannot be read."""


def figures_of(verdict: Verdict) -> dict[str, float]:
    """Return the figures that go with a version and with a try.

    Of one scenario the means by the metric's name, of a suite by metric and scenario.
    """
    several = len(verdict.means) > 1

    def means(name: str, found: Mapping[str, float]) -> dict[str, float]:
        return {f"{name}/{key}" if several else name: mean for key, mean in found.items()}

    found = {**means(verdict.metric, verdict.means), "worlds": float(verdict.rivals[0].worlds)}
    for rival, kind in zip(reversed(verdict.rivals), ("baseline", "champion"), strict=False):
        found |= means(f"{verdict.metric}_of_{kind}", rival.means)
        found |= _ends(f"relative_to_{kind}_percent", rival.relative_percent)
        if several:
            found[f"worse_than_{kind}"] = float(len(rival.lost))
    for guard in verdict.guards:
        found |= _ends(f"guard_{guard.metric}_percent", guard.relative_percent)
    if verdict.entropy is not None:
        found["choice_entropy"] = verdict.entropy
    return {name: value for name, value in found.items() if np.isfinite(value)}


def as_data(
    verdict: Verdict, by: Judge, wanted: str, tries: int, version: int | None
) -> dict[str, Any]:
    """Return a verdict as JSON data; a figure that there is not is NaN."""
    return {
        "policy": verdict.label,
        "for": wanted,
        "promoted": verdict.promoted,
        "version": version,
        "reasons": list(verdict.reasons),
        "judge": by.as_data(),
        "tries": tries,
        "worlds": verdict.worlds,
        "means": dict(verdict.means),
        "violations": verdict.violations,
        "rivals": [_of_rival(rival, verdict.metric) for rival in verdict.rivals],
        "guards": [
            {"metric": guard.metric, "share": guard.share, "kept": not guard.reason}
            | _ends("relative_percent", guard.relative_percent)
            for guard in verdict.guards
        ],
    }


def write_verdict(run: Path, data: Mapping[str, Any]) -> None:
    """Keep a verdict beside the trials that it is from.

    Raises:
        InputError: the folder cannot be written.
    """
    path = run / VERDICT
    write_text(path, to_json(data, str(path), null=True, indent=2) + "\n")
    push(path)


def outcome_in(run: Path) -> str:
    """Return in a few words what came of a promotion, from its folder; empty without a verdict."""
    path = run / VERDICT
    if not path.is_file():
        return ""
    try:
        said: Any = read_json(path)
        promoted, version = said["promoted"], said["version"]
        told = f"{said['policy']} for {said['for']}"
        if promoted:
            return f"{told}: promoted, version {version}"
        return f"{told}: not promoted: {'; '.join(said['reasons'])}"
    except (KeyError, TypeError) as error:
        raise InputError(f"{shown_path(path)}: is no verdict ({error!r}); {ANEW}") from None
    except InputError as error:
        raise InputError(f"{error}; {ANEW}") from None


def was_promoted(run: Path) -> bool:
    """Whether the candidate of a verdict that `outcome_in` tells was promoted."""
    data: Any = read_json(run / VERDICT)
    return bool(data["promoted"])


def _of_rival(rival: Rival, metric: str) -> dict[str, Any]:
    return {
        "policy": rival.label,
        "beaten": rival.beaten,
        "worlds": rival.worlds,
        "probability_of_improvement": rival.probability,
        **_ends("relative_percent", rival.relative_percent),
        "scenarios": [
            {
                "scenario": name,
                "worlds": pairs.n,
                metric: pairs.own,
                f"{metric}_of_rival": pairs.other,
                "probability_of_improvement": pairs.probability,
                "worse": name in rival.lost,
                **_ends("relative_percent", pairs.relative(rival.level)),
            }
            for name, pairs in rival.scenarios.items()
        ],
    }


def _ends(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
