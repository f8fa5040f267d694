"""How the parts of the kernel are compiled: into their callers.

What a function is given (some twenty arrays) costs more to pass than most functions take; and no
part of a kernel allocates, so that references to arrays need not be counted.
"""

import hashlib
from pathlib import Path
from typing import Any

from numba import njit

from qcbench.kernels.compiling import SHARED

inlined: Any = njit(_nrt=False, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""Decorates a part of the kernel."""

entry: Any = njit(_nrt=False, cache=True, no_cfunc_wrapper=True)
"""Decorates what Python calls; it is kept on disk."""


def hash_of(*more: Path) -> str:
    """Hash the sources that are compiled together: all of this room, what it shares, and more.

    Those of other floors of which a function is compiled as it stands are among the shared.

    Numba looks only at the file of a function that it has cached, not at those of its callees; as
    a variable of an entry's closure the hash is part of the cache's key.
    """
    room = Path(__file__).parent
    sources = [*sorted(room.glob("*.py")), room.with_name("compiling.py"), *SHARED, *more]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
