"""Finding the twins of policies, and compiling them into functions that ask any of them.

See `qcbench.policies.twins`.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from types import FunctionType
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numba.core import types
from numba.extending import overload

from qcbench.fleet.profile import Fleet
from qcbench.kernels.compiling import INLINED, called, called_by_itself, drawing_inlined, inlined
from qcbench.policies import registry, twins
from qcbench.policies.config import PolicyConfig
from qcbench.policies.draws import uniform
from qcbench.policies.names import built_in
from qcbench.policies.registry import OnFleet
from qcbench.policies.twins import NO_DECISION, Drawn, Memory, TwinContext, memory
from qcbench.tracks import Track

Function: TypeAlias = Callable[..., Any]
Part: TypeAlias = Literal["twin", "figure", "taken"]
"""A function of a policy's file that is compiled."""
OTHERWISE: dict[Part, Any] = {"twin": NO_DECISION, "figure": 0.0, "taken": None}
"""What is returned for policies without that part."""
NOBODY = -1
"""The rule of a cloud in which no twin decides."""


class Unasked(NamedTuple):
    """The memory of a cloud in which no twin decides."""

    nothing: int


class Twin(NamedTuple):
    """A policy with what it remembers, for one trial.

    Attributes:
        rule: position of its name in `names`.
        memory: see `qcbench.policies.twins`.
        drawn: numbers for it; none where it draws none, or from the generator itself.
    """

    rule: int
    memory: Any
    drawn: Drawn


def no_twin() -> Twin:
    """Return what stands in the place of a twin in clouds that have none."""
    return Twin(NOBODY, Unasked(0), Drawn(np.zeros(1, dtype=np.int64), np.zeros(0)))


@cache
def names(track: Track) -> tuple[str, ...]:
    """Return the names of the policies of a track that have a twin."""
    return tuple(
        name
        for name in built_in(track)
        if part_of(track, name, "twin") or part_of(track, name, "figure")
    )


@cache
def part_of(track: Track, name: str, part: Part | Literal["remember", "draw"]) -> Function | None:
    """Return a function from a policy's file, None where it has none."""
    found: Function | None = getattr(registry.find(track, name).module, part, None)
    return found


def make_twin(track: Track, policy: object, context: TwinContext) -> Twin | None:
    """Return the twin of a policy whose parameters have been checked, None where it has none."""
    if not isinstance(policy, PolicyConfig) or policy.name not in names(track):
        return None
    remember = part_of(track, policy.name, "remember")
    parameters = registry.find(track, policy.name).parameters
    told = {name: one.default for name, one in parameters.items()} | policy.parameters
    kept = memory() if remember is None else remember(context, **told)
    if kept is None:
        return None
    return no_twin()._replace(rule=names(track).index(policy.name), memory=kept)


def twin_at_first(track: Track, policy: object, fleet: Fleet) -> Twin | None:
    """Return a twin before its first decision, made once a fleet, where twins know the fleet alone.

    Its memory is to be copied before it decides. None where trials do not begin alike: of a policy
    that has no twin, reads a file, draws while it is built or has a memory of its own.

    Raises:
        InputError: the policy cannot be built.
    """
    if not isinstance(policy, PolicyConfig) or policy.name not in names(track):
        return None
    return _first_twin(OnFleet(track, policy, fleet))


def twin_again(track: Track, policy: object, fleet: Fleet) -> Twin | None:
    """Return the same, ready to decide."""
    first = twin_at_first(track, policy, fleet)
    if first is None:
        return None
    rule, known, drawn = first
    return Twin(rule, Memory(known.whole.copy(), known.real.copy()), drawn)


@lru_cache(maxsize=64)
def _first_twin(key: OnFleet) -> Twin | None:
    if not registry.is_built_alike(key):
        return None
    twin = make_twin(key.track, key.config, TwinContext(key.fleet))
    return twin if twin is not None and twin.memory.__class__ is Memory else None


def is_ranked(twin: Twin) -> bool:
    """Whether a twin of the queueing track takes the task of the least figure."""
    return part_of("queueing", names("queueing")[twin.rule], "figure") is not None


@cache
def _draws(track: Track, rule: int) -> bool:
    function = part_of(track, names(track)[rule], "twin")
    return function is not None and _draws_itself(function)


def draws(track: Track, twin: Twin) -> bool:
    """Whether a twin draws from the policy's random stream itself."""
    return _draws(track, twin.rule)


