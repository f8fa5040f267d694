"""`qcbench promote`: a candidate becomes the champion if it beats the standing one."""

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qcbench.bench.overrides import nested
from qcbench.cli.arguments import leading_name, parse, show
from qcbench.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from qcbench.tracking.promotion import Promotion
    from qcbench.tracking.verdict import Verdict

SUMMARY = (
    "Judge a policy on held-out worlds and register it as champion if it beats the standing one. "
    "The first argument names it: a registered policy, a folder, a training run, or a model."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb; 1 where the candidate is not promoted."""
    candidate, rest = leading_name(arguments)
    options = parse("promote", SUMMARY, rest)
    from qcbench.bench.compose import known_policies  # noqa: PLC0415 - after the help
    from qcbench.tracking.promotion import compose_promote, promote  # noqa: PLC0415

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
    command = shlex.join(["qcbench", "promote", *arguments])
    done = promote(config, command=command)
    announce(done, f"{config.model or config.scenario.track}@{config.alias}")
    return 0 if done.verdict.promoted else 1


def announce(done: "Promotion", title: str) -> None:
    """Print the figures, and what came of them."""
    from qcbench.cli.tables import print_table  # noqa: PLC0415

    verdict = done.verdict
    print_table(_table(verdict), 140)
    print(f"\nresults   {done.run}", flush=True)
    if done.reference is not None:
        print(f"promoted  {title} is {verdict.label} now, version {done.reference.version}")
        print(f"use it    policy=models:/{title}")
        return
    reasons = "; ".join(verdict.reasons)
    print(f"{verdict.label} is not promoted to {title}: {reasons}", file=sys.stderr)


def _table(verdict: "Verdict") -> "Table":
    """Return the candidate's mean and, for each rival, how it compares."""
    from rich.table import Table  # noqa: PLC0415

    from qcbench.report.text import scale_of  # noqa: PLC0415

    scale = scale_of(verdict.metric, [verdict.mean, *(rival.mean for rival in verdict.rivals)])
    unit = f" [{scale.unit}]" if scale.unit else ""
    table = Table(box=None, pad_edge=False, title_justify="left")
    for name in ("policy", f"{verdict.metric}{unit}".replace("[", r"\[")):
        table.add_column(name, justify="left" if name == "policy" else "right")
    table.add_column("candidate against it", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("better in", justify="right")
    for rival in verdict.rivals:
        compared = rival.compared
        relative = compared.relative_percent
        table.add_row(
            rival.label,
            scale.value(rival.mean),
            f"{relative.value:+.2f} %",
            f"{relative.low:+.2f} .. {relative.high:+.2f} %",
            f"{compared.probability_of_improvement.value:.0%} of {compared.pairs}",
        )
    table.add_row(verdict.label, scale.value(verdict.mean), *_balance(verdict))
    return table


def _balance(verdict: "Verdict") -> tuple[str, str, str]:
    entropy, share = verdict.entropy, verdict.largest_share
    return (
        "",
        f"violations {verdict.violations}",
        "" if entropy is None or share is None else f"entropy {entropy:.2f}, most {share:.0%}",
    )
