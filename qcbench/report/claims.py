"""Published claims as text: one with its findings, or all of them with their last verdicts."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from qcbench.bench.claim import ClaimConfig, ClaimVerdict, MeasuredNumber
from qcbench.bench.typed import plain
from qcbench.files import to_json
from qcbench.report.text import MISSING
from qcbench.stats.intervals import Estimate
from qcbench.stats.verdicts import margin


def as_json(claims: Mapping[str, ClaimConfig]) -> str:
    """Return claims with everything that is known of them."""
    data = {name: plain(claim) for name, claim in claims.items()}
    return to_json(data, "the claims", null=True, indent=2) + "\n"


def as_markdown(claims: Mapping[str, ClaimConfig]) -> str:
    """Return a table for each system, with the verdicts that are stored."""
    systems = dict.fromkeys(claim.system for claim in claims.values())
    return "\n".join(_markdown(system, claims) for system in systems)


def _markdown(system: str, claims: Mapping[str, ClaimConfig]) -> str:
    lines = [
        f"## {system}",
        "",
        "| claim | what is claimed | published | verdict | measured | |",
        "|---|---|---|---|---|---|",
    ]
    for name, claim in claims.items():
        if claim.system == system:
            said = f"{claim.statement} ({claim.source})"
            published = claim.published or MISSING
            cells = [f"`{name}`", said, published, *_verdict_cells(claim), claim.remark]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, ""])


def _verdict_cells(claim: ClaimConfig) -> tuple[str, str]:
    if claim.verdict is None:
        return "not measured", ""
    return claim.verdict.answer, deciding(claim, claim.verdict)


def row_of(name: str, claim: ClaimConfig) -> list[str]:
    """Return the row of the list of claims."""
    answer, measured = _verdict_cells(claim)
    date = claim.verdict.date if claim.verdict else ""
    suite = claim.trials.suite if claim.trials else ""
    return [name, claim.source, suite, claim.statement, answer, measured, date]


def deciding(claim: ClaimConfig, verdict: ClaimVerdict) -> str:
    """Write the finding that is least within the claimed region: the verdict is by that one."""

    def within(found: MeasuredNumber) -> float:
        inside = margin(Estimate(found.value, found.low, found.high), claim.least, claim.most)
        return inside if isfinite(inside) else -1e300

    worst = min(verdict.findings, key=within)
    written = _number(worst, claim.unit)
    others = len(verdict.findings) - 1
    return written if not others else f"{written} in {worst.of}, of {others + 1}"


def _number(found: MeasuredNumber, unit: str) -> str:
    figures = [found.value, found.low, found.high]
    size = max(map(abs, figures))
    digits = 4 if size < 0.1 else 3 if size < 1 else 2 if size < 10 else 1 if size < 10_000 else 0
    value, low, high = (f"{figure:,.{digits}f}" for figure in figures)
    tail = f" {unit}" if unit else ""
    return f"{value}{tail}" if found.worlds == 0 else f"{value}{tail} [{low}, {high}]"


def in_words(name: str, claim: ClaimConfig, verdict: ClaimVerdict) -> str:
    """Return what a measurement says, a line for each finding and the verdict last."""
    published = f", published: {claim.published}" if claim.published else ""
    lines = [f"{claim.statement} ({claim.source}{published})", ""]
    width = max(len(found.of) for found in verdict.findings)
    for found in verdict.findings:
        worlds = f"  {found.worlds} worlds" if found.worlds else "  exact"
        lines.append(f"  {found.of:<{width}}  {_number(found, claim.unit)}{worlds}")
    lines += ["", f"claimed: {region(claim)}", f"{name}: {verdict.answer}"]
    return "\n".join(lines) + "\n"


def region(claim: ClaimConfig) -> str:
    """Write the region that the number should lie in."""
    unit = f" {claim.unit}" if claim.unit else ""
    if claim.least is not None and claim.most is not None:
        if claim.least == claim.most:
            return f"{claim.least:g}{unit}"
        return f"{claim.least:g} to {claim.most:g}{unit}"
    if claim.least is not None:
        return f"at least {claim.least:g}{unit}"
    return f"at most {claim.most:g}{unit}"


def changed(claim: ClaimConfig, verdict: ClaimVerdict) -> str:
    """Return a sentence where a verdict is another than the stored one, else an empty text."""
    if claim.verdict is None or claim.verdict.answer == verdict.answer:
        return ""
    return f"stored on {claim.verdict.date}: {claim.verdict.answer}"


def measured(name: str, claim: ClaimConfig, verdict: ClaimVerdict) -> dict[str, Any]:
    """Return a claim with a new verdict as plain data."""
    return {"claim": name, **plain(claim), "verdict": plain(verdict)}
