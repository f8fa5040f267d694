"""An object store at a URL: objects that are there whole or not at all, and what it says in a line.

A store has no folders, renames or partial files: a put is whole or absent, whatever is killed when.
What is transient (no connection, a lost answer, 429, 5xx) is tried again with growing pauses; all
else is an error at once.
"""

import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from qcbench.errors import InputError, QcbenchError, StoppedError
from qcbench.files import replacing

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import ObjectStore

Result = TypeVar("Result")

WAIT = "QCBENCH_STORE_WAIT_S"
"""Environment variable: for how long a store that does not answer is asked again [s]."""
WAIT_S, SHORT_WAIT_S = 120.0, 10.0
"""How long where work would be lost, and before it has begun."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
TELLING_PAUSE_S = 1.0
CONNECT_S, ANSWER_S = 5.0, 60.0
BLOCK = 4 << 20
"""Bytes that a download holds in memory."""

TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist")
CREDENTIALS = (
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"),
    *("InvalidClientTokenId", "TokenRefreshRequired", "AuthenticationFailed"),
    *("InvalidAuthenticationInfo", "NoAuthenticationInformation", "CredentialsNotSupported"),
)
REGION = ("AuthorizationHeaderMalformed", "IllegalLocationConstraint")
MISSING = re.compile(
    r"source: Missing\w*(?:Key|Secret|Credential|Token)"
    r"|performing \w+ https?://(?:169\.254\.|metadata\.google|[^/]*oauth2|sts\.|login\.microsoft)"
)
"""Half of the credentials, or none: then a library asks the services of clouds that give them."""


@dataclass(frozen=True)
class Stored:
    """What a store says of an object: bytes, and a word that is another one where content differs.

    The same content may have several words, so that a word says what is equal, not what differs.
    """

    size: int
    etag: str


class Objects:
    """The objects below a URL, by keys with slashes; every failure is one line that names the URL.

    Attributes:
        url: as the user gave it, without a slash at its end.

    Raises:
        InputError: of any method: a bucket that is not there, credentials that are refused or
            missing, a right that is.
        StoppedError: of any method: the store cannot be reached, or has answered with faults for
            `WAIT_S`.
    """

    def __init__(self, url: str, *, patient: bool = False) -> None:
        """Open it; `patient` where work is lost that cannot be stored."""
        self.url = url
        self.wait_s = _wait_s() if patient else min(SHORT_WAIT_S, _wait_s())
        self._patient = patient
        self._again = _open(url, retries=2)
        # Whether a put that must not replace anything was the first to arrive can be told only
        # where nobody below has sent it twice.
        self._once = _open(url, retries=0)
        self._can_refuse = True
        """Whether the store knows puts with a condition, as far as has been seen."""

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return the bytes of an object and its etag; None where there is none."""

        def read() -> tuple[bytes, str] | None:
            try:
                found = self._again.get(key)
                return bytes(found.bytes()), str(found.meta["e_tag"] or "")
            except FileNotFoundError as error:
                _check_bucket(error)
                return None

        return self._tried("read", read)

    def download(self, key: str, path: Path) -> Stored | None:
        """Write an object to a file, whole or not at all; None where there is none."""

        def fetch() -> Stored | None:
            try:
                found = self._again.get(key)
            except FileNotFoundError as error:
                _check_bucket(error)
                return None
            with replacing(path) as temporary, temporary.open("wb") as file:
                for block in _blocks(found):
                    file.write(block)
            return Stored(found.meta["size"], str(found.meta["e_tag"] or ""))

        return self._tried("read", fetch)

    def put(self, key: str, data: bytes | Path) -> Stored:
        """Put an object in the place of any other: large ones in parts that appear together."""

        size = data.stat().st_size if isinstance(data, Path) else len(data)

        def send() -> Stored:
            return Stored(size, str(self._again.put(key, data)["e_tag"] or ""))

        return self._tried("written", send)

    def create(self, key: str, data: bytes) -> str | None:
        """Put an object where none is and return its etag; None where another one is.

        Two that create at once: one of them gets None. Every store is asked before, for some
        ignore conditions, and one that knows none is asked after it as well.
        """
        return self._settle(key, data, None)

    def replace(self, key: str, data: bytes, etag: str) -> str | None:
        """Put an object in the place of the one with this etag; None where that is another now.

        Every store is asked before, and one that knows no conditions after it as well.
        """
        return self._settle(key, data, etag)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, those that are gone already as well."""

        def drop() -> None:
            try:
                self._again.delete(list(keys))
            except FileNotFoundError as error:
                _check_bucket(error)

        if keys:
            self._tried("written", drop)

    def below(self, prefix: str) -> dict[str, Stored]:
        """Return the objects below a prefix, by their keys."""

        def look() -> dict[str, Stored]:
            return {
                str(one["path"]): Stored(int(one["size"]), str(one["e_tag"] or ""))
                for page in self._again.list(prefix or None)
                for one in page
            }

        return self._tried("read", look)

    def level(self, prefix: str = "") -> tuple[list[str], list[str]]:
        """Return the folders and the objects right below a prefix, by their last names."""

        def look() -> tuple[list[str], list[str]]:
            found = self._again.list_with_delimiter(prefix or None)
            folders = [str(one).rpartition("/")[2] for one in found["common_prefixes"]]
            return folders, [str(one["path"]).rpartition("/")[2] for one in found["objects"]]

        return self._tried("read", look)

    def _settle(self, key: str, data: bytes, etag: str | None) -> str | None:
        """Put where this etag, or nothing, is; return the new one where these bytes arrived."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415

        mode: Any = "create" if etag is None else {"e_tag": etag}
        unsure = False

        def send() -> str | None:
            nonlocal unsure
            found = self.get(key)  # some stores ignore conditions
            if unsure and found is not None and found[0] == data:
                return found[1]  # the answer to an earlier try was lost on its way
            if (None if found is None else found[1]) != etag:
                return None
            try:
                if self._can_refuse:
                    put = self._once.put(key, data, mode=mode, use_multipart=False)
                    return str(put["e_tag"] or "")
                self._once.put(key, data, use_multipart=False)
                return self._etag_of(key, data)
            except (AlreadyExistsError, PreconditionError):
                return self._etag_of(key, data) if unsure else None
            except Exception as error:
                if not (self._can_refuse and _knows_no_condition(error)):
                    unsure = True
                    raise
                self._can_refuse = False
            return send()

        return self._tried("written", send)

    def _etag_of(self, key: str, data: bytes) -> str | None:
        found = self.get(key)
        return found[1] if found is not None and found[0] == data else None

    def _tried(self, what: str, call: Callable[[], Result]) -> Result:
        """Call until it is answered, or for as long as a store is waited for."""
        until, pause_s, told = time.monotonic() + self.wait_s, FIRST_PAUSE_S, not self._patient
        while True:
            try:
                return call()
            except QcbenchError:
                raise
            except Exception as error:
                problem = _explained(self.url, what, error, self.wait_s)
                if not isinstance(problem, StoppedError) or time.monotonic() + pause_s > until:
                    raise problem from None  # what the library says may quote what it was given
                if not told and pause_s > TELLING_PAUSE_S:
                    waiting = str(problem).partition(", also after")[0]
                    line = f"qcbench: {waiting}; asking again for up to {self.wait_s:.0f} s"
                    print(line, file=sys.stderr, flush=True)
                    told = True
            time.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - a pause
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


