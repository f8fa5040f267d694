"""Trials on one world that are added up as soon as they are over: nobody wants their records."""

import numpy as np

from qcbench.arrays import FloatArray
from qcbench.cloud.execution import DONE
from qcbench.cloud.summary import Summaries
from qcbench.kernels.compiling import compiled_for, kind_of
from qcbench.kernels.engine import AnyPolicy
from qcbench.kernels.placement.step import Table
from qcbench.kernels.placement.summary import Known, add_up, make_sums, summaries_of
from qcbench.kernels.placement.trial import TrialWorld, simulated
from qcbench.physics import fidelity
from qcbench.physics.config import PartsFidelity
from qcbench.policies.protocol import PolicyContext


class PlacementSums:
    """Adds up so many trials at most, see `qcbench.kernels.engine.Summing`."""

    def __init__(self, world: TrialWorld, trials: int) -> None:
        scenario, worlds, state = world.scenario, world.worlds, world.state
        self._world = world
        self._warm_up_s = float(scenario.rules.warm_up_s)
        prices = scenario.fleet.prices()
        self._known = Known(worlds.arrival_s, worlds.fidelity, worlds.stride, 1, prices)
        # Fidelity is that of the estimates, or else found for what was executed.
        self._as_estimated = world.drift is None and not isinstance(
            scenario.physics.fidelity, PartsFidelity
        )
        self._sums = make_sums(trials, worlds.width, len(scenario.fleet))
        self._added = 0
        given = self._known, state.clouds, state.servers, world.rows(), 0.0, self._sums, 0
        self._add_up = compiled_for(add_up, given, (world.kind, kind_of(self._known)))

    def add(self, policy: AnyPolicy, context: PolicyContext) -> None:
        """Simulate a trial, and add it up; one that fails is none of them."""
        world, known = self._world, self._known
        rows = simulated(world, policy, context)
        clouds, servers = world.state.clouds, world.state.servers
        if not self._as_estimated:
            known = known._replace(fidelity=self._fidelity(rows), stride=1, each=0)
        self._add_up(known, clouds, servers, rows, self._warm_up_s, self._sums, self._added)
        self._added += 1

    def summaries(self) -> Summaries:
        """Return those that were added, in their order."""
        return summaries_of(self._sums, self._added)

    def _fidelity(self, rows: Table) -> FloatArray:
        """Return the fidelity of the tasks that are done, as records have it, shape (T,)."""
        world = self._world
        arrived = rows[: int(world.state.clouds["next_arrival"][0])]
        task = np.flatnonzero(arrived["status"] == DONE)
        qpu = arrived["qpu"][task].astype(np.int64)
        found = world.splits.of_whole(task, qpu)
        if world.drift is not None:
            errors = world.drift.multiplier(qpu, arrived["start_s"][task])
            found = fidelity.drifted(found, errors)
        of_task = np.empty(world.worlds.width)
        of_task[task] = found
        return of_task
