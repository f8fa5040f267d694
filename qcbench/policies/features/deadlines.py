"""Due times and values in observations: what the layouts of all tracks add to have it.

Slack is counted in best executions of the task at hand, so that a network sees the same number for
short and long tasks. A job that is due at no time has infinite slack, which is 1, and no `due`.
"""

from math import inf

from qcbench.policies.features.layout import Feature, Layout, Target

SLACK_SCALE = 5.0
"""So many best executions of slack are halfway between just in time and no due time at all."""
LEFT_SCALE_S = 7200.0
SHORTEST_S = 1e-9
"""Added to what is divided, so that tasks that take no time do no harm."""
SLACK = "1/2 + s / (2 abs(s) + 10): below 1/2 too late, 1 where the job is due at no time"

DUE = Feature("due", "1 where the job has a due time, else 0")
VALUE = Feature("value", "of the job over the highest of the workload")
SHARED = (
    DUE,
    Feature(
        "slack", f"time to the due time beyond a best execution, in such executions s, {SLACK}"
    ),
    VALUE,
)
"""Of a task that is to be sent to QPUs."""


def with_deadlines(
    layout: Layout, shared: tuple[Feature, ...], each: tuple[Feature, ...]
) -> Layout:
    """Return a layout with more features, behind those of the situation and of each item."""
    return Layout(
        name=f"{layout.name}-deadlines",
        item=layout.item,
        shared=layout.shared + shared,
        each=layout.each + each,
    )


def write_shared(
    due_s: float, left_s: float, best_s: float, value: float, out: Target, at: int
) -> None:
    """Write the features `SHARED` into an observation from ``out[at]`` on.

    Args:
        due_s: when the job is due.
        left_s: time to it.
        best_s: the best execution, finite.
        value: of the job, as a share of the highest.
    """
    out[at] = 1.0 if due_s < inf else 0.0
    out[at + 1] = slack_share(left_s - best_s, best_s)
    out[at + 2] = value


def write_margin(margin_s: float, best_s: float, out: Target, at: int) -> None:
    """Write what each QPU has: its margin as slack, and whether the task would end there in time.

    Args:
        margin_s: from the end there to the due time, minus infinity where the task does not fit.
        best_s: as of `write_shared`.
    """
    out[at] = slack_share(margin_s, best_s)
    out[at + 1] = 1.0 if margin_s >= 0.0 else 0.0


def slack_share(slack_s: float, best_s: float) -> float:
    """Return slack as an observation has it, in 0..1.

    Args:
        slack_s: time to the due time that is left when the work is done; negative when too late.
        best_s: the best execution, finite.
    """
    if slack_s == inf:
        return 1.0
    if slack_s == -inf:
        return 0.0
    executions = slack_s / (best_s + SHORTEST_S)
    return 0.5 + 0.5 * executions / (abs(executions) + SLACK_SCALE)


def left_share(left_s: float) -> float:
    """Return the time to a due time as an observation has it: 0 when it is over, 1 for never."""
    return 1.0 - LEFT_SCALE_S / (left_s + LEFT_SCALE_S) if left_s > 0.0 else 0.0


def used_share(now_s: float, arrival_s: float, due_s: float) -> float:
    """Return the share of the time between arrival and due time that has passed, at most 1."""
    return (now_s - arrival_s) / (due_s - arrival_s) if now_s < due_s else 1.0


def value_share(value: float, highest: float) -> float:
    """Return a value as a share of the highest."""
    return value / highest if highest > 0.0 else 0.0


FORMULAS = (write_shared, write_margin, slack_share, left_share, used_share)
"""What the tracks' formulas call: compiled code that has these is told of them."""
