"""A policy with a twin is one file: found by its name, compiled, and equal to the SimPy cloud."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

OWN = {
    "placement": """
import numpy as np
from qcbench.policies.twins import Memory, Placing

def policy(context):
    return lambda view: int(np.flatnonzero(view.feasible)[-1])

def twin(view: Placing, memory: Memory) -> int:
    return last(view)

def last(view):
    choice = 0
    for q in range(view.qpus):
        if view.exec_s[view.task_at + q] < np.inf:
            choice = q
    return choice
""",
    "queueing": """
from qcbench.policies.ranking import least

def policy(context):
    return least(context, figure)

def figure(task):
    return task.attained_s - task.priority
""",
    "allocation": """
from typing import NamedTuple
import numpy as np
from qcbench.arrays import IntArray
from qcbench.policies.splitting import one_after_the_other, split_of
from qcbench.policies.twins import Splitting

class Backwards(NamedTuple):
    order: IntArray

def policy(context):
    size = len(context.fleet)
    chain_qpu, chain_qubits, order = [0] * size, [0] * size, list(range(size))[::-1]

    def decide(view):
        free = view.free_qubits.tolist()
        if sum(free) < view.task_qubits:
            return None
        parts = one_after_the_other(view.task_qubits, order, free, chain_qpu, chain_qubits)
        return split_of(parts, chain_qpu, chain_qubits)

    return decide

def remember(context):
    return Backwards(np.arange(len(context.fleet))[::-1].copy())

def twin(view: Splitting, memory: Backwards) -> int:
    return one_after_the_other(
        view.task_qubits, memory.order, view.free, view.chain_qpu, view.chain_qubits
    )
""",
}
SCENARIOS = {
    "placement": ("placement/qce5", ["workload.tasks=50"]),
    "queueing": (
        "serverless/small",
        ["rules.horizon_s=900", "rules.warm_up_s=0", "rules.records=tasks"],
    ),
    "allocation": ("allocation/eagle5", ["workload.tasks=40"]),
}
# The package's own policies are out of sight, so that only this one is compiled.
SCRIPT = """
import importlib, sys
import qcbench
track, folder, scenario, *overrides = sys.argv[1:]
importlib.import_module(f"qcbench.policies.{track}").__path__[:] = [folder]
from qcbench.kernels import twins
assert twins.names(track) == ("own",), twins.names(track)
def refused(*_):
    raise AssertionError("asked in Python")
expected = qcbench.simulate(scenario, "own", seed=3, overrides=overrides)
track_of = importlib.import_module(f"qcbench.kernels.{track}.simulate")
if track == "placement":
    track_of.EventTrial.ask = refused
elif track == "queueing":
    track_of.Simulation.ask = refused
else:
    track_of._ask = refused
found = qcbench.simulate(scenario, "own", seed=3, engine="compiled", overrides=overrides)
for name in ("start_s", "finish_s", "order", "status"):
    own, other = getattr(found, name), getattr(expected, name)
    assert own.tobytes() == other.tobytes(), name
assert list(found.parts) == list(expected.parts)
assert len(set(found.start_s.tolist())) > 10
"""


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize("track", OWN)
def test_a_policy_with_a_twin_is_one_file(track: str, tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "own.py").write_text(f'"""The policy of a test."""\n{OWN[track]}')
    scenario, overrides = SCENARIOS[track]
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, track, str(folder), scenario, *overrides],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
