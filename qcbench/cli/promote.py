"""`qcbench promote`: a candidate becomes the champion if it beats the standing one."""

import sys
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from qcbench.bench.overrides import nested
from qcbench.cli.arguments import leading_name, parse, show
from qcbench.commands import command, override, word
from qcbench.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from qcbench.report.text import Scale
    from qcbench.stats.intervals import Estimate
    from qcbench.tracking.promote_config import PromoteConfig
    from qcbench.tracking.promotion import Promotion
    from qcbench.tracking.verdict import Rival, Verdict

MISSING = "–"
SUMMARY = (
    "Judge a policy on held-out worlds and register it as champion if it beats the standing one: "
    "those of a scenario, or over a suite with suite=NAME. "
    "The first argument names it: a registered policy, a folder, a training run, or a model."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb; 1 where the candidate is not promoted."""
    candidate, rest = leading_name(arguments)
    options = parse("promote", SUMMARY, rest)
    from qcbench.bench.compose import known_policies  # noqa: PLC0415 - after the help
    from qcbench.tracking.promote_config import compose_promote  # noqa: PLC0415
    from qcbench.tracking.promotion import promote  # noqa: PLC0415

    if options.show:
        named = [f"policy={candidate}"] if candidate else []
        asked = nested([*named, *options.runs[0]])
        show("promote", options, known_policies(asked, options.config_dirs))
        return 0
    if not candidate:
        raise InputError("promote: name a policy, a folder, a training run, or a model")
    if len(options.runs) > 1:
        raise InputError("--multirun: policies are promoted one by one")
    config = compose_promote(candidate, options.runs[0], options.config_dirs)
    told = command("promote", *arguments)
    return announce(config, promote(config, command=told, config_dirs=options.config_dirs))


def announce(config: "PromoteConfig", done: "Promotion") -> int:
    """Print the figures, and what came of them; return 1 where the candidate is not promoted."""
    from qcbench.cli.tables import print_table  # noqa: PLC0415

    title = f"{config.model or config.track}@{config.alias}"
    verdict = done.verdict
    several = len(verdict.means) > 1
    print_table(_table(verdict), 140)
    if several:
        print()
        print_table(_scenario_table(verdict), 140)
    if verdict.guards:
        print()
        print_table(_guard_table(verdict), 140)
    print(f"\njudged by {done.judge}")
    if done.tries > 1:
        print(f"Intervals are over all worlds of {done.tries} tries, this one included.")
    print(f"\nresults   {done.run}", flush=True)
    if done.reference is not None:
        print(f"promoted  {title} is {verdict.label} now, version {done.reference.version}")
        print(f"use it    {word(override('policy', f'models:/{title}'))}")
        return 0
    reasons = "; ".join(verdict.reasons)
    print(f"{verdict.label} is not promoted to {title}: {reasons}", file=sys.stderr)
    return 1


def _columns(*names: str) -> "Table":
    """Return a table without rows: the first column is of words, the others are of figures."""
    from qcbench.cli.tables import Listing  # noqa: PLC0415

    table = Listing(box=None, pad_edge=False)
    for place, name in enumerate(names):
        table.add_column(name.replace("[", r"\["), justify="right" if place else "left")
    return table


def _scale(verdict: "Verdict", scenarios: "Iterable[str]") -> "Scale":
    """Return how values of the metric are written."""
    from qcbench.report.text import scale_of  # noqa: PLC0415

    columns = (verdict.means, *(rival.means for rival in verdict.rivals))
    return scale_of(verdict.metric, [means[name] for name in scenarios for means in columns])


def _table(verdict: "Verdict") -> "Table":
    """Return for each rival how the candidate compares; of one scenario with the means."""
    (first, *more), rivals = verdict.means, verdict.rivals
    scale = _scale(verdict, [first])
    unit = f" [{scale.unit}]" if scale.unit else ""
    level = 100.0 * rivals[0].level
    against = ("candidate against it", f"{level:.4g} % interval", "better in")
    table = _columns("policy", "scenarios" if more else f"{verdict.metric}{unit}", *against)

    def second(rival: "Rival") -> str:
        lost = len(rival.lost)
        said = f"{len(rival.scenarios)}, worse in {lost}" if lost else f"{len(rival.scenarios)}"
        return said if more else scale.value(rival.means[first])

    for rival in rivals:
        share = f"{rival.probability:.0%} of {rival.worlds}"
        table.add_row(rival.label, second(rival), *_relative(rival.relative_percent), share)
    mean = "" if more else scale.value(verdict.means[first])
    table.add_row(verdict.label, mean, *_balance(verdict))
    return table


def _scenario_table(verdict: "Verdict") -> "Table":
    """Return how the candidate compares with the first rival in each scenario of a suite."""
    rival = verdict.rivals[0]
    level = f"{100.0 * rival.level:.4g} % interval"
    against = (f"against {rival.label}", level, "better in")
    table = _columns("scenario", verdict.metric, *against, "beyond chance")
    for name, pairs in rival.scenarios.items():
        scale = _scale(verdict, [name])
        table.add_row(
            name,
            f"{scale.value(verdict.means[name])} {scale.unit}".strip(),
            *_relative(pairs.relative(rival.level)),
            f"{pairs.probability:.0%} of {pairs.n}",
            "worse" if name in rival.lost else "",
        )
    return table


def _guard_table(verdict: "Verdict") -> "Table":
    """Return how the candidate keeps what must not get worse."""
    rival = verdict.rivals[0]
    level = f"{100.0 * rival.level:.4g} % interval"
    table = _columns("guard", "may be worse by", f"against {rival.label}", level, "kept")
    for guard in verdict.guards:
        kept = "no" if guard.reason else "yes"
        found = _relative(guard.relative_percent)
        table.add_row(guard.metric, f"{100.0 * guard.share:g} %", *found, kept)
    return table


def _relative(found: "Estimate") -> tuple[str, str]:
    """Return a percentage and its interval, a dash where there is none."""
    value = f"{found.value:+.2f} %" if isfinite(found.value) else MISSING
    bounded = isfinite(found.low) and isfinite(found.high)
    ends = f"{found.low:+.2f} .. {found.high:+.2f} %" if bounded else MISSING
    return value, ends


def _balance(verdict: "Verdict") -> tuple[str, str, str]:
    entropy, share = verdict.entropy, verdict.largest_share
    return (
        "",
        f"violations {verdict.violations}",
        "" if entropy is None or share is None else f"entropy {entropy:.2f}, most {share:.0%}",
    )
