"""Training from beginning to end, for whatever agent: curves, evaluations, checkpoints, the best.

`start` makes a run and `go_on` opens one that was stopped or killed; `train` does the rest.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from qcbench.agents import checkpoints, curves
from qcbench.agents.agent import DivergedError, Learner, LostError, Update
from qcbench.agents.config import TrainConfig, stored, total_steps
from qcbench.agents.evaluation import Evaluation, Validation
from qcbench.agents.learners import joined, make_learner
from qcbench.agents.mixed_validation import MixedValidation, validation_of
from qcbench.agents.provenance import provenance_of
from qcbench.agents.run_folder import (
    RunFolder,
    check_place,
    create_folder,
    evaluations,
    open_folder,
    read_config,
    read_progress,
)
from qcbench.agents.tensorboard import Events, NoEvents
from qcbench.agents.tuned_agent import Tuned
from qcbench.bench.cluster import Cluster
from qcbench.bench.config import ClusterConfig
from qcbench.bench.driver import RunError
from qcbench.bench.environments import world_source
from qcbench.bench.folders import absent_folders, remove_empty
from qcbench.bench.ledger import EXTRA_DEATHS
from qcbench.bench.progress import STEPS, Kind, Progress, make_progress
from qcbench.bench.run_names import told_name
from qcbench.bench.stopping import StopFlag
from qcbench.errors import InputError, UnwritableError
from qcbench.plugins import PluginError
from qcbench.policies.exported.card import Card, HeuristicCard, Provenance
from qcbench.policies.exported.folder import EXPORTED, write_folder
from qcbench.policies.exported.weights import Tensors
from qcbench.storage.places import runs_folder, shown_path
from qcbench.tracking.client import check_store
from qcbench.tracking.training_view import Curves, open_curves

SUITE = "train"
"""Whose worlds are trained and validated on; those of other suites' tests are no part of them."""

SHOWN_OF_UPDATES = ("reward", "entropy", "cost")
"""Figures of an update that stand beside the progress."""


