"""Entries of runs that never were, with numbers of the kind that runs have."""

from typing import Any

import polars as pl
from synthetic_trials import POLICIES, SCENARIOS, synthetic_trials

from qcbench.bench.manifest import Manifest
from qcbench.bench.trial import Trial
from qcbench.publishing.entries import make_entry
from qcbench.report.run import RunDescription
from qcbench.stats.summary import Summary, summarise

METRIC, BASELINE = "total_completion_s", "earliest_completion"
QPUS = {"washington": 127, "kolkata": 27, "hanoi": 27, "perth": 7, "lagos": 7}
UNKNOWN = ("max_qubits", "family", "clops_h", "readout_error", "t1_s", "t2_s", "coupling", "source")
CARD = {"format": 1, "kind": "network", "track": "placement", "network": {"torso": [64, 64]}}


def scenario_config(name: str) -> dict[str, Any]:
    qpus = [
        {"device": device, "name": "", "count": 1, "qubits": qubits, "d1cps": 100.0 * qubits}
        | dict.fromkeys(UNKNOWN)
        for device, qubits in QPUS.items()
    ]
    return {
        "name": name,
        "description": f"{name}, made up",
        "track": "placement",
        "fleet": {"name": "qce5", "description": "five devices", "qpus": qpus},
        "workload": {"name": "mqt", "tasks": 25, "arrivals": {"law": "poisson", "load": 0.8}},
        "offered_load": 0.8,
    }


def made_up_summary(policies: int = 20, replicates: int = 12, seed: int = 0) -> Summary:
    """A summary with as many policies as told: those of the table, then copies of them."""
    base = synthetic_trials(replicates, seed=seed, shares=False)
    names = list(POLICIES)
    more = [
        base.filter(pl.col("policy") == names[each % len(names)]).with_columns(
            policy=pl.lit(f"{names[each % len(names)]}_{each // len(names) + 1}"),
            **{METRIC: pl.col(METRIC) * (1.0 + 0.013 * each)},
        )
        for each in range(max(policies - len(names), 0))
    ]
    kept = base.filter(pl.col("policy").is_in(names[:policies]))
    table = pl.concat([kept, *more])
    return summarise(table, metric=METRIC, baseline=BASELINE, resamples=200, seed=seed)


def made_up_entry(
    summary: Summary,
    number: int = 0,
    *,
    author: str | None = "Ada",
    suite: str = "placement-v1",
    report: str | None = None,
) -> dict[str, Any]:
    """An entry of a run with the policies and scenarios of a summary."""
    policies = summary.policies
    trials = tuple(
        Trial(
            ordinal=place,
            suite=suite,
            scenario=scenario,
            policy=policy,
            replicate=0,
            seed=number,
            scenario_config=scenario_config(scenario),
            policy_config={
                "name": "learned" if policy == "dqn_collapsed" else policy,
                "label": policy,
                "parameters": {"sha256": f"{number % 4:064d}"} if policy == "dqn_collapsed" else {},
            },
        )
        for place, (scenario, policy) in enumerate(
            (scenario, policy) for scenario in SCENARIOS for policy in policies
        )
    )
    identity = f"{suite}-202611{1 + number % 28:02d}-1405{number:02d}"
    manifest = Manifest(
        run_id=identity,
        suite={"name": suite, "seed": number},
        trials=trials,
        track="placement",
        keep_records=False,
        provenance={},
    )
    run = RunDescription(
        run_id=identity,
        suite={"name": suite, "description": "made up", "replicates": 12, "seed": number},
        track="placement",
        expected=len(trials) * 12,
        started=f"2026-11-{1 + number % 28:02d}T14:05:01.123000+00:00",
        versions={"qcbench": "0.1.0", "numpy": "2.4.6", "python": "3.11.7"},
        machine={"system": "Linux", "cores": 2},
        run_s=61.5,
    )
    done = int(summary.scenarios.get_column("n").sum())
    return make_entry(
        run=run,
        manifest=manifest,
        summary=summary,
        done=done,
        failed=int(summary.scenarios.get_column("failed").sum()),
        author=author,
        report=report,
    )
