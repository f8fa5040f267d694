"""Braket's local simulator as a process of another environment."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qcbench.errors import InputError
from qcbench.extras import install
from qcbench.hardware.config import BraketLocalBackend

WORKER = Path(__file__).with_name("worker.py")
START_S = 180.0
"""Importing the SDK takes seconds, on a busy machine more."""
ENVIRONMENT = "braket"
"""Of the command that is advised."""


def how_to_install(config: BraketLocalBackend) -> str:
    """Return the command that makes an environment with Braket's SDK, and how to name it."""
    command = install(["braket"])
    return (
        f"`python -m venv {ENVIRONMENT} && {ENVIRONMENT}/bin/{command} && export"
        f" {config.python_env}=$PWD/{ENVIRONMENT}/bin/python`"
    )


class BraketProcess:
    """A running simulator; one request at a time."""

    def __init__(self, config: BraketLocalBackend) -> None:
        """Start it.

        Raises:
            InputError: there is no such interpreter, or its environment has no SDK.
        """
        python = config.python or os.environ.get(config.python_env) or sys.executable
        self._lock = threading.Lock()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what the user names, without a shell
                [python, "-I", str(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                # Ctrl-C is for the client.
                start_new_session=True,
            )
        except OSError as error:
            raise InputError(
                f"backend.python={python}: cannot be started ({error.strerror})"
            ) from None
        overdue = threading.Timer(START_S, self._process.kill)
        overdue.start()
        try:
            said = self._answer()
        except RuntimeError as error:
            raise InputError(f"backend.python={python}: is no Python ({error})") from None
        finally:
            overdue.cancel()
        if "sdk" not in said:
            self.close()
            what = "has no amazon-braket-sdk" if said["missing"] else f"fails ({said['error']})"
            raise InputError(
                f"backend=braket-local: {python} {what}; it needs an environment of its own:"
                f" {how_to_install(config)}"
            )
        self.sdk = str(said["sdk"])

    def counts(self, source: str, shots: int) -> Mapping[str, int]:
        """Run an OpenQASM program and return its counts.

        Raises:
            RuntimeError: the simulator refuses it or is gone.
        """
        with self._lock:
            if self._process.stdin is None:
                raise RuntimeError("the simulator takes nothing")
            try:
                self._process.stdin.write(json.dumps({"source": source, "shots": shots}) + "\n")
                self._process.stdin.flush()
            except OSError:
                raise RuntimeError("the simulator is gone") from None
            answer = self._answer()
        if "error" in answer:
            raise RuntimeError(str(answer["error"]))
        counts: Mapping[str, int] = answer["counts"]
        return counts

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"it ended with exit code {self._process.wait()}")
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            raise RuntimeError(f"it said {line.strip()[:80]!r}") from None
        return answer

    def close(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
