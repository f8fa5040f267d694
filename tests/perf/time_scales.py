"""Policies on a scenario and on the same one with all times multiplied, as Markdown.

    python -m tests.perf.time_scales hybrid/heron5 POLICY ... [--factors 1 16] [--worlds 8]
        [--overrides workload.arrivals.load=1.1 ...] [--metrics mean_job_s p99_job_s]

A policy is a name, or the folder of a trained one. Worlds are the first of split `test`, which no
training sees. Arrivals, executions, classical work, communication, horizon and warm-up are
multiplied; that is the same cloud, so what has no units of its own decides as before, and to the
bit where the factor is a power of two. What is printed is the ratio to the track's baseline of
means over worlds, with a 95 % interval by a paired bootstrap over worlds.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.bench.environments import world_source
from qcbench.bench.metrics.names import metrics_of
from qcbench.cloud.scenario import Scenario
from qcbench.envs.worlds import WorldSource, checked_world
from qcbench.kernels import engine
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.tracks import TRACKS
from tests.perf.allocation_champion import ratio


def slower(scenario: Scenario, factor: float) -> Scenario:
    """Return the same cloud with all times multiplied."""
    rules, estimates = scenario.rules, scenario.estimates
    if rules.failures is not None or rules.classical.cold_start is not None:
        raise ValueError(f"{scenario.name}: failures and cold starts are not scaled here")
    horizon_s = None if rules.horizon_s is None else rules.horizon_s * factor
    links = scenario.physics.links
    found = replace(
        scenario,
        workload=replace(scenario.workload, arrival_s=scenario.workload.arrival_s * factor),
        rules=replace(
            rules,
            horizon_s=horizon_s,
            warm_up_s=rules.warm_up_s * factor,
            classical=replace(rules.classical, speed=rules.classical.speed / factor),
        ),
        physics=replace(
            scenario.physics, links=replace(links, time_per_qubit_s=links.time_per_qubit_s * factor)
        ),
    )
    # The models that give the executions have units: what they gave is multiplied.
    found.__dict__["estimates"] = replace(
        estimates, exec_s=estimates.exec_s * factor, price=estimates.price * factor
    )
    return found


def policy_of(told: str) -> PolicyConfig:
    """Return a policy by its name, or by the folder of a trained one."""
    if "/" in told or ":" in told:
        return PolicyConfig(name="learned", parameters={"path": told})
    return PolicyConfig(name=told)


def values_of(
    source: WorldSource, worlds: int, factor: float, policy: PolicyConfig, metrics: Sequence[str]
) -> FloatArray:
    """Return metrics in every world, shape (worlds, metrics)."""
    found = []
    for index in range(worlds):
        scenario, streams = checked_world(source, "test", index)
        scenario = slower(scenario, factor)
        context = PolicyContext(scenario.fleet, np.random.default_rng(index))
        records = engine.simulate(scenario, policy, context, streams)
        figures = metrics_of(scenario.track)(records, scenario.rules.warm_up_s)
        found.append([float(figures[metric]) for metric in metrics])
    return np.array(found)


def main(
    scenario: str,
    policies: Sequence[str],
    factors: Sequence[float],
    worlds: int,
    overrides: Sequence[str],
    metrics: Sequence[str],
) -> None:
    """Print a table."""
    source = world_source(scenario, overrides=list(overrides))
    info = TRACKS[source.track]
    metrics = metrics or [info.metric]
    print(f"`{scenario}` {' '.join(overrides)}, {worlds} worlds\n")
    print(f"| times | metric | `{info.baseline}` | {' | '.join(policies)} |")
    print("|---" * (3 + len(policies)) + "|")
    for factor in factors:
        base, *others = (
            values_of(source, worlds, factor, policy_of(each), metrics)
            for each in (info.baseline, *policies)
        )
        for place, metric in enumerate(metrics):
            ratios = [ratio(own[:, place], base[:, place], scenario) for own in others]
            mean = f"{base[:, place].mean():,.4g}"
            print(f"| x {factor:g} | `{metric}` | {mean} | {' | '.join(ratios)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario")
    parser.add_argument("policies", nargs="+")
    parser.add_argument("--factors", type=float, nargs="+", default=[1.0, 16.0])
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--overrides", nargs="*", default=[])
    parser.add_argument("--metrics", nargs="*", default=[])
    main(**vars(parser.parse_args()))
