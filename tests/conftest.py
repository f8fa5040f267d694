"""Fixtures shared by all tests."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# A machine may be busy; a test that hangs meets the time-out of all tests.
settings.register_profile("qcbench", deadline=None)
settings.load_profile("qcbench")

ROOT = Path(__file__).resolve().parent.parent


# A worker of xdist reads the groups in the hook of this name, later; under pytest 9.2 they have no
# effect, since the id of a test, in which xdist writes them, cannot be changed there.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let two workers share the files; what starts a Ray takes turns, for it needs both cores."""
    for item in items:
        group = "ray" if item.get_closest_marker("ray") else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


NO_DATA = "no reference data"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which published systems were not asked."""
    skipped = terminalreporter.stats.get("skipped", [])
    without = Counter(r.location[0] for r in skipped if NO_DATA in str(r.longrepr))
    if not without:
        return
    title = f"{without.total()} ORACLES SKIPPED: {NO_DATA}"
    terminalreporter.write_sep("!", title, red=True, bold=True)
    for file, count in sorted(without.items()):
        terminalreporter.write_line(f"{file}: {count}", red=True)
    terminalreporter.write_line(
        "Not compared with what the published systems did task by task; the small extract in "
        "tests/oracle/figures was. Set QCBENCH_REFERENCE_DATA to the folder with their data."
    )


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Others' data to check against; it is no part of the project."""
    folder = Path(os.environ.get("QCBENCH_REFERENCE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"{NO_DATA} in {folder}; set QCBENCH_REFERENCE_DATA")
    return folder


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow store; making its tables takes seconds, so tests copy this one."""
    from qcbench.tracking.client import open_client, store_uri  # noqa: PLC0415 - few tests need it
    from qcbench.tracking.config import TrackingConfig  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("store")
    open_client(store_uri(TrackingConfig(), folder))
    return folder / "mlflow.db"
