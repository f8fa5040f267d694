"""What the card of an exported policy says of how it was trained."""

from importlib.metadata import version
from math import isfinite

from qcbench.agents.evaluation import Evaluation
from qcbench.agents.run_folder import RunFolder
from qcbench.agents.tuned_agent import Tuned
from qcbench.bench.manifest import versions
from qcbench.policies.exported.card import Provenance

PACKAGES = ("torch", "gymnasium")
"""Whose versions matter for training besides those that matter for a simulation."""


def provenance_of(
    folder: RunFolder, baseline: str, steps: int, found: Evaluation | None, elapsed_s: float
) -> Provenance:
    """Return where a policy comes from.

    Args:
        folder: of the training run.
        baseline: against which it was judged.
        steps: decisions after which it was exported.
        found: what was found about it; None where it was not judged.
        elapsed_s: time that it was trained.
    """
    config = folder.config
    figures: dict[str, float | str | None] = {"steps": float(steps)}
    if found is not None:
        figures |= {
            "split": "validation",
            "worlds": float(found.worlds),
            "baseline": baseline,
            found.metric: found.mean,
            f"{found.metric}_of_baseline": found.baseline,
            "relative_percent": found.relative_percent,
            "relative_percent_low": found.low,
            "relative_percent_high": found.high,
            "violations": float(found.violations),
            **found.figures,
        }
    packages = ("cmaes",) if isinstance(config.agent, Tuned) else PACKAGES
    return Provenance(
        command=folder.command,
        scenario=", ".join(scenario.name for scenario in config.scenarios),
        seeds={"training": config.seed},
        versions={**versions(), **{name: version(name) for name in packages}},
        evaluation={k: v for k, v in figures.items() if not isinstance(v, float) or isfinite(v)},
        notes=f"agent {config.agent.name}, trained {elapsed_s:.0f} s in all",
    )
