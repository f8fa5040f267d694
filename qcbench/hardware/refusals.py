"""What was refused and is submitted when the same command comes again, and what is not.

A task of the stream and a mirror circuit are as good later. An anchor circuit belongs to a moment
of the replay: it is submitted later only while that moment is there, which is until something that
came after it is with the backend. The last moment is after everything, and always there.
"""

from collections.abc import Iterable
from typing import Final, Literal

from qcbench.bench.listing import TAKEN_LATER
from qcbench.hardware.intents import Intent
from qcbench.hardware.ledger import JobLedger

LATER_BY_ITSELF = ("quota", "unavailable")
"""Why an intent is refused that a later run submits, though nobody raises a budget."""
TRIED_AGAIN = TAKEN_LATER
"""Why an intent may have been refused by an earlier session and not by this one."""
PASSED: Final = "passed"
"""Class of a refused anchor whose moment has passed: no further run submits it."""


def comes_again(intent: Intent) -> bool:
    """Whether a further run of the same command tries to submit an intent that was refused."""
    return intent.state == "refused" and intent.error_class in TRIED_AGAIN


def left_out(
    intents: Iterable[Intent],
    phase: Literal["stream", "mirror", "anchor"],
    moment: int | None = None,
) -> list[Intent]:
    """Return the intents of a phase that were refused and are to be submitted now.

    Args:
        moment: of anchors; None for any.
    """
    return [
        one
        for one in intents
        if comes_again(one) and one.phase == phase and moment in {None, one.task}
    ]


def let_pass(ledger: JobLedger, moments: int) -> None:
    """Write down which refused anchors are submitted no more.

    Args:
        moments: of the replay; the last one never passes.
    """
    intents = ledger.intents()
    for place, one in enumerate(intents):
        if not comes_again(one) or one.phase != "anchor" or one.task >= moments - 1:
            continue
        if any(_is_after(later, one) for later in intents[place + 1 :]):
            reason = f"{one.error}; its moment in the replay has passed"
            ledger.finish(one.hash, "refused", error_class=PASSED, error=reason)


def _is_after(later: Intent, anchor: Intent) -> bool:
    """Whether a later row has a job that ends the moment of an anchor."""
    if later.job_id is None or later.state == "refused":
        return False
    return later.phase != "anchor" or (later.qpu == anchor.qpu and later.task != anchor.task)
