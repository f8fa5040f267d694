"""One world of each scenario of a run, as the best policy and the baseline met it, over time.

Records of trials are rarely kept. Where they are not, the two trials are simulated again if that is
quick and runs no code that somebody brought: to read a run runs none of its policies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Literal, TypeAlias

import polars as pl

from qcbench.bench.drawn import world_of
from qcbench.bench.outcome import error_line
from qcbench.bench.run import row_of, simulate_trial
from qcbench.bench.run_names import told_name
from qcbench.bench.store import RunStore
from qcbench.bench.trial import Trial
from qcbench.errors import CODE_ERRORS, InputError
from qcbench.parquet import frame_at
from qcbench.policies.names import modules_of
from qcbench.report import text
from qcbench.report.grids import gridded
from qcbench.report.rows import Block, blocks
from qcbench.report.schedules import (
    MOST_BARS,
    MOST_LANES,
    MOST_STEPS,
    Bars,
    Schedule,
    schedule_of,
    stacked,
    window_of,
)
from qcbench.stats.summary import Summary

Which: TypeAlias = Literal["quick", "all", "none"]
"""Whether worlds are shown that are quick and no code, whatever there is, or nothing."""
WHICH: tuple[Which, ...] = ("quick", "all", "none")
QUICK_S = 0.6
"""Processor time of the two trials of a scenario that is spent without being asked for [s]."""
FIRST_S = 2.0
"""And of the one scenario that takes least: a run of longer trials shows a world as well [s]."""
QUICK_TOTAL_S = 6.0
"""And of all scenarios of a run [s]."""


@dataclass(frozen=True)
class ChosenWorld:
    """One world of a scenario over time, or why there is none.

    Attributes:
        replicate: which world.
        qpus: names of the lanes.
        schedules: of the best policy and the baseline; none where they are not shown.
        window: the time that the bars are of [s].
        end_s: the end of the axis of the lines [s].
        words: what is to be known of it, in sentences.
        command: shows what is not shown; empty where nothing is missing or nothing helps.
    """

    replicate: int
    qpus: Sequence[str] = ()
    schedules: Sequence[Schedule] = ()
    window: tuple[float, float] = (0.0, 0.0)
    end_s: float = 0.0
    words: str = ""
    command: str = ""

    @property
    def whole(self) -> bool:
        """Whether the window is all there is."""
        return self.window[0] <= 0.0 and self.window[1] >= self.end_s


@dataclass(frozen=True)
class WorldChoice:
    """Which world of a scenario is shown, and under which policies, the baseline last."""

    replicate: int
    policies: tuple[str, ...]
    why: str


class NotShownError(InputError):
    """Why a world is not shown; `helps` where more would be if it were asked for."""

    def __init__(self, message: str, *, helps: bool = False) -> None:
        super().__init__(message)
        self.helps = helps


def choice_of(trials: pl.DataFrame, block: Block, baseline: str, metric: str) -> WorldChoice | None:
    """Choose a world: the median one of the best policy, among those that both have done.

    Args:
        trials: result table.
        block: a scenario of a leaderboard.
        baseline: policy that the others are compared with; where it is the best, the next best
            stands beside it.
        metric: by which worlds are ordered.
    """
    ranked = [str(row["policy"]) for row in block.rows if row["n"]]
    best = next((policy for policy in ranked if policy != baseline), None)
    policies = tuple(dict.fromkeys(filter(None, (best, baseline if baseline in ranked else None))))
    if not policies:
        return None
    own = trials.filter(
        pl.col("scenario") == block.scenario,
        pl.col("policy").is_in(policies),
        pl.col("status") == "done",
        pl.col(metric).is_not_null(),
    )
    shared = own.group_by("replicate").len().filter(pl.col("len") == len(policies))
    worlds = (
        own.filter(pl.col("policy") == policies[0])
        .join(shared, on="replicate", how="semi")
        .sort(metric, "replicate")
    )
    if worlds.is_empty():
        return None
    middle = worlds.row((worlds.height - 1) // 2, named=True)
    place = "the only one" if worlds.height == 1 else f"the median of {worlds.height} worlds"
    why = f"World {middle['replicate']} is {place} of {policies[0]} by {text.title_of(metric)}"
    return WorldChoice(int(middle["replicate"]), policies, why)


def chosen_worlds(
    store: RunStore, trials: pl.DataFrame, summary: Summary, which: Which = "quick"
) -> dict[str, ChosenWorld]:
    """Return a world of every scenario that has figures of its own, by scenario.

    Args:
        store: the run; nothing is written.
        trials: its result table.
        summary: of those trials.
        which: what may be simulated again where records are not kept.
    """
    if which == "none":
        return {}
    found: dict[str, ChosenWorld] = {}
    spent_s = 0.0
    ids = {trial.trial_id: trial for trial in store.trials}
    costs = _costs_s(store, trials)
    command = f"qcbench report {told_name(store.folder)} worlds=all"
    together = gridded(trials)
    chosen = [
        (block, choice, sum(costs.get((block.scenario, policy), inf) for policy in choice.policies))
        for block in blocks(summary)
        if (choice := choice_of(trials, block, summary.baseline, summary.metric)) is not None
        and block.scenario not in together
    ]
    least_s = min((cost_s for _, _, cost_s in chosen), default=inf)
    for block, choice, cost_s in chosen:
        most_s = FIRST_S if cost_s == least_s else QUICK_S
        try:
            if which == "quick":
                named = block.scenario, choice, (cost_s, most_s)
                spent_s += _quick_s(store, ids, trials, *named, spent_s)
            found[block.scenario] = _shown(store, ids, trials, block, choice, summary.metric)
        except NotShownError as error:
            words = f"{choice.why}. It is not shown: {error}."
            helps = command if error.helps else ""
            found[block.scenario] = ChosenWorld(choice.replicate, words=words, command=helps)
        except CODE_ERRORS as error:
            words = f"{choice.why}. It cannot be shown ({error_line(error)})."
            found[block.scenario] = ChosenWorld(choice.replicate, words=words)
    return found


def _costs_s(store: RunStore, trials: pl.DataFrame) -> dict[tuple[str, str], float]:
    """Return what a trial usually took, by scenario and policy [s]."""
    columns = ["trial_id", "cpu_s"]
    path = store.folder / "timings.parquet"
    try:  # without the shards, which are text
        timings = frame_at(path, columns)
        sound = timings.schema == {"trial_id": pl.String, "cpu_s": pl.Float64}
    except (Exception, pl.exceptions.PanicException):  # as of a damaged shard
        sound = False
    if not sound:
        timings = store.timings().select(columns)
    usual = (
        trials.select("trial_id", "scenario", "policy")
        .join(timings, on="trial_id")
        .group_by("scenario", "policy")
        .agg(pl.col("cpu_s").median())
    )
    return {(scenario, policy): cost for scenario, policy, cost in usual.iter_rows()}


def _trials_of(
    ids: Mapping[str, Trial], trials: pl.DataFrame, scenario: str, choice: WorldChoice
) -> list[tuple[Trial, dict[str, object]]]:
    """Return the chosen trials with their rows."""
    found = []
    for policy in choice.policies:
        row = trials.row(
            by_predicate=(pl.col("scenario") == scenario)
            & (pl.col("policy") == policy)
            & (pl.col("replicate") == choice.replicate),
            named=True,
        )
        found.append((ids[row["trial_id"]], row))
    return found


def _kept(store: RunStore, trial: Trial) -> bool:
    """Whether the records of a trial are kept, a row an execution."""
    return store.manifest.keep_records and not _rows_are_jobs(trial)


def _rows_are_jobs(trial: Trial) -> bool:
    return bool(trial.scenario_config.get("rules", {}).get("records") == "jobs")


def _quick_s(
    store: RunStore,
    ids: Mapping[str, Trial],
    trials: pl.DataFrame,
    scenario: str,
    choice: WorldChoice,
    cost_s: tuple[float, float],
    spent_s: float,
) -> float:
    """Return what a scenario takes of the time that is spent without being asked for [s].

    Args:
        cost_s: of the scenario, and how much that may be.
        spent_s: for others before.

    Raises:
        NotShownError: too much, or its trials run code that somebody brought.
    """
    again = [
        trial for trial, _ in _trials_of(ids, trials, scenario, choice) if not _kept(store, trial)
    ]
    for trial in again:
        if trial.policy_config.get("name") not in modules_of(store.manifest.track):
            raise NotShownError(
                f"the run kept no records, and {trial.policy} is code that the run brings along",
                helps=True,
            )
    takes_s, most_s = cost_s
    if again and takes_s > most_s:
        takes = f"takes {takes_s:.1f} s" if isfinite(takes_s) else "may take long"
        raise NotShownError(
            f"the run kept no records, and to simulate it again {takes}", helps=True
        )
    if again and spent_s + takes_s > QUICK_TOTAL_S:
        raise NotShownError(
            "the run kept no records, and other scenarios have used the time", helps=True
        )
    return takes_s if again else 0.0


def _shown(
    store: RunStore,
    ids: Mapping[str, Trial],
    trials: pl.DataFrame,
    block: Block,
    choice: WorldChoice,
    metric: str,
) -> ChosenWorld:
    """Return the world as the chosen policies met it.

    Raises:
        NotShownError: another version of the model ran it, or it is another trial here.
    """
    schedules: list[Schedule] = []
    names: list[str] = []
    again = False
    for trial, row in _trials_of(ids, trials, block.scenario, choice):
        scenario = world_of(trial, shared=True).scenario
        names = list(scenario.fleet.names)
        kept = _kept(store, trial)
        again |= not kept
        frame = store.records(trial.trial_id) if kept else _simulated(store, trial, row, metric)
        schedules.append(
            schedule_of(
                frame,
                trial.policy,
                dict(zip(names, scenario.fleet.qubits.tolist(), strict=True)),
                shared=scenario.rules.dispatch.qpus == "shared",
                horizon_s=scenario.rules.horizon_s,
            )
        )
    window = window_of(schedules)
    end_s = max(each.end_s for each in schedules)
    lanes = _lanes(schedules, window, len(names))
    shown = [_cut(each, window, lanes) for each in schedules]
    world = ChosenWorld(
        choice.replicate,
        qpus=[names[lane] for lane in lanes],
        schedules=shown,
        window=window,
        end_s=end_s,
    )
    return replace(world, words=_words(world, choice, len(names), again=again))


def _simulated(
    store: RunStore, trial: Trial, row: Mapping[str, object], metric: str
) -> pl.DataFrame:
    """Return the records of a trial that is simulated again, a row an execution."""
    if store.manifest.mismatch:
        raise NotShownError(f"the run kept no records, and {store.manifest.mismatch}")
    compared = metric
    if _rows_are_jobs(trial):
        # The same trial, of which more is written down.
        config = dict(trial.scenario_config)
        rules = {**config["rules"], "records": "tasks"}
        trial = replace(trial, scenario_config={**config, "rules": rules})
        compared = "mean_job_s" if row.get("mean_job_s") is not None else "makespan_s"
    records = simulate_trial(trial)
    found = row_of(trial, records).get(compared)
    if found != row.get(compared) and not _same(found, row.get(compared)):
        raise NotShownError(
            f"{trial.policy} has {compared} {row.get(compared)} in the run and {found} here;"
            f" `qcbench verify {told_name(store.folder)}` says more"
        )
    return records.frame(trial.trial_id)


def _same(one: object, other: object) -> bool:
    """Whether a figure that comes of other sums is the same but for rounding."""
    if not (isinstance(one, int | float) and isinstance(other, int | float)):
        return False
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other))


def _lanes(schedules: Sequence[Schedule], window: tuple[float, float], qpus: int) -> list[int]:
    """Return the QPUs that are shown: all, or those that are busiest in the window, in order."""
    if qpus <= MOST_LANES:
        return list(range(qpus))
    busy_s = [0.0] * qpus
    for each in schedules:
        bars = each.bars.those(each.bars.within(*window))
        taken_s = (bars.end_s - bars.start_s) * (bars.high - bars.low)
        for qpu, time_s in zip(bars.qpu.tolist(), taken_s.tolist(), strict=True):
            busy_s[qpu] += time_s
    ranked = sorted(range(qpus), key=lambda qpu: (-busy_s[qpu], qpu))
    return sorted(ranked[:MOST_LANES])


def _cut(schedule: Schedule, window: tuple[float, float], lanes: Sequence[int]) -> Schedule:
    """Return a schedule with the bars of a window on some QPUs, by lane."""
    place = {qpu: lane for lane, qpu in enumerate(lanes)}
    bars = schedule.bars
    there = bars.within(*window)
    for index, qpu in enumerate(bars.qpu.tolist()):
        there[index] &= qpu in place
    own = stacked(bars.those(there).those(slice(0, MOST_BARS)))
    lane = own.qpu.copy()
    for index, qpu in enumerate(own.qpu.tolist()):
        lane[index] = place[qpu]
    labels = {number: schedule.labels[number] for number in own.number.tolist()}
    numbers = {number: index for index, number in enumerate(labels)}
    renamed = own.number.copy()
    for index, number in enumerate(own.number.tolist()):
        renamed[index] = numbers[number]
    cut = Bars(renamed, lane, own.start_s, own.end_s, own.low, own.high)
    return replace(schedule, bars=cut, labels=list(labels.values()))


def _words(world: ChosenWorld, choice: WorldChoice, qpus: int, *, again: bool) -> str:
    """Say what is shown, and what is not."""
    found = [f"{choice.why}."]
    if not world.whole:
        first_s, last_s = world.window
        scale = text.scale_of("time_s", [last_s - first_s])
        first, last, end = map(scale.value, (first_s, last_s, world.end_s))
        found.append(
            f"The bars are those from {first} to {last} {scale.unit} of {end} {scale.unit}, around"
            f" when most tasks wait under {choice.policies[-1]}."
        )
    if len(world.qpus) < qpus:
        found.append(f"Of {qpus} QPUs the {len(world.qpus)} that are busiest then are shown.")
    lost = {each.policy: each.lost for each in world.schedules if each.lost}
    for policy, count in lost.items():
        found.append(
            f"{text.plural(count, 'execution')} of {policy} that failures undid are no bars; their"
            " tasks count as waiting."
        )
    for each in world.schedules:
        if each.gone:
            found.append(
                f"{text.plural(each.gone, 'task')} of {each.policy} that were dropped or given up"
                " are left out: when is not written down."
            )
    lines = [line for each in world.schedules for line in (each.waiting, each.running)]
    if any(len(line.time_s) == MOST_STEPS for line in lines):
        found.append(f"Lines are means over 1/{MOST_STEPS} of the time.")
    found.append("Simulated again from the run's configs." if again else "From its records.")
    return " ".join(found)
