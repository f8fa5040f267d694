"""Leases of runs at a URL: one holder at a time, and none that is gone."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Thread, current_thread
from types import SimpleNamespace

import pytest
from hurting_proxy import Fate, HurtingProxy

from qcbench.errors import StoppedError
from qcbench.locks import TakenError
from qcbench.storage import lease as leases
from qcbench.storage.objects import Objects

SHOWN = "s3://bucket/run"
KEY = "run/run.lock"


@pytest.fixture
def objects(machine: Callable[..., Path], bucket: str) -> Objects:
    machine("here")
    return Objects(f"s3://{bucket}")


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make this process one of another machine from then on."""
    return lambda: monkeypatch.setattr(leases, "_machine", lambda: "another/1")


def holder(objects: Objects, **other: object) -> None:
    """Put a lease that somebody holds."""
    known = {"host": "far", "pid": 7, "machine": "far/1", "token": "t", "renewed": 3}
    data = {**known, "until_s": time.time() + 30, **other}
    objects.put(KEY, json.dumps(data).encode())


def test_a_lease_is_renewed_and_given_up(objects: Objects) -> None:
    lease = leases.take(objects, KEY, SHOWN, lease_s=0.3)
    time.sleep(1.0)
    found = leases._read(objects, KEY)
    assert found is not None
    assert found[0].pid == os.getpid()
    assert found[0].renewed > 1
    assert found[0].until_s > time.time() - 0.3
    leases.check(lease, SHOWN)
    lease.close()
    assert objects.get(KEY) is None


def test_a_living_holder_is_left_alone(
    objects: Objects, lines: list[str], elsewhere: Callable[[], None]
) -> None:
    lease = leases.take(objects, KEY, SHOWN, lease_s=3.0)
    with pytest.raises(TakenError, match=f"process {os.getpid()} on"):
        leases.take(objects, KEY, SHOWN)
    elsewhere()
    begun = time.monotonic()
    with pytest.raises(TakenError, match=f"process {os.getpid()} on"):
        leases.take(objects, KEY, SHOWN, say=lines.append)
    assert time.monotonic() - begun < 3.0, "a sign of life is enough"
    assert len(lines) == 1
    assert f"{SHOWN}: held by process {os.getpid()} on" in lines[0]
    lease.close()
    leases.take(objects, KEY, SHOWN).close()


@pytest.mark.parametrize("off_s", [-1e6, -91.0, 0.0, 1e6])
def test_a_lease_that_nobody_renews_is_taken_over_whatever_the_clocks_say(
    off_s: float, objects: Objects, lines: list[str]
) -> None:
    holder(objects, until_s=time.time() + off_s)
    begun = time.monotonic()
    leases.take(objects, KEY, SHOWN, lease_s=2.0, say=lines.append).close()
    assert 2.0 <= time.monotonic() - begun < 12.0
    assert lines == [
        f"{SHOWN}: held by process 7 on far; waiting up to 2 s for a sign that it lives",
        f"{SHOWN}: taken over from process 7 on far, of which nothing was heard for 2 s",
    ]


@pytest.mark.parametrize("off_s", [-90.0, 90.0])
def test_a_living_holder_whose_clock_is_off_is_left_alone(
    off_s: float,
    objects: Objects,
    elsewhere: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By its own clock the lease has run out long ago, or never will; but it is renewed."""

    def now_s() -> float:
        return time.time() + off_s * (current_thread().name == "lease")

    clock = SimpleNamespace(time=now_s, sleep=time.sleep)
    monkeypatch.setattr(leases, "time", clock)
    held: list[leases.Lease] = []
    taking = Thread(
        target=lambda: held.append(leases.take(objects, KEY, SHOWN, lease_s=3.0)), name="lease"
    )
    taking.start()
    taking.join()
    elsewhere()
    for _ in range(2):
        with pytest.raises(TakenError, match=f"process {os.getpid()} on"):
            leases.take(objects, KEY, SHOWN, lease_s=3.0)
    assert not held[0].lost
    held[0].close()
    assert objects.get(KEY) is None


def test_a_process_of_this_machine_that_lives_is_looked_at(
    objects: Objects, lines: list[str]
) -> None:
    """One that has not renewed for long may have been stopped; its number may be another's."""
    holder(objects, pid=1, machine=leases._machine(), until_s=time.time() + 1)
    with pytest.raises(TakenError, match="process 1 on far"):
        leases.take(objects, KEY, SHOWN, lease_s=1.0, say=lines.append)
    assert lines == [], "within its time nobody waits"
    for until_s in (time.time() - 1, time.time() + 1e6):
        holder(objects, pid=1, machine=leases._machine(), until_s=until_s)
        leases.take(objects, KEY, SHOWN, lease_s=1.0, say=lines.append).close()
        assert "waiting up to 1 s" in lines[-2]


def test_a_process_of_this_machine_that_is_gone_holds_nothing(
    objects: Objects, lines: list[str]
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    holder(objects, pid=gone.pid, machine=leases._machine(), host="here")
    leases.take(objects, KEY, SHOWN, say=lines.append).close()
    assert lines == [f"{SHOWN}: taken over from process {gone.pid} on here, which is gone"]


def test_who_lost_a_lease_stops(objects: Objects) -> None:
    lease = leases.take(objects, KEY, SHOWN, lease_s=0.3)
    holder(objects)
    until = time.monotonic() + 10
    while not lease.lost and time.monotonic() < until:
        time.sleep(0.05)
    with pytest.raises(StoppedError, match="another process has taken it over"):
        leases.check(lease, SHOWN)
    lease.close()
    assert objects.get(KEY) is not None, "it is another one's now"


def test_nonsense_in_its_place_is_looked_at_too(objects: Objects, lines: list[str]) -> None:
    """Another version of qcbench may have written it, and live."""
    objects.put(KEY, b"\xff{")
    leases.take(objects, KEY, SHOWN, lease_s=1.0, say=lines.append).close()
    assert "of which nothing was heard for 1 s" in lines[1]


@pytest.mark.parametrize("fate", ["lose", (501, "NotImplemented")])
def test_lost_answers_and_stores_without_conditions(
    fate: Fate, objects: Objects, proxy: HurtingProxy, machine: Callable[..., Path], bucket: str
) -> None:
    """A store that cannot refuse answers 501 to what has a condition; the put itself works."""
    machine("here", proxy.address)
    through = Objects(f"s3://{bucket}")
    puts = count()

    def decide(method: str, path: str) -> Fate:
        return fate if method == "PUT" and next(puts) == 0 else "pass"

    proxy.decide = decide
    lease = leases.take(through, KEY, SHOWN, lease_s=30)
    assert leases._read(objects, KEY) is not None
    with pytest.raises(TakenError):
        leases.take(objects, KEY, SHOWN)
    lease.close()
    assert objects.get(KEY) is None
