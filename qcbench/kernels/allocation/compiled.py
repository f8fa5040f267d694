"""How this kernel's functions are compiled."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function that allocates no array, and keep the result on disk.

    Such a function needs no reference counts; without them it is three times as fast.
    """
    return cast(Function, njit(cache=True, error_model="numpy", _nrt=False)(function))


def compiled_with_draws(function: Function) -> Function:
    """Compile a function that draws from a generator, which is reference-counted."""
    return cast(Function, njit(cache=True, error_model="numpy")(function))
