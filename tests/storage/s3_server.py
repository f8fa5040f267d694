"""moto's S3 server on loopback, and buckets in it."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLES = ("AWS_", "GOOGLE_", "AZURE_")
KEYS = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "never-in-a-message",
    "AWS_REGION": "us-east-1",
}
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=nobody/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=none"
)


@contextmanager
def started(log: Path) -> Iterator[str]:
    """Start a server; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=file,
            stderr=file,
        )
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < until
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def make_bucket(address: str, name: str) -> None:
    _ask(address, "PUT", name)


def keys_of(address: str, bucket: str) -> list[str]:
    """The keys of a bucket, in order; asked without the product."""
    text = _ask(address, "GET", f"{bucket}?list-type=2&max-keys=1000").decode()
    assert "<IsTruncated>false" in text
    return sorted(part.partition("</Key>")[0] for part in text.split("<Key>")[1:])


def object_of(address: str, bucket: str, key: str) -> bytes:
    return _ask(address, "GET", f"{bucket}/{key}")


def put_object(address: str, bucket: str, key: str, data: bytes) -> None:
    _ask(address, "PUT", f"{bucket}/{key}", data)


def delete_object(address: str, bucket: str, key: str) -> None:
    _ask(address, "DELETE", f"{bucket}/{key}")


def _ask(address: str, method: str, path: str, data: bytes = b"") -> bytes:
    request = urllib.request.Request(
        f"{address}/{path}", data=data or (b"" if method == "PUT" else None), method=method
    )
    request.add_header("Authorization", SIGNED)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def environment(address: str, cache: Path) -> dict[str, str]:
    """The environment of a machine with an own cache that has the right to use a server."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(VARIABLES)}
    return {
        **kept,
        **KEYS,
        "AWS_ENDPOINT_URL": address,
        "XDG_CACHE_HOME": str(cache),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
