"""The checks: each puts situations before a policy and says what it did wrong, where, and when."""

import inspect
import random
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from qcbench.bench.contract.decisions import describe, plain, refusal
from qcbench.bench.contract.edges import edges
from qcbench.bench.contract.situations import random_fleet, situations
from qcbench.bench.contract.trials import trial_differs
from qcbench.bench.run import PolicyFactory
from qcbench.errors import CODE_ERRORS, InputError, reason_of, shown
from qcbench.fleet.profile import Fleet
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.registry import PolicyInfo
from qcbench.policies.view import AllocationView
from qcbench.signatures import check_type
from qcbench.tracks import TRACKS, Track

QPUS = (1, 2, 5, 40)
"""Sizes of the fleets that a policy is put before."""
DECISIONS = 60
BATCHES = 9
"""Decisions on a track that decides about everything at once: each is a whole problem."""


@dataclass(frozen=True)
class Subject:
    """A policy that is checked.

    Attributes:
        info: what it is: its track, parameters and documentation.
        factory: builds it, its parameters included.
        names: of the QPUs of the only fleet that it serves; empty where it serves any.
        may_violate: it may choose QPUs that a task does not fit, as the published heuristics do.
    """

    info: PolicyInfo
    factory: PolicyFactory
    names: tuple[str, ...] = ()
    may_violate: bool = False

    @property
    def track(self) -> Track:
        """The kind of decision."""
        return self.info.track


class ContractError(Exception):
    """A policy does not keep a promise; the message says which decision, and when."""


