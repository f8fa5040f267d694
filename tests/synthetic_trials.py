"""A result table with realistic numbers, made without a simulator."""

import numpy as np
import polars as pl

# policy: (time factor, noise, fidelity, violations, largest share, entropy)
POLICIES = {
    "round_robin": (1.68, 0.10, 0.842, 11.8, 0.24, 0.97),
    "greedy": (1.065, 0.05, 0.851, 37.8, 0.31, 0.93),
    "greedy_error": (1.092, 0.06, 0.853, 41.7, 0.33, 0.92),
    "random": (1.93, 0.14, 0.841, 13.3, 0.25, 0.98),
    "earliest_available": (1.068, 0.045, 0.852, 0.0, 0.30, 0.93),
    "earliest_completion": (1.0, 0.04, 0.858, 0.0, 0.37, 0.88),
    "fastest": (1.41, 0.09, 0.861, 0.0, 0.72, 0.45),
    "best_fidelity": (2.35, 0.12, 0.897, 0.0, 0.64, 0.55),
    "lookahead": (0.945, 0.04, 0.859, 0.0, 0.38, 0.87),
    "weighted": (1.004, 0.045, 0.877, 0.0, 0.41, 0.84),
    "dqn_collapsed": (3.6, 0.15, 0.818, 0.0, 1.0, 0.0),
}
SCENARIOS = {"qce5-paper": 610.0, "qce5-poisson-70": 410.0, "eagle5-bursts": 2900.0}
QPUS = ("washington", "kolkata", "hanoi", "perth", "lagos")


def synthetic_trials(
    replicates: int = 30,
    *,
    policies: tuple[str, ...] = tuple(POLICIES),
    scenarios: tuple[str, ...] = tuple(SCENARIOS),
    failures: bool = True,
    shares: bool = True,
    seed: int = 0,
) -> pl.DataFrame:
    """One row a trial in the layout of `trials.parquet`."""
    rng = np.random.default_rng(seed)
    rows = []
    for scenario in scenarios:
        world = SCENARIOS[scenario] * rng.lognormal(0.0, 0.16, replicates)
        for policy in policies:
            factor, noise, fidelity, violations, largest, entropy = POLICIES[policy]
            for replicate in range(replicates):
                total = world[replicate] * factor * rng.lognormal(0.0, noise)
                row = {
                    "trial_id": f"{scenario}-{policy}-{replicate}",
                    "suite": "placement-v1",
                    "scenario": scenario,
                    "policy": policy,
                    "replicate": replicate,
                    "seed": 0,
                    "engine": "simpy",
                    "track": "placement",
                    "status": "done",
                    "error": "",
                    "tasks": 25,
                    "violations": int(rng.poisson(violations)),
                    "total_completion_s": total,
                    "mean_completion_s": total / 25,
                    "mean_wait_s": 0.7 * total / 25,
                    "mean_exec_s": 0.3 * total / 25,
                    "p95_completion_s": total / 25 * 2.4,
                    "makespan_s": 60 + total / 5,
                    "mean_fidelity": float(np.clip(fidelity + rng.normal(0, 0.01), 0, 1)),
                    "total_cost": float(40 * rng.lognormal(0, 0.1)),
                    "choice_entropy": entropy,
                    "largest_share": largest,
                }
                if shares:
                    split = rng.dirichlet(np.ones(5) * 40) if largest < 1 else np.eye(5)[0]
                    row |= {f"share_{qpu}": float(s) for qpu, s in zip(QPUS, split, strict=True)}
                rows.append(row)
    frame = pl.DataFrame(rows)
    if not failures:
        return frame
    broken = (pl.col("policy") == "lookahead") & (pl.col("replicate") == 3)
    numbers = [n for n, kind in frame.schema.items() if kind.is_numeric()]
    metrics = [n for n in numbers if n not in ("replicate", "seed")]
    return frame.with_columns(
        pl.when(broken).then(pl.lit("failed")).otherwise("status").alias("status"),
        pl.when(broken)
        .then(pl.lit("ZeroDivisionError: float division by zero"))
        .otherwise("error")
        .alias("error"),
        *(pl.when(~broken).then(name).alias(name) for name in metrics),
    )
