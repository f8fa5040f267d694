"""Runs the trials of a suite that have no result yet, here or on Ray, and stores what they give."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from qcbench.bench import cluster
from qcbench.bench.config import ClusterConfig
from qcbench.bench.facts import FactsOf
from qcbench.bench.fan import Fan
from qcbench.bench.growing import Growing
from qcbench.bench.manifest import usable_cores
from qcbench.bench.outcome import Outcome, RunTrial, attempts, resolve
from qcbench.bench.progress import Progress, Silent
from qcbench.bench.run_folder import missing
from qcbench.bench.session import RunError, RunSummary, Session
from qcbench.bench.stopping import StopFlag
from qcbench.bench.store import RunStore
from qcbench.bench.trial import Trial
from qcbench.bench.trial_metrics import TrialMetrics
from qcbench.errors import UnwritableError

__all__ = ["RunError", "RunSummary", "run_trials"]


def run_trials(
    trials: Sequence[Trial],
    run_trial: str | RunTrial,
    store: RunStore,
    config: ClusterConfig,
    progress: Progress | None = None,
    *,
    retry_failed: bool = False,
    facts: str | FactsOf | None = None,
    as_run: Callable[[Trial], Trial] | None = None,
) -> RunSummary:
    """Run those of `trials` that have no result in `store`; write the result table when all have.

    Resuming is the same call on an opened run. The table's bytes are the same for any cluster and
    any number of interruptions. Ctrl-C and SIGTERM stop cleanly after storing what has arrived; a
    second Ctrl-C stops at once.

    Args:
        trials: the trials of the run, usually `store.trials`; those of further rounds follow.
        run_trial: what runs one, best as an import path such as `qcbench.bench.run:run_trial`.
            Pure: the same trial gives the same row.
        store: where results go; opened for writing.
        config: where the trials run.
        progress: what a person sees; nothing where None.
        retry_failed: run again what an earlier session recorded as failed.
        facts: what finds the facts of a trial's world, once a world; none are wanted where None.
        as_run: gives the trial that is run for one of the run, with the same id and numbers, where
            its files lie elsewhere now; the same where None.

    Raises:
        InputError: a cluster or function that cannot be used.
        RunError: workers that do not start, no result for `config.timeout_s`, or a disk that became
            full.
        A new run that ends so before a trial was handed out is removed: there is nothing to resume.
    """
    cluster.check(config)
    resolve(run_trial)
    shown = progress or Silent()
    if facts is not None:
        resolve(facts)
    growing = Growing.of(store)
    if growing is not None:
        # The last session may have been killed between a round and what follows from it.
        trials = [*trials, *growing.advance()[0]]
    todo = missing(trials, store, retry_failed=retry_failed, facts=facts is not None)
    if as_run is not None:
        todo = [as_run(trial) for trial in todo]
    for warning in store.warnings:
        shown.note(warning)
    session = Session(store, config, shown, todo, facts, growing)
    try:
        _run(session, run_trial)
    except UnwritableError as error:
        if session.never_began:
            raise
        raise RunError(session.resume_line(str(error))) from error
    return session.summary()


def _run(session: Session, run_trial: str | RunTrial) -> None:
    """Run what a session has to do, and make the table where all is there."""
    store, shown = session.store, session.progress
    if session.todo:
        try:
            session.log()
            shown.start(len(store.trials), *session.counts())
            with StopFlag() as stop:
                if cluster.is_inline(session.config):
                    _run_inline(session, run_trial, stop)
                else:
                    _run_on_ray(session, run_trial, stop)
        finally:
            shown.stop()
            if session.never_began:
                store.discard()
            else:
                with suppress(UnwritableError):  # what could not be stored is told, not this
                    session.log(finished=True)
    if session.interrupted:
        shown.note(session.resume_line("stopped"))
    elif store.complete:
        store.finish()


def _run_inline(session: Session, run_trial: str | RunTrial, stop: StopFlag) -> None:
    """Run everything in this process, a shard a chunk."""
    function = resolve(run_trial)
    ledger = session.ledger(1)
    track = session.store.manifest.track
    worker = f"{os.uname().nodename}:{os.getpid()}"
    session.dispatching()
    while ledger.unresolved and not session.interrupted:
        chunk = ledger.next_chunk()
        if chunk is None:
            raise AssertionError(f"{ledger.unresolved} trials got lost in the books")
        outcomes: list[Outcome] = []
        bearers = session.bearers_of(chunk)
        facts = None if session.facts is None else resolve(session.facts)
        running = attempts(function, chunk.trials, track, worker, facts_of=facts, bearers=bearers)
        while len(outcomes) < len(chunk.trials):
            if stop():
                session.interrupted = True
                break
            outcomes += next(running)
        session.accept(ledger.settle(chunk, outcomes))


def _run_on_ray(session: Session, run_trial: str | RunTrial, stop: StopFlag) -> None:
    """Fan the trials out to Ray actors."""
    workers = session.config.workers or usable_cores()
    local = session.config.address == "local"
    session.progress.note("starting Ray" if local else f"joining Ray at {session.config.address}")
    with cluster.connect(session.config, min(workers, len(session.todo))) as connected:
        # Ray has put a handler of its own in the place of ours.
        stop.install()
        if not local:  # nobody watches a private Ray
            session.metrics = TrialMetrics(session.todo[0].suite)
        Fan(session, run_trial, connected).run(stop)
