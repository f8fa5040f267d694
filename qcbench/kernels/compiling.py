"""How kernels are compiled: once for each machine, cached on disk, without reference counts.

Numba counts references to every array that is taken out of a tuple, with locked instructions that
cost more than a whole decision; kernels allocate nothing, so there is nothing to count.

Numba recompiles a function when its own file changes, not when a file does whose functions it
calls: after editing a kernel, delete the caches (`*.nbi` and `*.nbc` in `__pycache__`).
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from numba import njit, typeof

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function that allocates nothing; division by zero gives infinity as in NumPy."""
    compiled: Function = njit(cache=True, error_model="numpy", _nrt=False)(function)
    return compiled


def inlined(function: Function) -> Function:
    """Compile a function into those that call it: its arguments are many and its work is little."""
    compiled: Function = njit(cache=True, error_model="numpy", _nrt=False, forceinline=True)(
        function
    )
    return compiled


def drawing(function: Function) -> Function:
    """Compile a function that draws from a NumPy generator, which allocates, or one above it."""
    compiled: Function = njit(cache=True, error_model="numpy")(function)
    return compiled


def compiled_for(function: Callable[..., Any], arguments: Iterable[object]) -> Callable[..., Any]:
    """Return what a kernel was compiled to for the types of these arguments.

    It does not look at types any more, which takes ten times as long as a short call: arguments
    must have the same types, memory layout included, whenever it is called.
    """
    made: Callable[..., Any] = cast(Any, function).compile(tuple(map(typeof, arguments)))
    return made
