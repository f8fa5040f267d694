"""Due times of random worlds, with which tasks are often just in time, and often too late."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from qcbench.cloud.scenario import Scenario

LEFT_S = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 3.5, 8.0, np.inf])
"""From arrival to due time; multiples of a quarter, as the times of these worlds are."""


@st.composite
def with_due_times(draw: Any, scenarios: st.SearchStrategy[Scenario]) -> Scenario:
    """Scenarios, most with due times that are observed, or for which tasks are dropped."""
    scenario: Scenario = draw(scenarios)
    rule = draw(st.sampled_from([None, None, "observe", "drop", "drop"]))
    if rule is None:
        return scenario
    workload = scenario.workload
    left_s = draw(st.lists(LEFT_S, min_size=len(workload), max_size=len(workload)))
    due_s = workload.arrival_s + np.array(left_s, dtype=np.float64)
    value = np.resize([1.0, 0.0, 2.5], len(workload)) if draw(st.booleans()) else None
    return replace(
        scenario,
        workload=replace(workload, due_s=due_s, value=value),
        rules=replace(scenario.rules, deadlines=rule),
    )
