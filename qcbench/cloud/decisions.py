"""Checking what an allocation policy decides."""

from collections.abc import Mapping, Sequence

import numpy as np

from qcbench.errors import CODE_ERRORS, shown
from qcbench.policies.protocol import PolicyError

Parts = tuple[tuple[int, int], ...]
"""(QPU, qubits) pairs in the order in which the parts are chained."""


def parts_of(decision: object, row: int, qubits: int, limits: Sequence[int]) -> Parts:
    """Return the parts of a split.

    Args:
        decision: what the policy returned: qubits for every QPU, or by QPU.
        row: the task, for messages.
        qubits: of the task.
        limits: most qubits that a part may have on each QPU.

    Raises:
        PolicyError: it is no split of the task, or does not fit the limits.
    """
    try:
        if isinstance(decision, Mapping):
            pairs = list(decision.items())
        elif isinstance(decision, Sequence | np.ndarray) and len(decision) == len(limits):
            pairs = list(enumerate(decision))
        else:
            raise _refused(decision, row, qubits, limits)
    except PolicyError:
        raise
    except CODE_ERRORS as error:  # no array, or whatever its own code does when it is read
        raise _refused(decision, row, qubits, limits) from error
    parts = []
    total = 0
    for qpu, part in pairs:
        if (
            not isinstance(part, int | np.integer)
            or not isinstance(qpu, int | np.integer)
            or not 0 <= qpu < len(limits)
            or not 0 <= part <= limits[int(qpu)]
        ):
            raise _refused(decision, row, qubits, limits)
        if part:
            parts.append((int(qpu), int(part)))
            total += int(part)
    if total != qubits:
        raise _refused(decision, row, qubits, limits)
    return tuple(parts)


def _refused(decision: object, row: int, qubits: int, limits: Sequence[int]) -> PolicyError:
    return PolicyError(
        f"the policy split task {row} into {shown(decision)}; an allocation has one part per "
        f"QPU, or parts by QPU, adds up to {qubits}, and fits {list(map(int, limits))} free qubits"
    )
