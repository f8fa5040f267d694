"""What happens to clouds of the placement track, whatever the policy does, as arrays."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qcbench.arrays import FloatArray
from qcbench.cloud.cloud import Streams
from qcbench.cloud.execution import draw_slowdown
from qcbench.cloud.scenario import Scenario
from qcbench.kernels.admission import bucket_rates, number_users
from qcbench.kernels.failures import FailureTimes
from qcbench.kernels.rules import filled


class Chances(NamedTuple):
    """What the rules leave to chance in W worlds; flat arrays.

    Attributes:
        slowdown: real over estimated execution time of each task, shape (W * T,).
        gaps: K, how many failures and repairs of each QPU are known.
        gap_s: times until a QPU fails, is repaired, fails..., shape (W * Q * K,).
        user: owner of each task, shape (W * T,).
        users: U, the most of a world.
        tokens_per_s: of each user's bucket, shape (W * U,).
    """

    slowdown: FloatArray
    gaps: int
    gap_s: FloatArray
    user: npt.NDArray[np.int32]
    users: int
    tokens_per_s: FloatArray


class ChanceSource:
    """Draws what happens in several worlds, further whenever a kernel has come to its end."""

    def __init__(self, scenarios: Sequence[Scenario], streams: Sequence[Streams], width: int):
        rules, fleet = scenarios[0].rules, scenarios[0].fleet
        slowdown = None
        user = np.zeros((len(scenarios), width), dtype=np.int32)
        for world, scenario in enumerate(scenarios):
            tasks = len(scenario.workload.tasks)
            drawn = draw_slowdown(rules.execution_sigma, tasks, streams[world].execution)
            if drawn is not None:
                if slowdown is None:
                    slowdown = np.ones((len(scenarios), width))
                slowdown[world, :tasks] = drawn
            if scenario.workload.user is not None:
                user[world, :tasks] = number_users(scenario.workload)[0]
        rates = bucket_rates(rules.admission, [scenario.workload for scenario in scenarios])
        self._failures = FailureTimes(rules.failures, streams, len(fleet))
        if slowdown is None:
            slowdown = filled(1.0, len(scenarios) * width)
        self._fixed = (slowdown.reshape(-1), user.reshape(-1), rates)

    def extend(self) -> None:
        """Draw as many failures and repairs again as there are."""
        self._failures.extend()

    def chances(self) -> Chances:
        """Return what is known by now."""
        slowdown, user, rates = self._fixed
        gap_s = self._failures.gap_s
        return Chances(
            slowdown=slowdown,
            gaps=gap_s.shape[2],
            gap_s=gap_s.reshape(-1),
            user=user,
            users=rates.shape[1],
            tokens_per_s=rates.reshape(-1),
        )
