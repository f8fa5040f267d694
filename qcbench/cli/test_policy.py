"""`qcbench test-policy`: check what every policy owes to its broker, on anyone's policy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qcbench.cli.arguments import leading_name, parse, show
from qcbench.cli.stages import stage
from qcbench.errors import InputError
from qcbench.tracks import TRACKS

if TYPE_CHECKING:
    from qcbench.bench.contract.checks import Subject

SUMMARY = (
    "Check a policy against the contract of its track: legal decisions, ties, equal decisions for"
    " equal seeds, an unchanged view, a whole trial. The first argument names it: a registered"
    " policy, `their.module:function`, `file.py` with a function `policy`, `file.py:function`, a"
    " folder, a training run, or a model."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb; 1 where a check fails."""
    name, rest = leading_name(arguments)
    options = parse("test-policy", SUMMARY, rest)
    with stage("reading the configs", logged=False):
        from qcbench.api.contract import contract_overrides, subjects  # noqa: PLC0415 - a second

    if options.show:
        show("test-policy", options, contract_overrides(name, options.runs[0], options.config_dirs))
        return 0
    if not name:
        raise InputError(
            "test-policy: name a policy, their.module:function, a file.py, a folder, or a model"
        )
    failed = 0
    for overrides in options.runs:
        with stage("reading the policy, drawing a world to try it on", logged=False):
            found = list(subjects(name, overrides, options.config_dirs))
        bad = sum(_report(name, subject) for subject in found)
        told = any(each.startswith("track=") for each in overrides)
        if bad and not told and (".py" in name or ":" in name):  # code does not say its track
            others = [f"track={each}" for each in TRACKS if each != found[0].track]
            print(f"  if it is of another track, say so: {', '.join(others)}")
        failed += bad
    return 1 if failed else 0


def _report(name: str, subject: "Subject") -> int:
    """Run the checks, print a line for each, and return how many failed."""
    from qcbench.bench.contract.checks import run_checks  # noqa: PLC0415

    print(f"{name}: {subject.track}", flush=True)
    failed = count = 0
    findings = run_checks(subject)
    while True:
        with stage("checking", logged=False):
            finding = next(findings, None)
        if finding is None:
            break
        count += 1
        failed += bool(finding.problem)
        line = f"  {'FAIL' if finding.problem else 'ok  '}  {finding.promise}"
        print(f"{line}: {finding.problem}" if finding.problem else line, flush=True)
    print(f"  {failed} of {count} checks failed" if failed else f"  all {count} checks passed")
    return failed
