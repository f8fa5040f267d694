"""What layouts `-2` of all tracks share: figures of the workload as it was seen so far.

Such a layout has no unit of its own. Times are divided by the mean execution of the tasks of this
workload, gaps between arrivals by their mean, demand by what the fleet can do; so a network sees
the same numbers where everything takes ten times as long. The means are taken while the episode
goes on: over all tasks at first, and over about the last `REMEMBERED` from then on, so that a
workload that changes is followed. They are numbers that the formulas read and write, see
`Layout.memory`.
"""

from typing import Protocol

from qcbench.policies.features.layout import Feature, Target

REMEMBERED = 200.0
"""Tasks that a mean reaches back."""
RECENT = 12.0
"""And one that is to see a burst."""
FAR = 16.0
"""Times that are this much longer than the mean execution are halfway on the second scale."""
TASKS_EACH = 4.0
"""So many tasks for each QPU are halfway between none and a stream, or a queue, without end."""
QPUS_SCALE = 8.0
"""A fleet of so many QPUs is halfway between none and one without end."""
SHORTEST_S = 1e-9
"""Added to what is divided, so that tasks that take no time do no harm."""

SEEN, LATEST_S, GAP_S, RECENT_GAP_S, SCALE_S, SQUARE = range(6)
"""What all tracks remember first: how many tasks there were and when the latest came; means of the
gaps between them, of all and of the recent ones; of the execution s of a task; of its square."""
COMMON = 6
"""So many numbers."""

QPUS = Feature("fleet", "number of QPUs q, q / (q + 8)")
BURST = Feature("burst", "mean r of the last 12 gaps, r / (r + g): below 1/2 in a burst")
LOAD = Feature("load", "load l = s / g of the fleet of q QPUs, l / (l + q): 1/2 at load 1")
VARIANCE = Feature("variance", "squared coefficient of variation v of executions, v / (v + 1)")


class Remembered(Protocol):
    """Numbers that are read and written: a list or an array."""

    def __getitem__(self, index: int, /) -> float: ...
    def __setitem__(self, index: int, value: float, /) -> None: ...


def weight(count: float, reach: float) -> float:
    """Return the weight of the latest of so many numbers in a mean that reaches so far back."""
    return 1.0 / count if count < reach else 1.0 / reach


def follow(memory: Remembered, at: int, value: float, latest: float) -> None:
    """Let a mean follow a value of this weight."""
    memory[at] = memory[at] + latest * (value - memory[at])


def come(
    came_s: float,
    exec_s: float,
    first_gap_s: float,
    since: float,
    memory: Remembered,
    memory_at: int,
) -> float:
    """Let the means follow a task that has come; return its weight in means of all of them.

    Args:
        came_s: when it came.
        exec_s: its execution.
        first_gap_s: what is taken for the gap before it where it is the first of all.
        since: tasks that have come since the one before that was told, this one included: 1 unless
            some of them were not seen. Their gaps are taken to be equal.
    """
    count = memory[memory_at + SEEN] + 1.0
    memory[memory_at + SEEN] = count
    latest = weight(count, REMEMBERED)
    follow(memory, memory_at + SCALE_S, exec_s, latest)
    follow(memory, memory_at + SQUARE, exec_s * exec_s, latest)
    gap_s = first_gap_s if count == 1.0 else (came_s - memory[memory_at + LATEST_S]) / since
    gap_s = gap_s if gap_s > 0.0 else 0.0  # where tasks are not told in the order of arrival
    follow(memory, memory_at + GAP_S, gap_s, latest)
    follow(memory, memory_at + RECENT_GAP_S, gap_s, weight(count, RECENT))
    memory[memory_at + LATEST_S] = came_s
    return latest


def observe_stream(
    past_s: float,
    work_s: float,
    servers: int,
    memory: Remembered,
    memory_at: int,
    out: Target,
    out_at: int,
) -> None:
    """Write what a stream of tasks looks like: a gap, `BURST`, `LOAD` and `VARIANCE`.

    Args:
        past_s: the gap.
        work_s: mean time that a task takes of one of so many servers.
    """
    scale_s = memory[memory_at + SCALE_S] + SHORTEST_S
    gap_s = memory[memory_at + GAP_S] + SHORTEST_S
    recent_s = memory[memory_at + RECENT_GAP_S] + SHORTEST_S
    variance = memory[memory_at + SQUARE] / (scale_s * scale_s) - 1.0
    variance = variance if variance > 0.0 else 0.0
    out[out_at] = 1.0 - gap_s / (past_s + gap_s)
    out[out_at + 1] = 1.0 - gap_s / (recent_s + gap_s)
    out[out_at + 2] = 1.0 - gap_s * servers / (work_s + gap_s * servers)
    out[out_at + 3] = 1.0 - 1.0 / (variance + 1.0)


FORMULAS = (weight, follow, come, observe_stream)
"""What the tracks' formulas call: compiled code that has these is told of them."""
