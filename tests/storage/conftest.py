"""An S3 server on loopback, and machines that use it."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import s3_server
import swift_server
from hurting_proxy import HurtingProxy
from s3_server import environment, make_bucket
from swift_server import Swift

pytest.importorskip("obstore")
pytest.importorskip("moto.server")

from qcbench.storage import objects, stored_run
from qcbench.storage.places import runs_folder

NUMBERS = count(1)


SERVERS = ("moto", pytest.param("swift", marks=pytest.mark.e2e))
ON_BOTH = (
    *("test_objects", "test_leases"),
    *("test_suites_at_urls", "test_training_at_urls", "test_sweeps_at_urls"),
)
"""What depends on the store: tested with moto, which is quick, and Swift, which is real."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what depends on the store with both."""
    if "s3" in metafunc.fixturenames and metafunc.module.__name__ in ON_BOTH:
        metafunc.parametrize("s3", SERVERS, indirect=True, scope="session")


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of moto's server."""
    with s3_server.started(tmp_path_factory.mktemp("s3") / "server.log") as address:
        yield address


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    """A Swift with its S3 interface."""
    with swift_server.started(tmp_path_factory.mktemp("swift")) as server:
        yield server


@pytest.fixture(scope="session")
def s3(request: pytest.FixtureRequest) -> str:
    """The address of a server."""
    if getattr(request, "param", "moto") == "moto":
        return str(request.getfixturevalue("moto"))
    server: Swift = request.getfixturevalue("swift")
    return server.address


@pytest.fixture
def bucket(s3: str) -> str:
    """A bucket of its own."""
    name = f"runs-{next(NUMBERS)}"
    make_bucket(s3, name)
    return name


@pytest.fixture
def proxy(s3: str) -> Iterator[HurtingProxy]:
    """A proxy before the server."""
    made = HurtingProxy(s3)
    yield made
    made.close()


@pytest.fixture
def machine(
    tmp_path: Path, s3: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Let this process be a machine with a cache of its own; return its folder of all runs."""

    def become(name: str, address: str = s3, wait_s: float = 20.0, **keys: str) -> Path:
        variables = environment(address, tmp_path / name / "cache") | keys
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("QCBENCH_STORE_WAIT_S", str(wait_s))
        monkeypatch.setattr(objects, "FIRST_PAUSE_S", 0.02)
        stored_run.objects_at.cache_clear()
        stored_run._of_run.cache_clear()
        return runs_folder(f"s3://{bucket}/runs")

    return become
