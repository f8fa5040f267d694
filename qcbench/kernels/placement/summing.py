"""Trials on one world that are added up as soon as they are over: nobody wants their records.

Those whose twins need nothing but the fleet, most of a suite's, run one after the other in one
compiled call; what others need of Python between two of their steps takes as long as they do.
"""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.cloud.execution import DONE
from qcbench.cloud.summary import Summaries
from qcbench.errors import CODE_ERRORS, InputError
from qcbench.fleet.profile import Fleet
from qcbench.identity import MadeOnce
from qcbench.kernels.compiling import compiled_for, kernel, kind_of
from qcbench.kernels.engine import AnyPolicy, Asked, Ended
from qcbench.kernels.placement.chances import Chances
from qcbench.kernels.placement.event_state import EventState, begin
from qcbench.kernels.placement.events import ENDED, MORE_CHANGES
from qcbench.kernels.placement.outcome import ROW
from qcbench.kernels.placement.step import Table
from qcbench.kernels.placement.summary import Known, Sums, add_up, make_sums, summaries_of
from qcbench.kernels.placement.trial import TrialWorld, run_plain, script_ended, simulated
from qcbench.kernels.placement.worlds import Worlds
from qcbench.kernels.rules import Limits
from qcbench.kernels.timing import processor_us
from qcbench.kernels.twins import NOBODY, Twin, draws, no_twin, twin_at_first
from qcbench.physics import fidelity
from qcbench.physics.config import PartsFidelity
from qcbench.policies.twins import Drawn, Memory
from qcbench.sums import added

NEXT, BEGUN = range(2)
"""How far a call has come: which trial is next, and whether that has begun."""


class Twins(NamedTuple):
    """The twins of N trials.

    Attributes:
        rules: of each, `NOBODY` of a trial that is over and only to be added up, shape (N,).
        whole, real: what they remember, one after the other.
        cuts: where the memory of each begins in both, and where the last ends, shape (N + 1, 2).
        drawn: for all of them, who draw nothing.
        places: where each is added up, shape (N,).
    """

    rules: IntArray
    whole: IntArray
    real: FloatArray
    cuts: IntArray
    drawn: Drawn
    places: IntArray


def summed(world: TrialWorld, asked: Sequence[Asked]) -> tuple[list[Ended], Summaries]:
    """Simulate trials and add them up, see `qcbench.kernels.engine.Simulator`."""
    return _Summing(world, len(asked)).run(asked)


class Kept(NamedTuple):
    """What is left of N trials to be added up.

    Attributes:
        clouds, servers, rows: see `summary.add_up`; of all trials, or of one, which is added up
            before the next begins.
        own: 1 where each trial has its own of them, and its own fidelity, else 0.
    """

    clouds: Table
    servers: Table
    rows: Table
    own: int


