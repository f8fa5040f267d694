"""QSimPy's protocol on a published task file: `python -m tests.perf.qsimpy TASKS.csv`.

Fresh QPUs for every subset, the arrivals that QSimPy draws. Prints the mean over the subsets of the
total of wait and execution, with its standard error, beside the means that the original gives for
subsets 1 to 100.
"""

import sys
from pathlib import Path

import numpy as np

from qcbench.bench.compose import compose_scenario
from qcbench.bench.scenario import build_scenario
from qcbench.cloud.cloud import Cloud
from qcbench.errors import InputError
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.workload.formats.published_csv import read_published_csv

ORIGINAL = {
    "earliest_completion": (608.4, 0.0),
    "greedy": (647.2, 37.8),
    "earliest_available": (650.0, 0.0),
    "greedy_error": (664.1, 41.7),
    "round_robin": (1051.5, 11.8),
    "random": (1173.0, 13.3),
    "lookahead": None,
}
DRAWS = {"random": 40, "lookahead": 10}
"""Repetitions of policies that draw random numbers."""


def measure(path: str, policy: str) -> tuple[np.ndarray, np.ndarray]:
    """Total completion [s] and violations of each subset, averaged over draws."""
    fleet = "qce5-readout" if policy == "greedy_error" else "qce5"
    config = compose_scenario(
        "placement/qsimpy-file", [f"fleet={fleet}", f"workload.circuits.path={path}"]
    )
    totals: list[float] = []
    violations: list[float] = []
    for replicate in range(subsets(path)):
        scenario = build_scenario(config, "qsimpy", replicate, seed=0)
        runs = []
        for draw in range(DRAWS.get(policy, 1)):
            rng = np.random.default_rng([replicate, draw])
            decide = registry.make(
                "placement", PolicyConfig(name=policy), PolicyContext(scenario.fleet, rng)
            )
            runs.append(Cloud(scenario, decide).run())
        totals.append(float(np.mean([(r.wait_s + r.exec_s).sum() for r in runs])))
        violations.append(float(np.mean([r.violations.sum() for r in runs])))
    return np.array(totals), np.array(violations)


def subsets(path: str) -> int:
    """Return how many subsets a file has; one without any has none to measure.

    Raises:
        InputError: it cannot be used, or has no subsets.
    """
    found = len(read_published_csv(Path(path)).subset_ids())
    if not found:
        raise InputError(f"{path}: has no subsets")
    return found


def main(path: str) -> None:
    """Print the table."""
    print("policy               subsets  total completion [s]   original  violations  original")
    for policy, original in ORIGINAL.items():
        totals, violations = measure(path, policy)
        error = totals.std(ddof=1) / np.sqrt(len(totals)) if len(totals) > 1 else float("nan")
        beside = ("", "") if original is None else (f"{original[0]:.1f}", f"{original[1]:.1f}")
        print(
            f"{policy:<20} {len(totals):>7}  {totals.mean():>10.1f} +- {error:<8.1f}"
            f" {beside[0]:>10} {violations.mean():>11.1f} {beside[1]:>9}"
        )


if __name__ == "__main__":
    main(sys.argv[1])