@dataclass(frozen=True)
class Check:
    """One promise.

    Attributes:
        promise: what every policy does.
        run: raises a `ContractError` where one does not.
        choices: the kinds of decision that it is about, see `TrackInfo`; all where empty.
    """

    promise: str
    run: Callable[[Subject], None]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What came of a check: `problem` is empty where the promise was kept."""

    promise: str
    problem: str


def run_checks(subject: Subject) -> Iterator[Finding]:
    """Run the checks of a policy's track, one after the other.

    Raises:
        InputError: the policy serves none of the fleets, or its parameters cannot be used.
    """
    for check in checks_of(subject.track):
        yield Finding(check.promise, problem_of(check, subject))


def checks_of(track: Track) -> list[Check]:
    """Return the checks of a track."""
    return [check for check in CHECKS if not check.choices or TRACKS[track].choice in check.choices]


def problem_of(check: Check, subject: Subject) -> str:
    """Run one check; return what went wrong, or nothing."""
    try:
        check.run(subject)
    except ContractError as error:
        return str(error)
    return ""


def _fleets(subject: Subject) -> list[Fleet]:
    """Return the fleets that a policy serves; one may refuse some, but not all of them."""
    sizes = (len(subject.names),) if subject.names else QPUS
    served, refused = [], None
    for size in sizes:
        fleet = random_fleet(np.random.default_rng(size), size, subject.names)
        try:
            subject.factory(PolicyContext(fleet, np.random.default_rng(0)))
        except InputError as error:
            refused = error
        except CODE_ERRORS:
            served.append(fleet)  # `_make` says so
        else:
            served.append(fleet)
    if not served and refused is not None:
        raise refused
    return served


def _middle(subject: Subject) -> list[Fleet]:
    """Return fleets of a usual size, where it is not the size that matters."""
    return _fleets(subject)[:3][-2:]


def _make(subject: Subject, fleet: Fleet, seed: int = 0) -> Callable[[Any], object]:
    """Build the policy for one trial."""
    context = PolicyContext(fleet, np.random.default_rng(seed))
    try:
        decide = subject.factory(context)
    except InputError:
        raise
    except CODE_ERRORS as error:
        where = f"{len(fleet)} QPUs: the factory {_raised(error)}"
        raise ContractError(where) from error
    if not callable(decide):
        raise ContractError(
            f"the factory returned {shown(decide)}; it returns the function that decides"
        )
    return decide


def _ask(decide: Callable[[Any], object], view: Any, number: int) -> object:
    try:
        return decide(view)
    except CODE_ERRORS as error:
        raise ContractError(f"decision {number} ({describe(view)}): {_raised(error)}") from error


def _raised(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {frames[-1].filename}, line {frames[-1].lineno}" if frames else ""
    return f"raised {reason_of(error)}{where}"


def _views(subject: Subject, fleet: Fleet, seed: int | None = None) -> Iterator[Any]:
    count = BATCHES if TRACKS[subject.track].at_once else DECISIONS
    return situations(subject.track, len(fleet) if seed is None else seed, fleet, count)


def _declares(subject: Subject) -> None:
    info = subject.info
    declares(f"policy {info.name}", info.summary, info.parameters, "policy(context, *, {key})")


def declares(
    title: str, summary: str, parameters: Mapping[str, inspect.Parameter], written: str
) -> None:
    """Check that somebody's function says what it is and what it can be given.

    Args:
        title: kind and name, for messages.
        summary: first line of its documentation.
        parameters: that a config can give.
        written: how one is written, with {key} in the place of its name.

    Raises:
        ContractError: it does not.
    """
    if not summary:
        raise ContractError("has no docstring; its first line is what lists show")
    for key, parameter in parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            raise ContractError(
                f"parameter {key} is not keyword-only; write {written.format(key=key)}"
            )
        if parameter.annotation is parameter.empty:
            raise ContractError(f"parameter {key} has no type; write {key}: float = ...")
    given = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    try:
        for key, value in given.items():
            check_type(title, key, value, parameters[key].annotation)
    except InputError as error:
        raise ContractError(f"a default does not fit its own type: {error}") from None


def _legal(subject: Subject) -> None:
    for fleet in _fleets(subject):
        decide = _make(subject, fleet)
        for number, view in enumerate(_views(subject, fleet)):
            _check_legal(subject, view, _ask(decide, view, number), number)


def _check_legal(subject: Subject, view: Any, decision: object, number: int) -> None:
    wrong = refusal(view, decision, may_violate=subject.may_violate)
    if wrong:
        raise ContractError(f"decision {number} ({describe(view)}): {wrong}")


def _edges(subject: Subject) -> None:
    for number, edge in enumerate(edges(subject.track, subject.names)):
        try:
            decide = _make(subject, edge.fleet)
        except InputError:
            continue  # it serves no fleet of this size
        try:
            _check_legal(subject, edge.view, _ask(decide, edge.view, number), number)
        except ContractError as error:
            raise ContractError(f"{edge.what}: {error}") from None


def _waits(subject: Subject) -> None:
    for fleet in _fleets(subject):
        decide = _make(subject, fleet)
        for number, view in enumerate(_views(subject, fleet)):
            assert isinstance(view, AllocationView)  # noqa: S101
            free = (view.free_qubits == fleet.qubits).all()
            if _ask(decide, view, number) is None and free:
                raise ContractError(
                    f"decision {number} ({describe(view)}): waits although all qubits are free, "
                    "so that the task would wait for ever"
                )


def _repeats(subject: Subject) -> None:
    with _global_generators_restored():
        for fleet in _middle(subject):
            runs = []
            drew = False
            for other in (1, 2):
                np.random.seed(other)  # noqa: NPY002
                random.seed(other)
                seeded = _global_state()
                decide = _make(subject, fleet, seed=17)
                views = enumerate(_views(subject, fleet))
                runs.append([plain(_ask(decide, view, number)) for number, view in views])
                drew = drew or _global_state() != seeded
            hint = " (it draws from a global generator)" if drew else ""
            _compare(subject, fleet, runs[0], runs[1], f"with an equal stream{hint}")


def _apart(subject: Subject) -> None:
    for fleet in _middle(subject):
        alone, one = _make(subject, fleet, seed=17), _make(subject, fleet, seed=17)
        other = _make(subject, fleet, seed=99)
        views = enumerate(_views(subject, fleet))
        expected = [plain(_ask(alone, view, number)) for number, view in views]
        mixed = []
        pairs = zip(_views(subject, fleet), _views(subject, fleet, len(fleet) + 1), strict=True)
        for number, (view, twin) in enumerate(pairs):
            mixed.append(plain(_ask(one, view, number)))
            _ask(other, twin, number)
        _compare(subject, fleet, expected, mixed, "while another one decides in turn")


def _compare(
    subject: Subject, fleet: Fleet, first: list[object], second: list[object], when: str
) -> None:
    for number, view in enumerate(_views(subject, fleet)):
        if first[number] != second[number]:
            raise ContractError(
                f"decision {number} ({describe(view)}): {first[number]!r}, then {second[number]!r} "
                f"{when}; draw from context.rng only, and keep nothing outside the policy"
            )


def _untouched(subject: Subject) -> None:
    for fleet in _middle(subject):
        decide = _make(subject, fleet)
        for number, view in enumerate(_views(subject, fleet)):
            before = _contents(view)
            _ask(decide, view, number)
            after = _contents(view)
            changed = [key for key in before if before[key] != after.get(key)]
            if changed:
                raise ContractError(
                    f"decision {number} ({describe(view)}): changed {', '.join(changed)} of the "
                    "view; copy what you want to change"
                )


def _contents(view: Any) -> dict[str, object]:
    """Return what a view shows, as data that stays."""
    found: dict[str, object] = {}
    for attribute in dir(view):
        if attribute.startswith("_") or attribute == "fleet":
            continue
        value = getattr(view, attribute)
        if callable(value):
            continue
        if attribute == "waiting" and not isinstance(value, int):
            value = [dict(vars(task)) for task in value]
        found[attribute] = value.tolist() if isinstance(value, np.ndarray) else value
    return found


def _trial(subject: Subject) -> None:
    try:
        wrong = trial_differs(subject.track, subject.factory)
    except InputError:
        return  # it serves other fleets only
    except CODE_ERRORS as error:
        raise ContractError(_raised(error)) from error
    if wrong:
        raise ContractError(wrong)


def _global_state() -> tuple[object, ...]:
    ours = np.random.get_state(legacy=False)  # noqa: NPY002
    return (repr(ours), random.getstate())


@contextmanager
def _global_generators_restored() -> Iterator[None]:
    ours, pythons = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(ours)  # noqa: NPY002
        random.setstate(pythons)


CHECKS = (
    Check("says what it does, and takes typed parameters by keyword", _declares),
    Check("every decision is legal", _legal),
    Check("ties, zeros and situations without a choice are decided legally", _edges),
    Check("no task waits while all qubits are free", _waits, ("split",)),
    Check("an equal random stream gives equal decisions", _repeats),
    Check("two of it side by side share nothing", _apart),
    Check("the view stays as it was", _untouched),
    Check("a whole trial runs, and runs alike again", _trial),
)
"""In the order in which they run."""
