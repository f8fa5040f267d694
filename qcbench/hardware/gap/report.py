"""The gap report: one HTML file that needs nothing else, figures, and numbers as Parquet."""

from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from qcbench.files import write_text, write_with
from qcbench.hardware.accounts import charged_in_words, uncharged, unfinished_in_words
from qcbench.hardware.gap import rows
from qcbench.hardware.gap.analysis import Gap
from qcbench.hardware.gap.figures import draw
from qcbench.hardware.gap.numbers import numbers, ranking
from qcbench.hardware.gap.policies import PolicyGap
from qcbench.report.pages import environment
from qcbench.report.style import FigureFiles, inline_svg, render, save_figures
from qcbench.stats.clusters import LEAST_CLUSTERS

if TYPE_CHECKING:
    from qcbench.hardware.replay_config import ReplayConfig
    from qcbench.hardware.results import Measured

REPORT, NUMBERS = "gap.html", "gap.parquet"

MEANINGS = {
    "done": "executed and measured",
    "failed": "the backend reported a failure",
    "cancelled": "cancelled on the backend, by somebody else or at its time limit",
    "expired": "not at its end by our deadline, cancelled: censored, it would have taken longer",
    "refused": "never accepted, or not submitted for want of budget",
    "truncated": "never placed: the policy took all its decisions, most of them infeasible",
    "not_run": "too large to simulate; reported with its estimate, and not submitted",
    "pending": "not arrived, or not decided about yet",
    "planned": "not submitted yet",
    "waiting": "not submitted yet: the account takes no more for now",
    "submitted": "not at its end yet",
}
LABEL_WORDS = {
    "hardware": "Measured on quantum devices.",
    "emulated": "Measured on a service emulator: noise, queues and times are simulated, from a "
    "calibration and a time model that the simulator under test does not know. Nothing here is a "
    "statement about hardware.",
    "local": "Executed by a simulator on this machine. Its fidelities are those of a noise model, "
    "its times those of the simulation: neither is a statement about hardware.",
}


@dataclass(frozen=True)
class Written:
    """Where a gap report lies."""

    page: Path
    numbers: Path


def write_gap(measured: "Measured") -> Written:
    """Write `gap.html`, `gap.parquet` and `figures/` into a replay's folder.

    Raises:
        InputError: the folder cannot be written.
    """
    replay, gap = measured.replay, measured.gap
    pictures = {name: render(figure) for name, figure in draw(measured.table, gap).items()}
    page = _page(measured, pictures)
    save_figures(pictures, replay.folder / "figures")
    written = Written(replay.folder / REPORT, replay.folder / NUMBERS)
    write_with(written.numbers, numbers(gap).write_parquet)
    write_text(written.page, page)
    return written


