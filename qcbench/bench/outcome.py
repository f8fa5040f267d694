"""One trial run once: the call of `run_trial`, guarded, and its row in plain types."""

import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias, TypeVar

import polars as pl

from qcbench.bench.facts import Facts, FactsOf, unknown
from qcbench.bench.together import RunTrials, batches
from qcbench.bench.trial import COORDINATES, PlainRow, Trial, TrialResult, own_coordinates
from qcbench.errors import CODE_ERRORS, InputError, one_line, said, without_addresses

RunTrial: TypeAlias = Callable[[Trial], TrialResult]
Function = TypeVar("Function", bound=Callable[..., Any])
Value: TypeAlias = float | int | str | None

HEAD = (*COORDINATES, "status", "error")
"""The columns that every row has, in order; the metrics follow."""

LARGE = 2**63
PLAIN = frozenset({float, type(None)})
"""What most values of a row are."""

MAX_ERROR = 500
"""Characters of an error that a row keeps; the traceback beside it is whole."""


class Outcome(NamedTuple):
    """What one attempt at a trial gave.

    Attributes:
        trial_id: which trial.
        row: the columns of `HEAD`, then the metrics, in plain types.
        wall_s: wall-clock time as `run_trial` reports it [s].
        cpu_s: processor time as `run_trial` reports it [s].
        elapsed_s: wall-clock time as the worker measured it, for sizing chunks [s].
        worker: `host:pid` of the process, or empty where none lived to tell.
        attempt: 1 for the first.
        traceback: where it failed, else empty.
        retry: whether another attempt may end differently.
        records: one row a task, where the suite keeps them.
        facts: of the trial's world, where the trial was to bring them along.
    """

    trial_id: str
    row: Mapping[str, Value]
    wall_s: float
    cpu_s: float
    elapsed_s: float
    worker: str = ""
    attempt: int = 1
    traceback: str = ""
    retry: bool = True
    records: pl.DataFrame | None = None
    facts: Facts | None = None

    @property
    def failed(self) -> bool:
        """Whether the trial gave no numbers."""
        return self.row["status"] != "done"

    @property
    def error(self) -> str:
        """Why it failed, in one line; empty for a trial that is done."""
        return str(self.row["error"] or "")


def resolve(target: str | Function) -> Function:
    """Return the function behind an import path such as `qcbench.bench.run:run_trial`.

    Raises:
        InputError: no such module or attribute, or not a function.
    """
    if not isinstance(target, str):
        return target
    module_name, _, attribute = target.partition(":")
    try:
        function = getattr(import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"{target}: cannot be imported as module:function ({error})") from error
    if not callable(function):
        raise InputError(f"{target}: is no function")
    return function  # type: ignore[no-any-return]


def attempts(
    run_trial: RunTrial,
    trials: Sequence[Trial],
    track: str,
    worker: str,
    *,
    facts_of: FactsOf | None = None,
    bearers: Collection[str] = (),
) -> Iterator[list[Outcome]]:
    """Run trials in their order, and return the outcomes of those together that are run at a time.

    Args:
        run_trial: runs one, or several, see `qcbench.bench.together`.
        track: of the trials.
        worker: who runs them.
        facts_of: finds the facts of a world.
        bearers: ids of those that bring the facts of their world along.
    """
    for batch in batches(run_trial, trials):
        found = FoundFacts(facts_of, bearers)
        outcomes = _attempt_several(run_trial, batch, track, worker, found)
        yield list(map(found.brought, outcomes, batch))


class FoundFacts:
    """The facts of worlds, found while these are there where that is possible.

    Args:
        facts_of: finds the facts of a world; nobody wants any where None.
        bearers: ids of the trials that bring those of their world along.
    """

    def __init__(self, facts_of: FactsOf | None, bearers: Collection[str]) -> None:
        self._facts_of = facts_of
        self._bearers = bearers
        self._found: dict[str, tuple[Facts, float]] = {}

    def find(self, trials: Sequence[Trial]) -> None:
        """Find the facts of the world of trials if one of them is to bring them along."""
        if self._facts_of is None:
            return
        for trial in trials:
            if trial.trial_id not in self._bearers or trial.trial_id in self._found:
                continue
            started = time.perf_counter()
            try:
                facts = self._facts_of(trial)
            except CODE_ERRORS as error:
                facts = unknown(trial, error_line(error))
            self._found[trial.trial_id] = facts, time.perf_counter() - started

    def brought(self, outcome: Outcome, trial: Trial) -> Outcome:
        """Return an outcome with the facts that its trial is to bring along."""
        if self._facts_of is None or trial.trial_id not in self._bearers:
            return outcome
        self.find([trial])
        facts, took_s = self._found[trial.trial_id]
        return outcome._replace(facts=facts, elapsed_s=outcome.elapsed_s + took_s)


