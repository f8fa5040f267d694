"""The service emulator: where its code is, and running it as a process of its own.

Its source is `deploy/emulator` in a checkout and `qcbench/deploy/emulator` in an installed package;
either way it is imported under the name `qcbench_emulator`.
"""

import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO

from qcbench.errors import InputError
from qcbench.extras import install

PACKAGE = "qcbench_emulator"

INSTANCE = "crn:v1:bluemix:public:quantum-computing:us-east:a/emulated:emulated::"
"""An instance that the emulator takes; it takes any, and each has a quota of its own."""

START_S = 120.0
"""Importing qiskit takes seconds, on a busy machine more."""

STOP_S = 20.0


@dataclass(frozen=True)
class EmulatorProcess:
    """A running emulator.

    Attributes:
        url: where it answers; only on this machine.
        pid: of its process.
    """

    url: str
    pid: int

    def environment(self) -> dict[str, str]:
        """Return the variables with which qiskit-ibm-runtime finds it, beside its `url_resolver`.

        The client looks up access tokens and instances in IBM's cloud unless these say otherwise.
        """
        return {"IAM_URL": self.url, "QISKIT_FUNCTIONS_EXPERIMENTAL": "1"}


def emulator_folder() -> Path:
    """Return the folder of the emulator's source."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "deploy" / "emulator"
    return installed if installed.is_dir() else package.parent / "deploy" / "emulator"


def emulator_module(name: str) -> ModuleType:
    """Import a module of the emulator, such as `config`.

    Raises:
        InputError: a library that it needs is not installed, or it is not there itself.
    """
    if PACKAGE not in sys.modules:
        folder = emulator_folder()
        spec = importlib.util.spec_from_file_location(
            PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None or not (folder / "__init__.py").is_file():
            raise InputError(f"{folder}: the emulator is not there; install qcbench again")
        module = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = module
        spec.loader.exec_module(module)
    try:
        return importlib.import_module(f"{PACKAGE}.{name}")
    except ModuleNotFoundError as error:
        raise InputError(
            f"emulator: {error.name} is not installed; `{install(['hardware'])}`"
        ) from None


def begin_worker() -> None:
    """Make a new process one that simulates circuits for an emulator."""
    emulator_module("workers").begin()


@contextmanager
def running_emulator(
    overrides: Sequence[str] = (), *, log: Path | None = None, with_parent: bool = True
) -> Iterator[EmulatorProcess]:
    """Start an emulator on a free port, and stop it when the block ends.

    Args:
        overrides: of `conf/emulator.yaml`, such as `time_scale=120` or `faults=flaky`.
        log: file that its log is appended to; it holds no headers, so no tokens.
        with_parent: it ends when this process is gone, whatever killed it.

    Raises:
        InputError: an override that does not fit, or an emulator that does not start.
    """
    parent = [f"parent_pid={os.getpid()}"] if with_parent else []
    command = [sys.executable, "-m", "qcbench.cli.main", "emulator", *overrides, *parent]
    with log.open("a+") if log is not None else tempfile.TemporaryFile("a+") as errors:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, without a shell
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # Ctrl-C is for the client, which may still have jobs to cancel.
            start_new_session=True,
        )
        try:
            yield EmulatorProcess(_address(process, errors), process.pid)
        finally:
            _stop(process)


def _address(process: subprocess.Popen[str], errors: IO[str]) -> str:
    """Return the address, which is the first line that an emulator prints."""
    overdue = threading.Timer(START_S, process.kill)
    overdue.start()
    try:
        line = process.stdout.readline().strip() if process.stdout else ""
    finally:
        overdue.cancel()
    if line.startswith("http://"):
        return line
    process.wait()
    errors.seek(0)
    said = [text.strip() for text in errors if text.strip()]
    reason = said[-1].removeprefix("qcbench: ") if said else f"exit code {process.returncode}"
    raise InputError(f"emulator: did not start: {reason}")


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
