"""Leases of runs at a URL: one holder at a time, and none that is gone."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

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


def test_a_lease_that_ran_out_is_taken_over(objects: Objects, lines: list[str]) -> None:
    holder(objects, until_s=time.time() - 1)
    begun = time.monotonic()
    leases.take(objects, KEY, SHOWN, say=lines.append).close()
    assert lines == [f"{SHOWN}: taken over from process 7 on far, which is gone"]
    assert time.monotonic() - begun < 3.0
    holder(objects, until_s=time.time() + 2)
    begun = time.monotonic()
    leases.take(objects, KEY, SHOWN, say=lines.append).close()
    assert 1.0 < time.monotonic() - begun < 10.0
    assert "waiting up to 2 s for a sign that it lives" in lines[1]
    assert lines[2] == lines[0]


def test_nobody_waits_for_a_clock_that_is_days_ahead(
    objects: Objects, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_S", 1.0)
    holder(objects, until_s=time.time() + 1e6)
    leases.take(objects, KEY, SHOWN, say=lines.append).close()
    assert "waiting up to 1 s" in lines[0]


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


def test_nonsense_in_its_place_is_nobody(objects: Objects, lines: list[str]) -> None:
    objects.put(KEY, b"\xff{")
    leases.take(objects, KEY, SHOWN, say=lines.append).close()
    assert "which is gone" in lines[0]


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
