"""Due times and values of the jobs of one replicate, by the law of their workload."""

from dataclasses import replace

import numpy as np

from qcbench.cloud.scenario import Scenario
from qcbench.workload.deadlines import Deadlines, with_deadlines


def draw_deadlines(scenario: Scenario, law: Deadlines, rng: np.random.Generator) -> Scenario:
    """Return a scenario whose jobs have the due times and values that a law gives them.

    Raises:
        InputError: a model lacks a figure, or the law does not fit the jobs.
    """
    task_s = scenario.estimates.exec_s.min(axis=1)
    best_s = scenario.workload.alone_s(task_s, scenario.rules.classical.speed)
    return replace(scenario, workload=with_deadlines(scenario.workload, law, best_s, rng))
