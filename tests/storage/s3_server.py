"""moto's S3 server on loopback, and buckets in this or another server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

VARIABLES = ("AWS_", "GOOGLE_", "AZURE_")
KEYS = {
    "AWS_ACCESS_KEY_ID": "qcbench:writer",
    "AWS_SECRET_ACCESS_KEY": "never-in-a-message",
    "AWS_REGION": "us-east-1",
}
"""Who is asking: a user of Swift; moto lets everybody in."""


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


@cache
def client(address: str) -> Any:
    """Amazon's own client, which shares nothing with the product's."""
    import boto3  # noqa: PLC0415 - a second
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        "s3",
        endpoint_url=address,
        region_name=KEYS["AWS_REGION"],
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )


def make_bucket(address: str, name: str) -> None:
    client(address).create_bucket(Bucket=name)


def keys_of(address: str, bucket: str) -> list[str]:
    """The keys of a bucket, in order."""
    answer = client(address).list_objects_v2(Bucket=bucket, MaxKeys=1000)
    assert not answer["IsTruncated"]
    return sorted(each["Key"] for each in answer.get("Contents", ()))


def object_of(address: str, bucket: str, key: str) -> bytes:
    return bytes(client(address).get_object(Bucket=bucket, Key=key)["Body"].read())


def put_object(address: str, bucket: str, key: str, data: bytes) -> None:
    client(address).put_object(Bucket=bucket, Key=key, Body=data)


def delete_object(address: str, bucket: str, key: str) -> None:
    client(address).delete_object(Bucket=bucket, Key=key)


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
