"""How policies use the fleet: spread of their choices, shares of QPUs, utilisation, with intervals.

They are metrics of the trials, so that nothing is computed that the result table does not have. A
policy that looks well by its mean may have collapsed; here it shows beside the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
import polars as pl

from qcbench.bench.metrics import deadlines, fairness
from qcbench.report import text
from qcbench.stats import table
from qcbench.stats.claims import change
from qcbench.stats.intervals import Estimate, student_mean

SHARE = "share_"
"""How the share of the tasks on a QPU begins, followed by its name."""
NAMES = (
    *("utilisation", "choice_entropy", "largest_share", "mean_slowdown", "mean_pending"),
    *("mean_waiting", "backlog_growth", "load"),
    *fairness.NAMES,
)
NOTHING = Estimate(nan, nan, nan)
SAME = 1e-12
"""So small a share of a value is rounding."""
MOST_SHARES = 12
"""Of fleets with more QPUs the largest share says as much as can be read."""


@dataclass(frozen=True)
class Diagnostics:
    """What a report shows of one scenario.

    Attributes:
        heads: names of the diagnostics.
        rows: a policy, and of each diagnostic the mean with its interval and the difference to the
            baseline with its interval; empty texts where there is none.
    """

    heads: list[str]
    rows: list[tuple[str, list[tuple[str, str]]]]


def diagnostics_of(
    trials: pl.DataFrame,
    scenario: str,
    order: Sequence[str],
    baseline: str,
    warm_up_s: float | None = None,
) -> Diagnostics | None:
    """Return the diagnostics of a scenario, None where its trials have none.

    Args:
        trials: result table.
        order: policies, as they are to stand.
        baseline: that the others are compared with, world by world.
        warm_up_s: of the scenario; None where it is not known.
    """
    own = with_waiting(trials.filter(pl.col("scenario") == scenario), warm_up_s)
    stated = [name for name in table.metrics(own) if own.get_column(name).is_not_null().any()]
    shares = [name for name in stated if name.startswith(SHARE) and name not in deadlines.NAMES]
    names = [name for name in NAMES if name in stated]
    names += shares if len(shares) <= MOST_SHARES else []
    if not names:
        return None
    policies = list(order)
    place = policies.index(baseline)
    rows: dict[str, list[tuple[str, str]]] = {policy: [] for policy in policies}
    heads = []
    for name in names:
        matrix = table.world_matrix(own, scenario, policies, name)
        scale = text.scale_of(name, matrix.ravel().tolist())
        heads.append(text.label_of(name, scale))
        present = np.isfinite(matrix)
        for column, policy in enumerate(policies):
            mean = student_mean(matrix[present[:, column], column])
            both = present[:, column] & present[:, place]
            apart = NOTHING
            if column != place:
                apart = change(matrix[both, column], matrix[both, place], percent=False)
            rows[policy].append((_written(scale, mean), _written(scale, apart, signed=True)))
    return Diagnostics(heads, list(rows.items()))


def with_waiting(trials: pl.DataFrame, warm_up_s: float | None) -> pl.DataFrame:
    """Add the mean number of waiting tasks from the beginning to the last finish.

    It is the sum of the waits over that time (Little), known where every task of a trial counts and
    is done; trials that have it measured keep that.
    """
    needed = {"mean_wait_s", "makespan_s", "done", "tasks"}
    measured = "mean_pending" in trials.columns and not trials["mean_pending"].is_null().all()
    if warm_up_s != 0.0 or measured or not needed <= set(trials.columns):
        return trials
    known = (pl.col("done") == pl.col("tasks")) & (pl.col("makespan_s") > 0)
    waited_s = pl.col("mean_wait_s") * pl.col("done")
    return trials.with_columns(mean_waiting=pl.when(known).then(waited_s / pl.col("makespan_s")))


def _written(scale: text.Scale, found: Estimate, *, signed: bool = False) -> str:
    if not isfinite(found.value):
        return ""
    sign = "+" if signed and found.value > 0 else ""
    # Worlds that are all the same do not say how much others differ.
    known = found.high - found.low > SAME * abs(found.value)
    ends = f" {scale.interval(found.low, found.high)}" if known else ""
    return f"{sign}{scale.value(found.value)}{ends}"
