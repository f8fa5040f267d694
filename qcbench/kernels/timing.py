"""How long a part of a compiled call has taken."""

import time
from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import overload

_of_c: Any = types.ExternalFunction("clock", types.int64())


def processor_us() -> int:
    """Return the processor time of this process up to now [us], in compiled code too."""
    return time.process_time_ns() // 1_000


@overload(processor_us)
def _compiled() -> Callable[[], int]:
    def read() -> int:
        found: int = _of_c()  # in millionths of a second wherever there is POSIX
        return found

    return read
