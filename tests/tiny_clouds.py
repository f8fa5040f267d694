"""Small clouds with execution times given by hand, which tests can work out on paper."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from qcbench.cloud.cloud import Cloud, Streams
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Dispatch, Rules
from qcbench.cloud.scenario import Scenario
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.physics.config import GivenTime, Noiseless, PhysicsConfig
from qcbench.workload.workload import ClassicalPhase, Phase, QuantumPhase, Tasks, Workload

GIVEN = PhysicsConfig(time=GivenTime(), fidelity=Noiseless())

PLACEMENT = Dispatch()
FIFO = Dispatch(qpus="shared", order="fifo")
BACKFILL = Dispatch(qpus="shared", order="backfill")
PULL = Dispatch(mode="pull")


def make_fleet(*qubits: int, **figures: Any) -> Fleet:
    """QPUs of these widths, free of charge unless told otherwise."""
    figures = {"price_per_s": 0.0, **figures}
    return Fleet(
        "tiny",
        tuple(
            QpuProfile(name=f"q{i}", qubits=n, family="tiny", **figures)
            for i, n in enumerate(qubits)
        ),
    )


def make_tasks(duration_s: Sequence[float], qubits: Sequence[int] | int = 1) -> Tasks:
    count = len(duration_s)
    zeros = np.zeros(count, dtype=np.int64)
    return Tasks(
        algorithm=["toy"] * count,
        qubits=np.broadcast_to(np.asarray(qubits, dtype=np.int64), count).copy(),
        depth=zeros,
        shots=np.ones(count, dtype=np.int64),
        two_qubit_gates=zeros,
        duration_s=np.asarray(duration_s, dtype=np.float64),
    )


def make_workload(
    arrival_s: Sequence[float],
    duration_s: Sequence[float],
    qubits: Sequence[int] | int = 1,
    **more: Any,
) -> Workload:
    arrivals = np.asarray(arrival_s, dtype=np.float64)
    return Workload(arrivals, make_tasks(duration_s, qubits), **more)


def hybrid_workload(
    arrival_s: Sequence[float], jobs: Sequence[Sequence[tuple[str, float]]], **more: Any
) -> Workload:
    """Jobs as lists of ("c", operations) and ("q", seconds)."""
    phases: list[list[Phase]] = []
    durations: list[float] = []
    for job in jobs:
        phases.append([])
        for kind, amount in job:
            if kind == "c":
                phases[-1].append(ClassicalPhase(amount))
            else:
                phases[-1].append(QuantumPhase(len(durations)))
                durations.append(amount)
    return make_workload(arrival_s, durations, phases=phases, **more)


def make_cloud(
    workload: Workload,
    fleet: Fleet,
    decide: Any,
    dispatch: Dispatch = PLACEMENT,
    *,
    streams: Streams | None = None,
    physics: PhysicsConfig = GIVEN,
    **rules: Any,
) -> Cloud:
    scenario = Scenario(fleet, workload, rules=Rules(dispatch=dispatch, **rules), physics=physics)
    return Cloud(scenario, decide, streams)


def run(
    workload: Workload, fleet: Fleet, decide: Any, dispatch: Dispatch = PLACEMENT, **more: Any
) -> Records:
    return make_cloud(workload, fleet, decide, dispatch, **more).run()


def script(*decisions: Any) -> Any:
    """A policy that takes these decisions in order."""
    turns = iter(decisions)
    return lambda _view: next(turns)
