"""The store itself: whole or absent, created once, and what its failures are called."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hurting_proxy import Fate, HurtingProxy
from s3_server import KEYS, keys_of, object_of

from qcbench.errors import InputError, QcbenchError, StoppedError
from qcbench.storage.objects import Objects

Machine = Callable[..., Path]


@pytest.fixture
def objects(machine: Machine, proxy: HurtingProxy, bucket: str) -> Objects:
    """A store behind a proxy, which is not waited for long."""
    machine("here", proxy.address, wait_s=0.5)
    return Objects(f"s3://{bucket}/runs")


def test_a_large_file_is_there_whole_or_not_at_all(
    objects: Objects, proxy: HurtingProxy, s3: str, bucket: str, tmp_path: Path
) -> None:
    data = bytes(range(256)) * (48 * 1024)
    (tmp_path / "large").write_bytes(data)
    number = count()
    proxy.decide = lambda method, path: "drop" if next(number) == 2 else "pass"
    objects.put("large", tmp_path / "large")
    assert sum("partNumber" in path for _, path in proxy.seen) > 2
    assert object_of(s3, bucket, "runs/large") == data
    objects.download("large", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == data

    proxy.decide = lambda method, path: "drop" if "partNumber=2" in path else "pass"
    with pytest.raises(StoppedError):
        objects.put("other", tmp_path / "large")
    assert keys_of(s3, bucket) == ["runs/large"]

    proxy.decide = lambda method, path: "cut"
    with pytest.raises(StoppedError):
        objects.download("large", tmp_path / "cut")
    assert sorted(path.name for path in tmp_path.glob("*[!.]*") if path.is_file()) == [
        "again",
        "large",
    ]


def test_created_once(objects: Objects, proxy: HurtingProxy) -> None:
    assert objects.create("head", b"one")
    assert objects.create("head", b"one") is None
    assert objects.create("head", b"two") is None
    lost = count()
    proxy.decide = lambda method, path: "lose" if method == "PUT" and next(lost) == 0 else "pass"
    etag = objects.create("other", b"mine")
    assert etag is not None, "the first put had arrived"
    assert objects.get("other") == (b"mine", etag)
    assert objects.replace("other", b"new", '"ffff"') is None
    assert objects.replace("other", b"new", etag) not in (None, etag)


def test_a_store_that_ignores_conditions_is_asked_first(
    objects: Objects, proxy: HurtingProxy
) -> None:
    objects.put("head", b"one")
    proxy.seen.clear()
    assert objects.create("head", b"two") is None
    assert objects.replace("head", b"two", '"ffff"') is None
    assert objects.replace("none", b"two", '"ffff"') is None
    assert [method for method, _ in proxy.seen] == ["GET", "GET", "GET"]


def test_what_is_absent(objects: Objects) -> None:
    assert objects.get("none") is None
    assert objects.below("none") == {}
    assert objects.level() == ([], [])
    objects.delete(["none", "nor this"])
    objects.put("a/b", b"1")
    objects.put("a/c/d", b"1")
    assert objects.level("a") == (["c"], ["b"])
    assert set(objects.below("a")) == {"a/b", "a/c/d"}


@pytest.mark.parametrize(
    ("fate", "kind", "words"),
    [
        ((403, "AccessDenied"), InputError, "with these credentials 403 (AccessDenied)"),
        ((403, "InvalidAccessKeyId"), InputError, "refuses the credentials 403"),
        ((403, "SignatureDoesNotMatch"), InputError, "set AWS_ACCESS_KEY_ID and AWS_SECRET"),
        ((400, "ExpiredToken"), InputError, "refuses the credentials 400 (ExpiredToken)"),
        ((401, "Unauthorized"), InputError, "refuses the credentials 401"),
        ((404, "NoSuchBucket"), InputError, "there is no bucket runs-"),
        ((301, "PermanentRedirect"), InputError, "another region; set AWS_REGION"),
        ((405, "MethodNotAllowed"), InputError, "answers 405 (MethodNotAllowed)"),
        ((503, "SlowDown"), StoppedError, "answers 503 (SlowDown), also after 0 s; try again"),
        ((429, "TooManyRequests"), StoppedError, "answers 429"),
        ("drop", StoppedError, "the store cannot be reached"),
    ],
)
def test_failures_are_one_line(
    fate: Fate, kind: type[QcbenchError], words: str, objects: Objects, proxy: HurtingProxy
) -> None:
    proxy.decide = lambda method, path: fate
    for call in (
        lambda: objects.put("key", b"1"),
        lambda: objects.get("key"),
        objects.level,
        lambda: objects.below("key"),
        lambda: objects.create("key", b"1"),
        lambda: objects.delete(["key"]),
    ):
        with pytest.raises(kind) as raised:
            call()
        said = str(raised.value)
        assert said.startswith(f"{objects.url}: ")
        assert words in said, said
        assert not any(secret in said for secret in (*list(KEYS.values())[:2], "127.0.0.1"))
        assert raised.value.__cause__ is None


def test_credentials_that_are_nowhere(
    objects: Objects, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(InputError, match="no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET"):
        Objects(f"s3://{bucket}").put("key", b"1")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InputError, match="no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET"):
        Objects(f"s3://{bucket}").put("key", b"1")


def test_how_long_a_store_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("soon", "-1", "inf", "nan"):
        monkeypatch.setenv("QCBENCH_STORE_WAIT_S", text)
        with pytest.raises(InputError, match="QCBENCH_STORE_WAIT_S"):
            Objects("s3://bucket")
