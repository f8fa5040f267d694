"""How this kernel's functions are compiled."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from numba import njit, typeof

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function that allocates no array and becomes a part of those that call it.

    Such a function needs no reference counts; without them it is three times as fast.
    """
    made = njit(cache=True, error_model="numpy", _nrt=False, forceinline=True)(function)
    return cast(Function, made)


def entry(function: Function) -> Function:
    """Compile a function that allocates no array and is called from Python."""
    return cast(Function, njit(cache=True, error_model="numpy", _nrt=False)(function))


def entry_with_draws(function: Function) -> Function:
    """Compile a function that draws from a generator, which is reference-counted."""
    return cast(Function, njit(cache=True, error_model="numpy")(function))


def compiled_for(function: Callable[..., Any], arguments: Iterable[object]) -> Callable[..., Any]:
    """Return what an entry was compiled to for the types of these arguments.

    It does not look at types any more, which takes ten times as long as a short call: arguments
    must have the same types, memory layout included, whenever it is called.
    """
    made: Callable[..., Any] = cast(Any, function).compile(tuple(map(typeof, arguments)))
    return made
