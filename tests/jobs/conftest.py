"""Fixtures of the tests that send jobs."""

from collections.abc import Iterator

import pytest
from ray_head import Head, running_head


@pytest.fixture(scope="session")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    """One head for all of them."""
    with running_head(tmp_path_factory.mktemp("token") / "token") as started:
        yield started