def _page(measured: "Measured", pictures: dict[str, FigureFiles]) -> str:
    replay, table, gap = measured.replay, measured.table, measured.gap

    def figure(name: str) -> Markup:
        document = inline_svg(pictures[name].svg, name.replace("-", " "))
        return Markup(document)  # noqa: S704 - own text

    template = environment("qcbench.hardware.gap").get_template("gap.html.j2")
    return template.render(
        gap=gap,
        name=replay.folder.name,
        config=replay.config,
        date=f"{datetime.fromisoformat(replay.date):%Y-%m-%d %H:%M} UTC",
        origin=f"Replay {replay.replay} of a stream of circuits, {LABEL_WORDS[gap.label]}"
        if gap.label == "hardware"
        else LABEL_WORDS[gap.label],
        headline=headline(gap),
        policies=[policy.label for policy in replay.config.policies],
        rows=table.height,
        charged=charged_in_words(table),
        uncharged=uncharged(table),
        unfinished=unfinished_in_words(table),
        command="qcbench gap " + " ".join(measured.names),
        plan=measured.plan,
        meanings=MEANINGS,
        reasons=rows.reasons(table),
        metrics=[rows.metric_row(metric) for metric in gap.metrics],
        policy_rows=rows.policy_rows(gap.policies) if gap.policies else [],
        pair_rows=rows.pair_rows(gap.policies) if gap.policies else [],
        occasions=rows.occasions(gap.policies) if gap.policies else "",
        ranking=[
            {"name": name, "value": rows.number(interval.value), "interval": rows.ends_of(interval)}
            for name, interval in (ranking(gap.policies) if gap.policies else [])
        ],
        least_p=f"{2 / 2**gap.devices:.2g}" if gap.devices >= LEAST_CLUSTERS else "",
        chosen=rows.model_words(gap.time.fitted[gap.time.chosen]) if gap.time else "",
        fitted_rows=rows.fitted_rows(gap),
        not_told_apart=rows.not_told_apart(gap),
        wait_rows=rows.wait_rows(gap.waits),
        completion_rows=rows.wait_rows(gap.completions),
        time_rows=rows.time_rows(gap),
        other_rows=rows.other_rows(gap),
        queue_words=rows.queue_words(gap),
        split_rows=[
            {
                "name": f"{section}: {part.name}",
                "value": rows.number(part.value.value),
                "interval": rows.ends_of(part.value),
                "meaning": part.meaning,
            }
            for section, parts in (
                ("completion [s]", gap.time_split),
                ("fidelity", gap.fidelity_split),
            )
            for part in parts
        ],
        design=_design_words(replay.config),
        interleaved=INTERLEAVED,
        anchor_rows=rows.anchor_rows(gap),
        label_words=LABEL_WORDS[gap.label],
        drawn=list(pictures),
        figure=figure,
    )


INTERLEAVED = "the policies interleaved on the same devices, so each waits behind the others too"


def _design_words(config: "ReplayConfig") -> str:
    """Say how policies came to what was measured of them."""
    if config.blocks is not None:
        return (
            f"each policy alone on the devices, in {config.blocks} blocks of tasks, one after"
            " another in an order that was drawn before"
        )
    if config.waits == "alone":
        return (
            "the policies interleaved on the same devices, without the waits that they caused each"
            " other: by so much the queue of all jobs is longer than that of the policy's own"
        )
    return INTERLEAVED


def headline(gap: Gap) -> str:
    """Return the result in a few sentences; nothing stands in it that its interval does not."""
    execution = next(one for one in gap.metrics if one.metric.name == "execution")
    if not execution.rows:
        return "No task can be compared: none has both execution times, above 0."
    shown = rows.factor(execution.gap)
    words = f"Execution takes {rows.number(shown.value)} times as long as simulated"
    devices = f"{gap.devices} {'device' if gap.devices == 1 else 'devices'}"
    if isfinite(shown.low):
        words += (
            f" (95 % interval {rows.number(shown.low)} to {rows.number(shown.high)}, {devices})"
        )
    else:
        words += f" on {devices}, too few for an interval"
    if gap.time is not None:
        before, after = gap.time.before, gap.time.after[gap.time.chosen]
        words += (
            f"; fitting {gap.time.chosen} brings the median error from"
            f" {rows.percent(before.median_log)} to {rows.percent(after.median_log)}"
            " on held-out tasks"
        )
        if gap.time.chosen in gap.time.other_qpu:
            other = gap.time.other_qpu[gap.time.chosen]
            words += f" and {rows.percent(other.median_log)} on held-out devices"
    if gap.policies is not None and len(gap.policies.measured) > 1:
        words += f". {_policies_headline(gap.policies)}"
    return f"{words}."


def _policies_headline(found: PolicyGap) -> str:
    count = len(found.measured)
    if found.winner is not None:
        words = f"{found.winner} is the best of {count} policies beyond chance"
        words += f" (probability {rows.share(found.p_best[found.winner])})"
    else:
        words = f"No policy is told apart from all others as the best of {count}"
        leader = max(found.p_best, key=lambda name: found.p_best[name])
        if isfinite(found.p_best[leader]):
            words += f" (the likeliest is {leader}, {rows.share(found.p_best[leader])})"
    if isfinite(found.regret.high):
        low, high = rows.number(found.regret.low), rows.number(found.regret.high)
        words += (
            f"; what simulation chooses, {found.champion}, loses {low} to {high} s to the best one"
        )
    return words
