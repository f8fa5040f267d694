"""`qcbench train`: an agent learns on a scenario."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.cli.arguments import named_run, parse, show
from qcbench.errors import InputError

if TYPE_CHECKING:
    from qcbench.agents.training import Trained

SUMMARY = (
    "Train an agent on a scenario. With the id of a run that was stopped or killed as first "
    "argument, go on with it (runs_dir=... where it lies elsewhere)."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb; 130 where it was interrupted."""
    named, rest = named_run(arguments)
    told = parse("train", SUMMARY, rest)
    if told.show:
        show("train", told, told.runs[0])
        return 0
    # Threads that wait by spinning take the cores from those that work; read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        from qcbench.agents.config import compose_train  # noqa: PLC0415 - torch: seconds
        from qcbench.agents.run_folder import find_training  # noqa: PLC0415
        from qcbench.agents.training import go_on, start  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"train: needs {error.name}, which is not installed; install qcbench[bench,agents]"
        ) from error
    if named:
        return _announce(go_on(find_training(_runs_dir(told.runs[0]), named)))
    command = shlex.join(["qcbench", "train", *arguments])
    for config in [compose_train(overrides, told.config_dirs) for overrides in told.runs]:
        if code := _announce(start(config, command=command)):
            return code
    return 0


def _runs_dir(overrides: Sequence[str]) -> Path:
    """Return where a run lies that is gone on with; nothing else of it can be changed."""
    found = "runs"
    for text in overrides:
        key, _, found = text.partition("=")
        if key != "runs_dir":
            raise InputError(f"{text}: a run goes on as it was told; only runs_dir=... goes here")
    return Path(found)


def _announce(done: "Trained") -> int:
    """Say what came of a training, and return the exit code."""
    name = done.folder.name
    print(f"best      {done.best.line} after {done.best_steps:,} steps")
    print(f"policy    {done.folder / 'exported'}", flush=True)
    if not done.complete:
        print(f"qcbench: interrupted; go on with `qcbench train {done.folder}`", file=sys.stderr)
        return 130
    print(f"judge it  qcbench promote {done.folder if done.folder.parent.name != 'runs' else name}")
    return 0
