"""What an error of the client means: it wraps the service's answers, or hides them."""

import re
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from qcbench.hardware.credentials import scrub
from qcbench.hardware.port import BackendError

RETRY_AFTER_S = 5.0
"""After a 429 that states no time."""
CODE = re.compile(r"""(?:"code"\s*:|[Ee]rror code:?)\s*"?(\d+)""")
"""The service's own code in the words of the client, which hides its answer."""
PENDING_CODES = {1012, 3458}
PENDING_LIMIT = re.compile(r"limit of (\d+)\s+pending")
RATE_CODES = {1202}
CLOSED_CODES = {1217, 4001}
"""A batch or session that takes no more jobs."""
NOT_ACCEPTED = (400, 402, 403, 404, 409, 422)
SERVER_ERRORS = (500, 502, 503, 504, 520, 521, 522, 524)


def translated(error: Exception, secret: str, *, submitting: bool, renewed: bool) -> BackendError:
    """Return what an error of the client means, without a token in it.

    Args:
        submitting: the request was a submit, which may have made a job nevertheless.
        renewed: the access token was asked for anew after an earlier refusal.
    """
    from qiskit_ibm_runtime.exceptions import (  # noqa: PLC0415
        IBMInputValueError,
        RuntimeJobNotFound,
    )

    status = _http_status(error)
    words = scrub(error, secret)
    text = words[:400] or type(error).__name__
    lower = text.lower()
    codes = {int(code) for code in CODE.findall(words)}
    after_s = _retry_after_s(error)
    if codes & PENDING_CODES:
        limit = PENDING_LIMIT.search(words)
        most = int(limit.group(1)) if limit else None
        return BackendError(
            text, kind="pending", limit=True, most_pending=most, retry_after_s=after_s
        )
    if codes & CLOSED_CODES or "session is closed" in lower:
        return BackendError(text, kind="closed", limit=True, retry_after_s=after_s)
    if status == 429 or codes & RATE_CODES:
        after_s = after_s or RETRY_AFTER_S
        return BackendError(text, kind="busy", limit=True, retry_after_s=after_s)
    if status == 401:
        # A token may be taken back before its time; a second refusal is meant.
        return BackendError(text, kind="login", limit=not renewed)
    if "quota" in lower or "usage limit" in lower or status == 402:
        return BackendError(text, kind="quota")
    if isinstance(error, RuntimeJobNotFound):
        return BackendError(text, kind="unknown_job")
    if status in NOT_ACCEPTED:
        return BackendError(text, kind="refused")
    if status in SERVER_ERRORS or status == -1 or isinstance(error, OSError):
        return BackendError(
            text,
            kind="unavailable" if status in SERVER_ERRORS else "lost",
            may_retry=True,
            maybe_accepted=submitting,
            limit=status == 503,
            retry_after_s=after_s,
        )
    if submitting and type(error) not in (IBMInputValueError, ValueError):
        return BackendError(text, kind="lost", may_retry=True, maybe_accepted=True)
    return BackendError(text, kind="refused")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error of the client and what it was made of: it wraps its errors several times."""
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _http_status(error: BaseException) -> int:
    """Return the HTTP status behind an error of the client, -1 where there was no answer, else 0.

    Of a 503 the client says only in words what it was.
    """
    no_answer = False
    for one in _chain(error):
        status = getattr(one, "status_code", None)
        response = getattr(one, "response", None)
        if response is not None and getattr(response, "status_code", None):
            return int(response.status_code)
        if isinstance(status, int) and status > 0:
            return status
        words = str(one)
        for code in SERVER_ERRORS:
            if f"{code} Server Error" in words or f"too many {code} error" in words:
                return code
        no_answer = status == -1 or isinstance(one, OSError)
    return -1 if no_answer else 0


def _retry_after_s(error: BaseException) -> float:
    """Return the wait that an answer asks for, 0 where it does not say."""
    for one in _chain(error):
        headers = getattr(getattr(one, "response", None), "headers", None) or {}
        stated = str(headers.get("Retry-After") or "").strip()
        if stated.isdecimal():
            return float(stated)
        if stated:
            try:
                moment = parsedate_to_datetime(stated)
            except ValueError:
                continue
            return max(moment.timestamp() - time.time(), 0.0)
    return 0.0