class _TornError(Exception):
    """The body of an answer ended early."""


def _blocks(found: "GetResult") -> Iterator[bytes]:
    """Give what is in an object; an error of the connection is none of the file that it goes to."""
    size = 0
    try:
        for block in found.stream(min_chunk_size=BLOCK):
            size += len(block)
            yield bytes(block)
    except OSError as error:
        raise _TornError from error
    if size != found.meta["size"]:
        raise _TornError


def _check_bucket(error: Exception) -> None:
    """Raise the error where it is no object that is not there, but the bucket."""
    if any(word in str(error) for word in NO_BUCKET):
        raise error


def _wait_s() -> float:
    text = os.environ.get(WAIT, "")
    try:
        found = float(text) if text else WAIT_S
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise InputError(f"{WAIT}: {text!r}; it takes a number of seconds")
    return found


def _open(url: str, retries: int) -> "ObjectStore":
    """Open a store; nothing is asked of it yet. Credentials come from the usual environment."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - for runs at a URL alone
    from obstore.store import from_url  # noqa: PLC0415

    try:
        return from_url(
            url,
            client_options={
                "allow_http": True,
                "connect_timeout": timedelta(seconds=CONNECT_S),
                "timeout": timedelta(seconds=ANSWER_S),
            },
            retry_config={
                "max_retries": retries,
                "backoff": {"init_backoff": timedelta(seconds=FIRST_PAUSE_S)},
                "retry_timeout": timedelta(seconds=ANSWER_S),
            },
        )
    except (BaseError, ValueError) as error:
        if MISSING.search(str(error)):
            raise InputError(f"{url}: no credentials; {_variables(url)}") from None
        if "Account must be specified" in str(error):
            raise InputError(
                f"{url}: names no storage account; set AZURE_STORAGE_ACCOUNT_NAME, or give "
                "abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH"
            ) from None
        raise InputError(
            f"{url}: cannot be opened; is it SCHEME://BUCKET/PATH, and are the "
            "variables of its store right?"
        ) from None


def _knows_no_condition(error: Exception) -> bool:
    return isinstance(error, NotImplementedError) or "status code: 501" in str(error)


def _explained(url: str, what: str, error: Exception, wait_s: float) -> QcbenchError:
    """Return what is said of a failure: input that can be mended, or a fault of the store."""
    text = str(error)
    status = re.search(r"status code: (\d{3})", text)
    number = int(status[1]) if status else 0
    named = re.search(r"<Code>(\w+)</Code>", text)
    code = named[1] if named else next((word for word in CREDENTIALS if word in text), "")
    shown = " ".join(filter(None, [str(number or ""), f"({code})" if code else ""]))
    bucket = url.partition("://")[2].partition("/")[0]
    if any(word in text for word in NO_BUCKET):
        return InputError(f"{url}: there is no bucket {bucket}; make it, or correct runs_dir")
    if code in REGION or "BareRedirect" in text:
        return InputError(f"{url}: bucket {bucket} is in another region; set AWS_REGION")
    if MISSING.search(text):
        return InputError(f"{url}: no credentials; {_variables(url)}")
    if code in CREDENTIALS or number == 401:
        return InputError(f"{url}: the store refuses the credentials {shown}; {_variables(url)}")
    if number == 403:
        return InputError(
            f"{url}: cannot be {what} with these credentials {shown}; ask for the right, or choose "
            "another runs_dir"
        )
    if number and number not in TRANSIENT:
        return InputError(f"{url}: the store answers {shown}; is it an object store, and right?")
    waited = f", also after {wait_s:.0f} s" if wait_s else ""
    if number:
        return StoppedError(f"{url}: the store answers {shown}{waited}; try again later")
    reason = _reason(text, error)
    return StoppedError(f"{url}: the store cannot be reached ({reason}){waited}; try again later")


def _reason(text: str, error: Exception) -> str:
    known: Iterator[str] = (
        words
        for sign, words in (
            ("ConnectionRefused", "connection refused"),
            ("timed out", "no answer in time"),
            ("TimedOut", "no answer in time"),
            ("dns error", "its name is not known"),
            ("certificate", "its certificate is not trusted"),
            ("kind: Connect", "no connection"),
        )
        if sign in text
    )
    return next(known, "an OSError" if isinstance(error, OSError) else "the connection broke")


def _variables(url: str) -> str:
    """Return where credentials for a URL are looked for."""
    if url.startswith("s3"):
        return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN)"
    if url.startswith("gs"):
        return "set GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default login`"
    return "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or a token)"