class _Summing:
    """Adds up so many trials."""

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
        self._kept = Kept(state.clouds, state.servers, world.rows(), 0)
        if not self._as_estimated:
            clouds, servers = np.tile(state.clouds, trials), np.tile(state.servers, trials)
            self._kept = Kept(clouds, servers, np.empty(trials * worlds.width, dtype=ROW), 1)
        self._sums = make_sums(trials, worlds.width, len(scenario.fleet))
        self._ended: list[Ended] = [Ended(0.0, 0.0)] * trials

    def run(self, asked: Sequence[Asked]) -> tuple[list[Ended], Summaries]:
        """Run all, and return how each ended and the sums of those that did not fail."""
        ready = _ready(self._world.scenario.fleet, *[each.policy for each in asked])
        if ready.twins is not None:
            self._run_together(ready.twins)
        for place in ready.others:
            self._run_alone(asked[place], place)
        done = [place for place, ended in enumerate(self._ended) if ended.error is None]
        if done and not self._as_estimated:
            known = self._known._replace(fidelity=self._fidelity(done), stride=1, each=0)
            self._call(_over(done), known)
        return self._ended, summaries_of(self._sums, done)

    def _run_together(self, first: Twins) -> None:
        """Run trials that their twins know how to begin."""
        twins = first._replace(whole=first.whole.copy(), real=first.real.copy())
        began_s = time.perf_counter()
        taken_us, errors = self._call(twins, self._known)
        took_s = time.perf_counter() - began_s
        told_s = [1e-6 * taken for taken in taken_us.tolist()]
        of_all = took_s / (added(told_s) or 1.0)
        for cpu_s, place in zip(told_s, twins.places.tolist(), strict=True):
            self._ended[place] = Ended(cpu_s * of_all, cpu_s, errors.get(place))

    def _run_alone(self, asked: Asked, place: int) -> None:
        """Run a trial that Python has a part in."""
        began_s, processor_s = time.perf_counter(), time.process_time()
        error: BaseException | None = None
        try:
            rows = simulated(self._world, *asked)
            if self._as_estimated:
                self._kept = self._kept._replace(rows=rows)
                self._call(_over([place]), self._known)
            else:
                self._keep(rows, place)
        except CODE_ERRORS as raised:
            error = raised
        self._ended[place] = Ended(
            time.perf_counter() - began_s, time.process_time() - processor_s, error
        )

    def _call(self, twins: Twins, known: Known) -> tuple[IntArray, dict[int, BaseException]]:
        """Run trials and add them up; return how long each took [us], and the errors by place."""
        world = self._world
        errors: dict[int, BaseException] = {}
        taken_us, progress = np.zeros(len(twins.rules), dtype=np.int64), np.zeros(2, dtype=np.int64)
        more = self._kept, twins, known, self._warm_up_s, self._sums, taken_us, progress
        given = (*_clouds_of(world), *more)
        run: Any = compiled_for(run_and_add_up, given, (world.kind, kind_of(self._known)))
        while (why := run(*given)) != ENDED:
            error: BaseException = script_ended("")
            if why == MORE_CHANGES:
                try:
                    world.extend()
                except InputError as too_many:
                    error = too_many
                else:
                    given = (*_clouds_of(world), *more)
                    continue
            errors[int(twins.places[progress[NEXT]])] = error
            progress[:] = progress[NEXT] + 1, 0
        return taken_us, errors

    def _keep(self, rows: Table, place: int) -> None:
        """Keep what is left of a trial that is over."""
        state, kept = self._world.state, self._kept
        tasks, qpus = len(rows), len(state.servers)
        kept.clouds[place] = state.clouds[0]
        kept.servers[place * qpus : (place + 1) * qpus] = state.servers
        kept.rows[place * tasks : (place + 1) * tasks] = rows

    def _fidelity(self, trials: Sequence[int]) -> FloatArray:
        """Return the fidelity of tasks that are done, as records have it, shape (N * T,).

        Args:
            trials: that are done.
        """
        world, tasks = self._world, self._world.worlds.width
        status = self._kept.rows["status"].reshape(-1, tasks)
        done = np.zeros(status.shape, dtype=np.bool_)
        done[trials] = status[trials] == DONE
        at = np.flatnonzero(done)
        qpu = self._kept.rows["qpu"][at].astype(np.int64)
        found = world.splits.of_whole(at % tasks, qpu)
        if world.drift is not None:
            errors = world.drift.multiplier(qpu, self._kept.rows["start_s"][at])
            found = fidelity.drifted(found, errors)
        of_task = np.empty(len(self._kept.rows))
        of_task[at] = found
        return of_task


def _clouds_of(world: TrialWorld) -> tuple[Worlds, Limits, Chances, EventState]:
    return world.worlds, world.limits, world.chances, world.state


class Ready(NamedTuple):
    """Policies of trials on one world that are ready to be run.

    Attributes:
        twins: before their first decision; None where there is no such trial.
        others: places of trials that Python has a part in.
    """

    twins: Twins | None
    others: tuple[int, ...]


