"""What the rows of a replay's table come to, in words: charges, and what is not at its end."""

from collections import Counter
from typing import TYPE_CHECKING

from qcbench.hardware.cost import said
from qcbench.hardware.intents import OPEN

if TYPE_CHECKING:
    import polars as pl

UNFINISHED = ("pending", *OPEN)
"""States of rows that are not at their end."""


def charged_in_words(table: "pl.DataFrame") -> str:
    """Return what the rows of a table were charged: QPU seconds where they count, else dollars."""
    if table["charge_s"].null_count() < table.height or "charge_usd" not in table.columns:
        return said(float(table["charge_s"].sum()), "s")
    return said(float(table["charge_usd"].sum()), "usd")


def unfinished_in_words(table: "pl.DataFrame") -> str:
    """Say how many rows are not at their end, by state; empty where all are."""
    counts = Counter(state for state in table["state"].to_list() if state in UNFINISHED)
    if not counts:
        return ""
    named = ", ".join(f"{counts[state]} {state}" for state in UNFINISHED if counts[state])
    return (
        f"unfinished: {counts.total()} of {table.height} rows are not at their end ({named}); the"
        " figures are of the others"
    )


def uncharged(table: "pl.DataFrame") -> int:
    """Return how many rows are done whose charge is not known."""
    done = table.filter(state="done")
    charges = [done[name] for name in ("charge_s", "charge_usd") if name in done.columns]
    return min((column.null_count() for column in charges), default=0)
