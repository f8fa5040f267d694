"""Who writes a run at a URL: an object with a lease, which its holder renews while it lives.

Stores have no locks that end with a process. A lease that is not renewed runs out, and the next
process takes it over: at once where the holder was a process of this machine that is gone, else
when it has itself seen nobody renew it for as long as it lasts, in which a living holder renews it
three times. The clocks of two machines are never compared.

A lease keeps two from doing the same work. It does not keep results safe, and need not: what suites
store is named by its content, and says the same whoever writes it.
"""

import json
import os
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from threading import Event, Thread

from qcbench.errors import QcbenchError, StoppedError
from qcbench.locks import TakenError, taken
from qcbench.storage.objects import Objects

LEASE_S = 60.0
LOOK_S = 1.0
"""How often a lease that seems abandoned is looked at."""

HELD: set[str] = set()
"""Tokens of the leases that this process holds."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Holder:
    """Who holds a lease.

    Attributes:
        host: name of the machine.
        pid: process.
        machine: a word for machine and name space of processes; host names may be those of many.
        token: another one for every lease.
        renewed: how often the holder has said that it lives.
        until_s: when it runs out if it is not renewed [s since 1970, by the holder's clock, which
            means something on its machine only].
    """

    host: str
    pid: int
    machine: str
    token: str
    renewed: int
    until_s: float

    @property
    def is_gone(self) -> bool:
        """Whether it was a process of this machine that is no more, or this one, done with it."""
        if self.machine != _machine() or not self.machine:
            return False
        if self.pid == os.getpid():
            return self.token not in HELD
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


class Lease:
    """A lease that this process holds and renews until it is closed."""

    def __init__(
        self, objects: Objects, key: str, holder: Holder, etag: str, lease_s: float
    ) -> None:
        self.lost = False
        self._objects, self._key, self._lease_s = objects, key, lease_s
        self._holder, self._etag = holder, etag
        self._closing = Event()
        HELD.add(holder.token)
        self._thread = Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def _renew(self) -> None:
        """Renew it; a store that does not answer is asked again the next time."""
        while not self._closing.wait(self._lease_s / 3):
            later = _later(self._holder, self._lease_s)
            with suppress(QcbenchError):
                etag = self._objects.replace(self._key, _text(later), self._etag)
                if etag is None:
                    found = _read(self._objects, self._key)
                    if found is None or found[0].token != self._holder.token:
                        self.lost = True
                        return
                    etag = found[1]
                self._holder, self._etag = later, etag

    def close(self) -> None:
        """Give it up; one that cannot be given up now runs out."""
        self._closing.set()
        self._thread.join()
        HELD.discard(self._holder.token)
        if self.lost:
            return
        with suppress(QcbenchError):
            found = _read(self._objects, self._key)
            if found is not None and found[0].token == self._holder.token:
                self._objects.delete([self._key])


def take(
    objects: Objects, key: str, shown: str, *, lease_s: float = LEASE_S, say: Say | None = None
) -> Lease:
    """Take the lease of a run, from a holder that is gone, too.

    Args:
        objects: the store.
        key: of the lease.
        shown: how the run is called in messages.
        lease_s: how long it lasts unless it is renewed [s].
        say: takes a line where it is waited, or taken over.

    Raises:
        TakenError: another process holds it.
    """
    mine = _later(_me(), lease_s)
    told = say or _to_stderr
    while True:
        etag = objects.create(key, _text(mine))
        if etag is None:
            found = _read(objects, key)
            if found is None:
                continue  # given up meanwhile
            etag = _take_over(objects, key, shown, found, mine, lease_s, told)
        if etag is not None:
            return Lease(objects, key, mine, etag, lease_s)


def _take_over(
    objects: Objects,
    key: str,
    shown: str,
    found: tuple[Holder, str],
    mine: Holder,
    lease_s: float,
    say: Say,
) -> str | None:
    """Return the etag of a lease that was taken over; None where it was given up or taken first.

    Raises:
        TakenError: its holder lives.
    """
    other, etag = found
    who = f"process {other.pid} on {other.host}"
    if other.is_gone:
        say(f"{shown}: taken over from {who}, which is gone")
        return objects.replace(key, _text(mine), etag)
    # Here one clock wrote what it is compared with; one that was set meanwhile proves nothing.
    if other.machine == _machine() and 0 < other.until_s - time.time() <= lease_s:
        raise _taken(shown, who)
    say(f"{shown}: held by {who}; waiting up to {lease_s:.0f} s for a sign that it lives")
    # Looks are counted, not time: a store that does not answer shows no sign of anybody.
    looks = max(ceil(lease_s / LOOK_S), 2)
    for _ in range(looks):
        time.sleep(lease_s / looks)
        now = _read(objects, key)
        if now is None:
            return None
        if now != found:
            raise _taken(shown, f"process {now[0].pid} on {now[0].host}")
    say(f"{shown}: taken over from {who}, of which nothing was heard for {lease_s:.0f} s")
    return objects.replace(key, _text(mine), etag)


def _taken(shown: str, who: str) -> TakenError:
    return taken(f"{shown}: is being written", who)


class TakenOverError(StoppedError):
    """Another process goes on with what this one did, since it was not heard of."""


def check(lease: Lease, shown: str) -> None:
    """Raise where another process has taken a lease over.

    Raises:
        TakenOverError: so it is.
    """
    if lease.lost:
        raise TakenOverError(f"{shown}: another process has taken it over; that one goes on")


def _me() -> Holder:
    return Holder(os.uname().nodename, os.getpid(), _machine(), secrets.token_hex(8), -1, 0.0)


def _later(holder: Holder, lease_s: float) -> Holder:
    """Return what a holder says now."""
    data = asdict(holder) | {"renewed": holder.renewed + 1, "until_s": time.time() + lease_s}
    return Holder(**data)


def _machine() -> str:
    """Return a word that two processes share if one can see the other's number; or nothing."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _text(holder: Holder) -> bytes:
    return (json.dumps(asdict(holder)) + "\n").encode()


def _read(objects: Objects, key: str) -> tuple[Holder, str] | None:
    """Return who holds a lease, and its etag; who wrote what cannot be read is not known."""
    found = objects.get(key)
    if found is None:
        return None
    try:
        return Holder(**json.loads(found[0])), found[1]
    except (ValueError, TypeError):
        return Holder("another machine", 0, "", "", 0, 0.0), found[1]


def _to_stderr(line: str) -> None:
    print(f"qcbench: {line}", file=sys.stderr, flush=True)
