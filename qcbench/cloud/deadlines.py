"""Due times and values of the jobs of one replicate, by the law of their workload."""

import numpy as np

from qcbench.cloud.estimates import estimate
from qcbench.cloud.rules import Rules
from qcbench.fleet.profile import Fleet
from qcbench.physics.config import PhysicsConfig
from qcbench.workload.deadlines import Deadlines, with_deadlines
from qcbench.workload.workload import Workload


def draw_deadlines(
    workload: Workload,
    law: Deadlines | None,
    fleet: Fleet,
    physics: PhysicsConfig,
    rules: Rules,
    rng: np.random.Generator,
) -> Workload:
    """Return the jobs with the due times and values that a law gives them on a fleet.

    Raises:
        InputError: a model lacks a figure, or the law does not fit the jobs.
    """
    if law is None:
        return workload
    splits = rules.dispatch.qpus == "shared"
    estimates = estimate(workload.tasks, fleet, physics, splits=splits)
    best_s = workload.alone_s(estimates.exec_s.min(axis=1), rules.classical.speed)
    return with_deadlines(workload, law, best_s, rng)