def draw_more(track: Track, twin: Twin, rng: np.random.Generator, context: TwinContext) -> Twin:
    """Return a twin with more numbers drawn ahead, those first that it has not used."""
    draw = part_of(track, names(track)[twin.rule], "draw") or uniform
    left = twin.drawn.numbers[twin.drawn.used[0] :]
    numbers = np.concatenate([left, draw(rng, context.fleet)])
    drawn = Drawn(np.zeros(1, dtype=np.int64), numbers)
    return twin._replace(drawn=drawn)


def asker(
    track: Track,
    part: Part = "twin",
    *,
    among: Sequence[str] | None = None,
    first: int = 0,
    seeing: type | None = None,
) -> Function:
    """Return a function that compiled code calls, and that asks any of several policies.

    Its arguments are the rule, what the policies look at, the memory, and one thing more: what
    they draw from, or whatever else this part of a policy takes. It is compiled for each type of
    memory anew, with those policies that have such a one; given a generator with those that draw
    from it, given anything else with the others.

    Args:
        track: of the policies.
        part: the function of theirs that is asked.
        among: their names; all with a twin where None.
        first: the rule of the first of them, from which the others count on.
        seeing: leave out those that want to see anything else.
    """

    def ask(rule: int, seen: Any, memory: Any, more: Any) -> Any:
        raise NotImplementedError("only compiled code calls this")

    @cache
    def specialised(kind: type, generates: bool) -> Function:
        found = {}
        for rule, name in enumerate(names(track) if among is None else among, start=first):
            function = part_of(track, name, part)
            if function is None or memory_of(function) is not kind:
                continue
            if _draws_itself(function) is not generates:
                continue
            if seeing in (None, _types(function)[0]):
                found[rule] = function
        return _either(found, OTHERWISE[part])

    @overload(ask, jit_options=INLINED, strict=False)
    def _drawing(rule: Any, seen: Any, memory: Any, more: Any) -> Function | None:  # noqa: ARG001
        return specialised(memory.instance_class, True) if _generates(more) else None

    @overload(ask, jit_options=INLINED | {"_nrt": False}, strict=False)
    def _plain(rule: Any, seen: Any, memory: Any, more: Any) -> Function | None:  # noqa: ARG001
        return None if _generates(more) else specialised(memory.instance_class, False)

    return ask


def compiled(function: Function) -> Function:
    """Compile a function of a policy into its callers, with the plain functions that it calls."""
    _register_called(function)
    return drawing_inlined(function) if _draws_itself(function) else inlined(function)


def seen(track: Track, twin: Twin) -> Any:
    """Return the type of what a twin looks at."""
    function = part_of(track, names(track)[twin.rule], "twin")
    return None if function is None else _types(function)[0]


def memory_of(function: Function) -> Any:
    """Return the type of the memory of a function of a policy."""
    found = _types(function)
    return found[1] if len(found) > 1 else Memory


@cache
def _types(function: Function) -> tuple[Any, ...]:
    """Return what the parameters of a function are annotated with."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    return tuple(each.annotation for each in parameters)


def _draws_itself(function: Function) -> bool:
    return np.random.Generator in _types(function)


def _generates(more: types.Type) -> bool:
    return isinstance(more, types.NumPyRandomGeneratorType)


def _either(functions: Mapping[int, Function], otherwise: Any) -> Function:
    """Return a function that asks that one of several which has a number.

    It is written out: to compile a function for each of them takes twice as long.
    """
    lines = ["def either(rule, seen, memory, more):"]
    for rule, function in functions.items():
        arguments = ", ".join(("seen", "memory", "more")[: len(_types(function))])
        lines.append(f"    if rule == {rule}: return asked_{rule}({arguments})")
    lines.append(f"    return {otherwise}")
    scope: dict[str, Any] = {f"asked_{rule}": compiled(each) for rule, each in functions.items()}
    exec("\n".join(lines), scope)  # noqa: S102 - nothing of it is from outside
    either: Function = scope["either"]
    return either


def _register_called(function: Function) -> None:
    """Let compiled code call the plain functions of policies that a function names."""
    plain = inspect.unwrap(function)
    for name in plain.__code__.co_names:
        named = plain.__globals__.get(name)
        if isinstance(named, FunctionType) and named.__module__.startswith("qcbench.policies"):
            _register(named)


@cache
def _register(function: Function) -> None:
    """Let compiled code call a function, and those that it names; each is looked at once.

    What looks something up in a view is compiled into its callers: a view is long.
    """
    _register_called(function)
    if function.__module__ == twins.__name__:
        inlined(function)
    elif twins.is_by_itself(function):
        called_by_itself(function)
    else:
        called(function)
