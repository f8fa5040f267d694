"""The figure of where the time goes: execution, wait, and what lies between."""

from collections.abc import Mapping, Sequence

import polars as pl
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from qcbench.report import text
from qcbench.report.figures import policy_axis, rows_figure
from qcbench.report.style import NEUTRAL, Look, style, tell
from qcbench.tracks import TRACKS, USUAL, is_track

COLUMNS = ("mean_exec_s", "mean_completion_s", "mean_wait_s")
TONES = (1.0, 0.6, 0.28)
"""How full the colour of each part is."""
VISIBLE = 0.001
"""A part that is nowhere more than this share of the time is not worth a tone."""


def time_plot(
    means: pl.DataFrame,
    scenario: str,
    policies: Sequence[str],
    looks: Mapping[str, Look],
    *,
    baseline: str,
    track: str = USUAL,
) -> Figure | None:
    """Mean execution and wait of a task or job under each policy, and the rest of its completion.

    The rest of a job that has a row of its own are its classical phases; that of a task is
    communication, or the delay after infeasible decisions. Bars longer than four times the median
    are cut off, and say how long they are.

    Args:
        means: `Summary.means`.
        scenario: its scenario.
        policies: from top to bottom.
        looks: colour and marker of every policy.
        baseline: written in grey.
        track: of the scenario; it gives the rest its name.

    Returns:
        None where the result table has no such columns for the scenario, or nothing to tell apart:
        all time is execution, or all is wait.
    """
    times = parts(means, scenario)
    totals = sorted(sum(of_policy) for of_policy in times.values())
    shown = [
        part
        for part in range(len(TONES))
        if any(own[part] > VISIBLE * sum(own) for own in times.values())
    ]
    if len(shown) < 2:
        return None
    scale = text.scale_of("mean_completion_s", totals)
    end = min(totals[-1] * 1.02, 4.0 * totals[len(totals) // 2]) / scale.factor
    names = ("execution", TRACKS[track].rest if is_track(track) else "other", "wait")
    with style():
        figure, axes = rows_figure(len(policies), "Where the time goes", legend=True)
        for y, policy in enumerate(policies):
            if policy not in times:
                continue
            left = 0.0
            for part in shown:
                width = times[policy][part] / scale.factor
                (bar,) = axes.barh(
                    y,
                    width,
                    left=left,
                    color=looks[policy].colour,
                    height=0.62,
                    alpha=TONES[part],
                )
                told = f"{names[part]} {scale.value(times[policy][part])} {scale.unit}"
                tell(bar, f"{policy}: {told}")
                left += width
            if left > end:
                written = f"{scale.value(sum(times[policy]))} {scale.unit} ▸ "
                axes.text(end, y, written, ha="right", va="center", fontsize=8)
        axes.set_xlim(0, end if end > 0 else 1.0)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.6g}"))
        policy_axis(axes, policies, baseline)
        axes.set_xlabel(f"mean time [{scale.unit}]")
        handles = [Patch(color=NEUTRAL, alpha=TONES[part], label=names[part]) for part in shown]
        figure.legend(handles=handles, loc="outside lower right", ncols=len(shown), handlelength=1)
        return figure


def parts(means: pl.DataFrame, scenario: str) -> dict[str, tuple[float, float, float]]:
    """Return execution, rest and wait of each policy that has them [s]."""
    if not set(COLUMNS) <= set(means.columns):
        return {}
    own = means.filter(pl.col("scenario") == scenario).drop_nulls(COLUMNS)
    found = {}
    for policy, execution, completion, wait in own.select("policy", *COLUMNS).iter_rows():
        # A difference of means; what rounding leaves below zero is none.
        found[str(policy)] = (execution, max(completion - execution - wait, 0.0), wait)
    return found