Judge: TypeAlias = Validation | MixedValidation
"""Judges what would be exported."""


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        folder: of the run.
        steps: decisions in all.
        best: evaluation of the policy in `exported`.
        best_steps: decisions after which it was found.
        complete: whether training came to its end.
    """

    folder: Path
    steps: int
    best: Evaluation
    best_steps: int
    complete: bool


def start(
    config: TrainConfig,
    *,
    command: str = "",
    progress: Kind = "auto",
    display: Progress | None = None,
) -> Trained:
    """Train an agent in a run of its own.

    Args:
        config: from `compose_train`.
        command: noted in the provenance of what is exported.
        progress: `bar`, `lines`, `silent`, or `auto`.
        display: another display than `progress` says.

    Raises:
        InputError: anything that would stop the training later; then there is no folder.
        RunError: the agent diverged, or actors that learned have died; the latest checkpoint
            stays.
    """
    check_place(runs_folder(config.runs_dir))
    check_store(config.tracking, runs_folder(config.runs_dir))
    absent = absent_folders(runs_folder(config.runs_dir))
    with joined(config, config.cluster) as cluster:
        learner, validation = _parts(config, cluster)
        try:
            with create_folder(config, command) as folder:
                try:
                    shown = display or make_progress(progress, work=STEPS)
                    return _Session(folder, learner, validation, shown, config.cluster).run()
                except BaseException:
                    if folder.is_empty:  # nothing was learned that could be gone on with
                        folder.discard()
                        remove_empty(absent)
                    raise
        finally:
            learner.close()


def go_on(
    path: Path,
    cluster: ClusterConfig | None = None,
    *,
    progress: Kind = "auto",
    display: Progress | None = None,
) -> Trained:
    """Go on with a run that was stopped or killed, from its latest checkpoint.

    Args:
        path: of the run.
        cluster: where it goes on; a private Ray, where one is needed at all, if None.

    Raises:
        InputError: no training run, one that is being trained, or a checkpoint that is damaged.
        RunError: the agent diverged, or actors that learned have died.
    """
    where = cluster or ClusterConfig()
    with open_folder(path) as folder:
        if folder.latest is None and not folder.is_empty:
            return _without_checkpoints(folder)
        return _go_on(folder, where, display or make_progress(progress, work=STEPS))


def _without_checkpoints(folder: RunFolder) -> Trained:
    """Return what came of a run whose checkpoints are gone, where that was its end.

    Raises:
        InputError: it has not come to its end, or its policy is gone too.
    """
    found = trained(folder.path)
    if found is not None and found.complete:
        folder.check_export(found.best_steps)
        return found
    raise InputError(
        f"{shown_path(folder.path)}: has no checkpoint in {checkpoints.CHECKPOINTS} any more, so "
        f"that it cannot be gone on with; restore one, or train anew. What {EXPORTED} has is still "
        "of use"
    )


def _go_on(folder: RunFolder, where: ClusterConfig, shown: Progress) -> Trained:
    with joined(folder.config, where) as found:
        learner, validation = _parts(folder.config, found)
        try:
            if folder.latest is not None:
                learner.restore(folder.latest)
            return _Session(folder, learner, validation, shown, where).run()
        finally:
            learner.close()


def trained(path: Path) -> Trained | None:
    """Return what has come of a run up to now; None where nothing has been judged.

    Raises:
        InputError: no training run, or files that were damaged.
    """
    total = total_steps(read_config(path))
    best: Evaluation | None = None
    best_steps, last = 0, 0
    for last, found in evaluations(read_progress(path)):
        if found.better_than(best):
            best, best_steps = found, last
    return None if best is None else Trained(path, last, best, best_steps, last >= total)


def _parts(config: TrainConfig, cluster: Cluster | None) -> tuple[Learner, Judge]:
    sources = [
        world_source(scenario, suite=SUITE, seed=config.seed) for scenario in config.scenarios
    ]
    front = config.agent.front if isinstance(config.agent, Tuned) else None
    validation = validation_of(sources, config.validation, front)
    return make_learner(config.agent, sources, config.seed, cluster, config.validation), validation


class _Session:
    """One process's part in a training."""

    def __init__(
        self,
        folder: RunFolder,
        learner: Learner,
        validation: Judge,
        display: Progress,
        cluster: ClusterConfig,
    ) -> None:
        self.folder, self.learner, self.cluster = folder, learner, cluster
        self.validation, self.display = validation, display
        self.config = folder.config
        self.best: Evaluation | None = None
        self.best_steps = 0
        self.judged: int | None = None
        self.curves: Curves = open_curves(
            self.config.tracking, folder.path, stored(self.config), self.validation.baseline
        )
        self.events = Events(folder.path) if self.config.tensorboard else NoEvents()
        self._clock, self._before_s = time.monotonic(), 0.0
        self._saved = time.monotonic()

    def run(self) -> Trained:
        """Train to the end, or until someone asks to stop."""
        self._take_over()
        self.display.start(self.learner.total, self.learner.steps)
        with StopFlag() as stop:
            try:
                self._note_run()
                if self.judged is None:
                    self._evaluate()
                self._train(stop)
                stopped = stop() and self.learner.steps < self.learner.total
                if stopped:
                    self._checkpoint()
                    self.folder.store()
                elif self.judged != self.learner.steps:
                    self._evaluate()
            except (DivergedError, PluginError) as error:
                self.folder.store()
                self.curves.close("FAILED", self.display.note)
                raise RunError(f"{self.folder.path}: {error}; what it had learned is kept") from (
                    error
                )
            except (LostError, UnwritableError) as error:
                disk = isinstance(error, UnwritableError)
                if disk and self.folder.latest is None:  # nothing that could be gone on from
                    raise
                self.curves.close("KILLED", self.display.note)
                where = "" if disk else f"{self.folder.path}: "
                raise RunError(
                    f"{where}{error}; go on from the latest checkpoint with "
                    f"`qcbench train {told_name(self.folder.path)}`"
                ) from error
            finally:
                self.display.stop()
                self.events.close()
        self.curves.close("KILLED" if stopped else "FINISHED", self.display.note)
        if self.best is None:
            raise RunError(f"{self.folder.path}: was never evaluated")
        return Trained(
            self.folder.path, self.learner.steps, self.best, self.best_steps, not stopped
        )

    def _note_run(self) -> None:
        again = f", going on after {self.learner.steps:,}" if self.learner.steps else ""
        self.display.note(
            f"{shown_path(self.folder.path)}: {self.learner.total:,} steps{again}; judged against "
            f"{self.validation.baseline} on {self.validation.count} validation worlds"
        )

    def _take_over(self) -> None:
        """Take over the curves and the best policy of earlier sessions."""
        lines = read_progress(self.folder.path)
        for steps, evaluation in evaluations(lines):
            if steps <= self.learner.steps:
                self.judged = steps
                if evaluation.better_than(self.best):
                    self.best, self.best_steps = evaluation, steps
        if self.best is not None:
            self.folder.check_export(self.best_steps)  # before anything is forgotten
        kept = self._kept()
        if kept:
            self._before_s = float(kept[-1]["time_s"])
        if self.best is not None:
            self.folder.restore_export(self.best_steps)

    def _kept(self) -> list[dict[str, Any]]:
        """Forget the curves after what was restored, and return those before it."""
        kept = self.folder.go_on_from(self.learner.steps)
        self.events.begin(curves.points(self.folder, kept))
        return kept

    def _train(self, stop: Callable[[], bool]) -> None:
        """Train; where actors that learn have died, again from the latest checkpoint.

        Raises:
            LostError: they die too often.
        """
        lost: LostError | None = None
        for left in reversed(range(1 + self.cluster.retries + EXTRA_DEATHS)):
            try:
                if lost is not None:
                    self._go_back(lost)
                self._update(stop)
            except LostError as error:
                if not left:
                    raise
                lost = error
            else:
                return

    def _go_back(self, lost: LostError) -> None:
        """Go on from the latest checkpoint, with other actors."""
        if self.folder.latest is None:
            raise lost
        self.learner.restore(self.folder.latest)
        self._kept()
        self.display.note(f"{lost}; going on from the checkpoint after {self.learner.steps:,}")

    def _update(self, stop: Callable[[], bool]) -> None:
        every = self.config.validation.every_steps
        due = (self.learner.steps // every + 1) * every
        for update in self.learner.run(stop):
            for note in update.notes:
                self.display.note(note)
            self._note_update(update)
            if update.steps >= due and update.steps < self.learner.total and not stop():
                self._evaluate()
                due = (update.steps // every + 1) * every
            elif time.monotonic() - self._saved >= self.config.checkpoints.every_s:
                self._checkpoint()
                self.folder.store()

    def _elapsed_s(self) -> float:
        return self._before_s + time.monotonic() - self._clock

    def _note_update(self, update: Update) -> None:
        figures = dict(update.figures)
        self.folder.note("update", update.steps, self._elapsed_s(), figures)
        self.events.add(update.steps, curves.of_update(figures))
        self.curves.add(update.steps, curves.of_update(figures))
        shown = ", ".join(
            f"{name} {figures[name]:.3g}" for name in SHOWN_OF_UPDATES if name in figures
        )
        self.display.update(update.steps, shown)

    def _evaluate(self) -> None:
        """Judge the policy as it would be exported, keep it in a checkpoint, and the best apart."""
        steps = self.learner.steps
        card, tensors = self.learner.policy()
        with tempfile.TemporaryDirectory(prefix="qcbench-") as name:
            write_folder(Path(name), card, tensors)
            found = self.validation.judge(Path(name))
        card = replace(card, provenance=self._provenance(found))
        self._checkpoint(card, tensors)
        self.folder.note("evaluation", steps, self._elapsed_s(), asdict(found))
        self.events.add(steps, curves.of_evaluation(found))
        self.judged = steps
        better = found.better_than(self.best)
        if better:
            self.folder.export(card, tensors)
            self.best, self.best_steps = found, steps
        checkpoints.prune(self.folder.path, self.config.checkpoints.keep, self.best_steps)
        self.folder.store()
        self.display.note(f"{steps:>11,}  {found.line}{'  (best)' if better else ''}")
        self.curves.add(steps, curves.of_evaluation(found))
        self.curves.flush(self.display.note)

    def _checkpoint(
        self, card: Card | HeuristicCard | None = None, tensors: Tensors | None = None
    ) -> None:
        if card is None:
            card, tensors = self.learner.policy()
            card = replace(card, provenance=self._provenance(None))
        exported = (card, tensors)

        def write(folder: Path) -> None:
            self.learner.save(folder)
            write_folder(folder / EXPORTED, *exported)

        checkpoints.write_checkpoint(self.folder.path, self.learner.steps, write)
        checkpoints.prune(self.folder.path, self.config.checkpoints.keep, self.best_steps)
        self._saved = time.monotonic()

    def _provenance(self, found: Evaluation | None) -> Provenance:
        baseline, steps = self.validation.baseline, self.learner.steps
        return provenance_of(self.folder, baseline, steps, found, self._elapsed_s())


__all__: Sequence[str] = ("SUITE", "Trained", "go_on", "start", "trained")
