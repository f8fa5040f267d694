"""Finding the twins of policies, and compiling them into one function that asks any of them.

See `qcbench.policies.twins`.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

from numba.extending import register_jitable

from qcbench.fleet.profile import Fleet
from qcbench.kernels.compiling import drawing_inlined, inlined
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.twins import Memory, memory
from qcbench.tracks import Track

Function = Callable[..., Any]


class Twin(NamedTuple):
    """A policy with what it remembers, for one trial.

    Attributes:
        rule: position of its name in `names`.
        memory: see `qcbench.policies.twins`.
    """

    rule: int
    memory: Memory


@cache
def names(track: Track) -> tuple[str, ...]:
    """Return the names of the policies of a track that have a twin."""
    return tuple(
        name for name in registry.built_in(track) if registry.find(track, name).twin is not None
    )


def make_twin(track: Track, policy: object, fleet: Fleet) -> Twin | None:
    """Return the twin of a policy whose parameters have been checked, None where it has none."""
    if not isinstance(policy, PolicyConfig) or policy.name not in names(track):
        return None
    known = registry.find(track, policy.name)
    told = {name: one.default for name, one in known.parameters.items()} | policy.parameters
    kept = memory() if known.remember is None else known.remember(fleet, **told)
    return None if kept is None else Twin(names(track).index(policy.name), kept)


def compiled(twin: Function) -> Function:
    """Compile a twin into its callers, with the plain functions that it calls."""
    _register_called(twin)
    return drawing_inlined(twin) if _draws(twin) else inlined(twin)


@cache
def chooser(track: Track, among: tuple[str, ...] | None = None, first: int = 0) -> Function:
    """Return one compiled function that asks any of several twins.

    Its arguments are a number, what the track shows, the memory, and the generator where one of
    the twins draws.

    Args:
        track: of the policies.
        among: their names; those with a twin where None.
        first: the number of the first of them, from which the others count on.
    """
    found = [registry.find(track, name).twin for name in among or names(track)]
    twins = [(first + place, twin) for place, twin in enumerate(found) if twin is not None]
    return _either(twins, draws=any(_draws(twin) for _, twin in twins))


def _either(twins: Sequence[tuple[int, Function]], *, draws: bool) -> Function:
    """Return a function that asks the twin with a number, the last one for any other.

    Args:
        twins: with their numbers.
        draws: the function is given a generator.
    """
    (code, own), rest = twins[0], twins[1:]
    asked = compiled(own)
    others: Any = _either(rest, draws=draws) if rest else None

    def last(_number: int, view: Any, memory: Memory) -> Any:
        return asked(view, memory)

    def either(number: int, view: Any, memory: Memory) -> Any:
        if number == code:
            return asked(view, memory)
        return others(number, view, memory)

    def last_given(_number: int, view: Any, memory: Memory, _rng: Any) -> Any:
        return asked(view, memory)

    def either_given(number: int, view: Any, memory: Memory, rng: Any) -> Any:
        if number == code:
            return asked(view, memory)
        return others(number, view, memory, rng)

    def last_drawing(_number: int, view: Any, memory: Memory, rng: Any) -> Any:
        return asked(view, memory, rng)

    def either_drawing(number: int, view: Any, memory: Memory, rng: Any) -> Any:
        if number == code:
            return asked(view, memory, rng)
        return others(number, view, memory, rng)

    if not draws:
        return inlined(either if rest else last)
    if _draws(own):
        return drawing_inlined(either_drawing if rest else last_drawing)
    return drawing_inlined(either_given if rest else last_given)


def _draws(twin: Function) -> bool:
    return len(inspect.signature(twin).parameters) > 2


def _register_called(function: Function) -> None:
    """Let compiled code call the plain functions of policies that a function names."""
    plain = inspect.unwrap(function)
    for name in plain.__code__.co_names:
        called = plain.__globals__.get(name)
        ours = isinstance(called, FunctionType) and called.__module__.startswith("qcbench.policies")
        if ours and called not in _REGISTERED:
            _REGISTERED.add(called)
            _register_called(called)
            register_jitable(error_model="numpy", _nrt=False)(called)


_REGISTERED: set[Function] = set()
"""Numba keeps such a list of its own, for a whole process."""
