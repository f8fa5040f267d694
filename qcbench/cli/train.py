"""`qcbench train`: an agent learns on a scenario."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qcbench.bench.run_names import told_name
from qcbench.cli import training

if TYPE_CHECKING:
    from qcbench.agents.config import TrainConfig
    from qcbench.agents.training import Trained

SUMMARY = (
    "Train an agent on a scenario. With the id of a run that was stopped or killed as first "
    "argument, go on with it (runs_dir=... where it lies elsewhere, cluster=... where it is to "
    "run)."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb; 130 where it was interrupted."""
    return training.run("train", SUMMARY, arguments, _training, announce)


def _training() -> training.Training["TrainConfig", "Trained"]:
    from qcbench.agents.config import compose_train  # noqa: PLC0415 - torch: seconds
    from qcbench.agents.training import go_on, start  # noqa: PLC0415

    def begin(config: "TrainConfig", command: str) -> "Trained":
        return start(config, command=command)

    return training.Training(compose_train, begin, go_on)


def announce(done: "Trained") -> int:
    """Say what came of a training, and return the exit code."""
    name = told_name(done.folder)
    print(f"best      {done.best.line} after {done.best_steps:,} steps")
    print(f"policy    {done.folder / 'exported'}", flush=True)
    if not done.complete:
        print(f"qcbench: interrupted; go on with `qcbench train {name}`", file=sys.stderr)
        return 130
    from qcbench.agents.told import judge_it  # noqa: PLC0415 - after the help

    print(f"judge it  {judge_it(done.folder)}")
    return 0
