"""How kernels are compiled: once for each machine, cached on disk, without reference counts.

Numba counts references to every array that is taken out of a tuple, with locked instructions that
cost more than a whole decision; kernels allocate nothing, so there is nothing to count.

Numba recompiles a function when its own file changes, not when a file does whose functions it
calls: after editing a kernel, delete the caches (`*.nbi` and `*.nbc` in `__pycache__`).
"""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

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