def _made_ready(fleet: Fleet, *policies: AnyPolicy) -> Ready:
    places, twins, others = [], [], []
    for place, policy in enumerate(policies):
        try:
            twin = twin_at_first("placement", policy, fleet)
        except CODE_ERRORS:  # its trial says why
            twin = None
        if twin is None or draws("placement", twin):
            others.append(place)
        else:
            places.append(place)
            twins.append(twin)
    return Ready(twins_of(twins, places) if twins else None, tuple(others))


_ready = MadeOnce(_made_ready)


def _over(places: Sequence[int]) -> Twins:
    """Return what stands in the place of the twins of trials that are only to be added up."""
    trials = len(places)
    return Twins(
        rules=np.full(trials, NOBODY),
        whole=np.zeros(0, dtype=np.int64),
        real=np.zeros(0),
        cuts=np.zeros((trials + 1, 2), dtype=np.int64),
        drawn=no_twin().drawn,
        places=np.array(places),
    )


def twins_of(twins: Sequence[Twin], places: Sequence[int]) -> Twins:
    """Return the twins of several trials as one."""
    memories = [twin.memory for twin in twins]
    sizes = [(len(each.whole), len(each.real)) for each in memories]
    return Twins(
        rules=np.array([twin.rule for twin in twins]),
        whole=np.concatenate([each.whole for each in memories]),
        real=np.concatenate([each.real for each in memories]),
        cuts=np.cumsum([(0, 0), *sizes], axis=0),
        drawn=twins[0].drawn,
        places=np.array(places),
    )


@kernel
def run_and_add_up(
    worlds: Worlds,
    limits: Limits,
    chances: Chances,
    state: EventState,
    kept: Kept,
    twins: Twins,
    known: Known,
    warm_up_s: float,
    sums: Sums,
    taken_us: IntArray,
    progress: IntArray,
) -> int:
    """Run trials one after the other, and add up each; go on where the last call has stopped.

    Where each keeps its own those that run are not added up yet: their fidelity is found first.

    Args:
        taken_us: how long each has taken up to now.
        progress: how far the last call has come.

    Returns:
        `ENDED` after the last, or why the next trial cannot go on.
    """
    qpus, since_us = len(state.servers), processor_us()
    while progress[NEXT] < len(twins.rules):
        at = progress[NEXT]
        place = twins.places[at]
        own = place * kept.own
        runs = twins.rules[at] != NOBODY
        rows = kept.rows[own * worlds.width : (own + 1) * worlds.width]
        if runs:
            if progress[BEGUN] == 0:
                begin(worlds, limits, chances, state, rows, 0, 0)
                progress[BEGUN] = 1
            remembered = Memory(
                twins.whole[twins.cuts[at, 0] : twins.cuts[at + 1, 0]],
                twins.real[twins.cuts[at, 1] : twins.cuts[at + 1, 1]],
            )
            twin = Twin(twins.rules[at], remembered, twins.drawn)
            why = run_plain(worlds, limits, chances, state, rows, twin, None)
            if why != ENDED:
                taken_us[at] += processor_us() - since_us
                return why
        if runs and kept.own == 1:
            kept.clouds[own] = state.clouds[0]
            for qpu in range(qpus):
                kept.servers[own * qpus + qpu] = state.servers[qpu]
        else:
            add_up(
                Known(
                    known.arrival_s,
                    known.fidelity[own * worlds.width :],
                    known.stride,
                    known.each,
                    known.price_per_s,
                ),
                kept.clouds[own : own + 1],
                kept.servers[own * qpus : (own + 1) * qpus],
                rows,
                warm_up_s,
                sums,
                place,
            )
        now_us = processor_us()
        taken_us[at] += now_us - since_us
        since_us = now_us
        progress[NEXT] += 1
        progress[BEGUN] = 0
    return ENDED