def _attempt_several(
    run_trial: RunTrial, trials: Sequence[Trial], track: str, worker: str, found: FoundFacts
) -> list[Outcome]:
    """Run trials at a time; those that fail again alone, so that each says what it has."""
    done: dict[str, Outcome] = {}
    if isinstance(run_trial, RunTrials) and len(trials) > 1:
        with suppress(*CODE_ERRORS):  # what all have in common fails: each says so
            results = run_trial.run(trials, found.find)
            started = time.perf_counter()
            some = [trial for trial in trials if trial.trial_id in results]
            rows = [plain_row(trial, track, results[trial.trial_id].row) for trial in some]
            more_s = (time.perf_counter() - started) / max(1, len(some))
            for trial, row in zip(some, rows, strict=True):
                result = results[trial.trial_id]
                elapsed_s = result.wall_s + more_s
                done[trial.trial_id] = _done(trial, row, result, elapsed_s, worker)
    return [
        done.get(trial.trial_id) or attempt_trial(run_trial, trial, track, worker)
        for trial in trials
    ]


def _done(
    trial: Trial, row: dict[str, Value], result: TrialResult, elapsed_s: float, worker: str
) -> Outcome:
    return Outcome(
        trial_id=trial.trial_id,
        row=row,
        wall_s=float(result.wall_s),
        cpu_s=float(result.cpu_s),
        elapsed_s=elapsed_s,
        worker=worker,
        traceback=result.traceback,
        records=result.records,
    )


def attempt_trial(run_trial: RunTrial, trial: Trial, track: str, worker: str) -> Outcome:
    """Run one trial; whatever it raises becomes a failed outcome, so that the suite goes on."""
    started = time.perf_counter()
    processor = time.process_time()
    try:
        result = run_trial(trial)
        row = plain_row(trial, track, result.row)
    except CODE_ERRORS as error:
        elapsed_s = time.perf_counter() - started
        return Outcome(
            trial_id=trial.trial_id,
            row=failed_row(trial, track, error_line(error)),
            wall_s=elapsed_s,
            cpu_s=time.process_time() - processor,
            elapsed_s=elapsed_s,
            worker=worker,
            traceback=traceback.format_exc(),
            # The same input stays bad; anything else may have been the machine.
            retry=not isinstance(error, InputError),
        )
    return _done(trial, row, result, time.perf_counter() - started, worker)


def failed_row(trial: Trial, track: str, error: str) -> dict[str, Value]:
    """Return the row of a trial that gave no numbers."""
    return {**_coordinates(trial, track), "status": "failed", "error": error}


def plain_row(trial: Trial, track: str, row: Mapping[str, Any]) -> dict[str, Value]:
    """Return `row` with the columns of `HEAD` first and every value in a type that is stored.

    Coordinates come from the trial, not from the row. NumPy scalars become Python numbers, a bool
    the number 0 or 1.

    Raises:
        ValueError: a coordinate that contradicts the trial, an unknown status, or a metric that is
            no number, text or None.
    """
    if isinstance(row, PlainRow):
        return row
    coordinates = _coordinates(trial, str(row.get("track") or track))
    for name, value in coordinates.items():
        if row.get(name, value) != value:
            raise ValueError(
                f"column {name} is {row[name]!r} in the row and {value!r} in the trial"
            )
    status = row.get("status", "done")
    if status not in ("done", "failed"):
        raise ValueError(f"column status is {status!r}, neither 'done' nor 'failed'")
    error = row.get("error")
    head = {**coordinates, "status": status, "error": clean_line(str(error)) if error else None}
    plain: dict[str, Any] = {**head, **row, **head}
    # All at once, and then the few that are not what most are.
    for name in [name for name, value in plain.items() if value.__class__ not in PLAIN]:
        value = plain[name]
        if value.__class__ is int and -LARGE <= value < LARGE:
            continue
        if name not in head:
            plain[name] = plain_value(name, value)
    return plain


def plain_value(name: str, value: Any) -> Value:
    """Return a value of a row in a type that is stored.

    Raises:
        ValueError: it is no number, text or None.
    """
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        if not -LARGE <= value < LARGE:
            raise ValueError(f"metric {name} is {value}, beyond 64 bits")
        return int(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    raise ValueError(f"metric {name} is a {type(value).__name__}; a metric is a number or text")


def _coordinates(trial: Trial, track: str) -> dict[str, Value]:
    return dict(zip(COORDINATES, (*own_coordinates(trial), track), strict=True))


def error_line(error: BaseException) -> str:
    """Return an exception in one line, the same in every process."""
    return clean_line(f"{type(error).__name__}: {said(error)}")


def clean_line(text: str) -> str:
    """Return text in one line without memory addresses, which differ from run to run."""
    line = one_line(" ".join(text.encode("utf-8", "replace").decode().split()))
    line = without_addresses(line)
    return line if len(line) <= MAX_ERROR else line[: MAX_ERROR - 3] + "..."
