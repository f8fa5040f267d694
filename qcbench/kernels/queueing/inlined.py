"""How the parts of the kernel are compiled: into their callers.

What a function is given (some twenty arrays) costs more to pass than most functions take; and no
part of a kernel allocates, so that references to arrays need not be counted.
"""

from typing import Any

from numba import njit

inlined: Any = njit(_nrt=False, forceinline=True)
"""Decorates a part of the kernel."""

entry: Any = njit(_nrt=False, cache=True)
"""Decorates what Python calls; it is kept on disk."""
