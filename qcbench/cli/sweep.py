"""`qcbench sweep`: many trainings of an agent with different settings."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.cli.arguments import named_run, parse, show
from qcbench.errors import InputError

if TYPE_CHECKING:
    from qcbench.agents.sweep.running import Swept

SUMMARY = (
    "Train an agent many times with different settings, chosen by Ray Tune. With the id of a sweep "
    "that was stopped or killed as first argument, go on with it (runs_dir=... where it lies "
    "elsewhere)."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb; 130 where it was interrupted."""
    named, rest = named_run(arguments)
    told = parse("sweep", SUMMARY, rest)
    if told.show:
        show("sweep", told, told.runs[0])
        return 0
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        from qcbench.agents.sweep.config import compose_sweep  # noqa: PLC0415 - torch: seconds
        from qcbench.agents.sweep.running import find_sweep, go_on, sweep  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"sweep: needs {error.name}, which is not installed; install qcbench[bench,agents]"
        ) from error
    if named:
        return _announce(go_on(find_sweep(_runs_dir(told.runs[0]), named)))
    command = shlex.join(["qcbench", "sweep", *arguments])
    for config in [compose_sweep(overrides, told.config_dirs) for overrides in told.runs]:
        if code := _announce(sweep(config, command=command)):
            return code
    return 0


def _runs_dir(overrides: Sequence[str]) -> Path:
    """Return where a sweep lies that is gone on with; nothing else of it can be changed."""
    found = "runs"
    for text in overrides:
        key, _, found = text.partition("=")
        if key != "runs_dir":
            raise InputError(f"{text}: a sweep goes on as it was told; only runs_dir=... goes here")
    return Path(found)


def _announce(done: "Swept") -> int:
    """Say what came of a sweep, and return the exit code."""
    for trial in done.trials:
        settings = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in trial.settings.items()
        )
        found = trial.best.line if trial.best else trial.error or "no evaluation"
        print(f"{trial.trial}  {trial.status:<10}  {settings}: {found}")
    if not done.complete:
        print(f"qcbench: interrupted; go on with `qcbench sweep {done.folder}`", file=sys.stderr)
        return 130
    if done.config is not None:
        print(f"best      {done.folder / done.trials[0].run / 'exported'}")
        print(f"train it  qcbench train --config-dir {done.folder / 'conf'} agent=best")
    return 0
