"""What the compiled steps of all tracks' vector environments have in common."""

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from qcbench.arrays import BoolArray, FloatArray, IntArray
from qcbench.kernels.compiling import kernel

Table: TypeAlias = npt.NDArray[np.void]
"""An array of rows with named columns."""

RESULT = np.dtype(
    [
        ("completion_s", "f8"),
        ("world", "i4"),
        ("decisions", "i4"),
        ("violations", "i4"),
        ("jobs", "i4"),
        ("done", "i4"),
        ("ended", "i4"),
    ],
    align=True,
)
"""Of an environment's last episode that ended: mean completion time of tasks done, and counts."""

ENDED = ("", "done", "horizon", "max_decisions")
"""How an episode ended, by the codes that follow; the last: none has begun."""
RUNNING, BY_ITSELF, BY_HORIZON, BY_LIMIT, NOT_BEGUN = range(5)

NEXT_STEP, SAME_STEP, DISABLED = range(3)


class Output(NamedTuple):
    """What a step gives for E environments; flat arrays.

    Attributes:
        observation: shape (E * features,).
        mask: 1 for every action that is no violation, shape (E * actions,).
        reward, terminated, truncated: shape (E,).
        violated: whether the action was a violation.
        final_observation, final_mask: of episodes that ended in a step that began another one;
            empty unless `SAME_STEP`.
    """

    observation: npt.NDArray[np.float32]
    mask: npt.NDArray[np.int8]
    reward: FloatArray
    terminated: BoolArray
    truncated: BoolArray
    violated: BoolArray
    final_observation: npt.NDArray[np.float32]
    final_mask: npt.NDArray[np.int8]


@kernel
def wrong_action(actions: IntArray, count: int) -> int:
    """Return the first environment whose action is none of so many, -1 where all are."""
    for e in range(len(actions)):
        if actions[e] < 0 or actions[e] >= count:
            return e
    return -1


@kernel
def masked_action(actions: IntArray, mask: npt.NDArray[np.int8], episodes: Table) -> int:
    """Return the first environment whose action the mask forbids, -1 where none does."""
    count = len(mask) // len(actions)
    for e in range(len(actions)):
        if episodes[e].ended == RUNNING and mask[e * count + actions[e]] == 0:
            return e
    return -1
