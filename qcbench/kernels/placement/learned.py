"""Trained policies of the track compiled, see `qcbench.policies.placement.learned`."""

from typing import Any

import numpy as np

from qcbench.kernels import networks
from qcbench.kernels.compiling import inlined, kernel
from qcbench.kernels.networks import Network
from qcbench.kernels.placement.chances import Chances
from qcbench.kernels.placement.event_state import EventState
from qcbench.kernels.placement.events import DECIDE, decide, run_to_decision
from qcbench.kernels.placement.step import Table
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import Limits
from qcbench.policies.features import placement as features

_observe: Any = inlined(features.observe)


@kernel
def run_network(
    worlds: Worlds,
    limits: Limits,
    chances: Chances,
    state: EventState,
    rows: Table,
    network: Network,
) -> int:
    """Let a trained policy decide until the trial is over or more must be known."""
    qpus = len(worlds.qpu_qubits)
    while True:
        why = run_to_decision(worlds, limits, chances, state, rows, 0)
        if why != DECIDE:
            return why
        task, now_s = state.clouds[0].task, state.clouds[0].now_s
        task_at = task * worlds.stride
        elapsed_s, gap_s = networks.tick(network, now_s)
        _observe(
            qpus,
            now_s,
            elapsed_s,
            gap_s,
            network.memory[2],
            rows[task].violations,
            worlds.qubits[task],
            state.free_at_s,
            state.queue_length,
            state.up,
            0,
            worlds.exec_s,
            worlds.fidelity,
            worlds.price,
            task_at,
            worlds.qpu_qubits,
            0,
            network.observation,
            0,
        )
        for qpu in range(qpus):
            network.allowed[qpu] = worlds.exec_s[task_at + qpu] < np.inf
        decide(worlds, limits, chances, state, rows, 0, networks.best(network, qpus))
