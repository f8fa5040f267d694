"""`qcbench sweep`: many trainings of an agent with different settings."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qcbench.bench.run_names import told_name
from qcbench.cli import training

if TYPE_CHECKING:
    from qcbench.agents.sweep.config import SweepRunConfig
    from qcbench.agents.sweep.results import Swept

SUMMARY = (
    "Train an agent many times with different settings, chosen by Ray Tune. With the id of a sweep "
    "that was stopped or killed as first argument, go on with it (runs_dir=... where it lies "
    "elsewhere, cluster=... where it is to run)."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb; 130 where it was interrupted."""
    return training.run("sweep", SUMMARY, arguments, _training, announce)


def _training() -> training.Training["SweepRunConfig", "Swept"]:
    from qcbench.agents.sweep.config import compose_sweep  # noqa: PLC0415 - torch: seconds
    from qcbench.agents.sweep.running import go_on, sweep  # noqa: PLC0415

    def begin(config: "SweepRunConfig", command: str) -> "Swept":
        return sweep(config, command=command)

    return training.Training(compose_sweep, begin, go_on)


def announce(done: "Swept") -> int:
    """Say what came of a sweep, and return the exit code."""
    for trial in done.trials:
        settings = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in trial.settings.items()
        )
        found = trial.best.line if trial.best else trial.error or "no evaluation"
        print(f"{trial.trial}  {trial.status:<10}  {settings}: {found}")
    if not done.complete:
        again = f"qcbench sweep {told_name(done.folder)}"
        print(f"qcbench: interrupted; go on with `{again}`", file=sys.stderr)
        return 130
    if done.config is not None:
        from qcbench.agents.told import train_best  # noqa: PLC0415 - after the help

        print(f"best      {done.folder / done.trials[0].run / 'exported'}")
        print(f"train it  {train_best(done.folder)}")
    return 0
