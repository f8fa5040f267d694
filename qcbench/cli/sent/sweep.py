"""A sweep on a cluster."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.bench.run_names import HEADS
from qcbench.cli.sent.verb import Going, JobVerb, There, Told, note, say
from qcbench.cli.training import show_training

if TYPE_CHECKING:
    from qcbench.cli.where import Where


def _going(told: Told) -> Going:
    from qcbench.agents.config import meant  # noqa: PLC0415
    from qcbench.agents.learners import modules_of  # noqa: PLC0415
    from qcbench.agents.sweep.config import compose_sweep  # noqa: PLC0415

    config = compose_sweep(told.overrides, told.config_dirs)
    return Going(config.agent.name, meant(config), modules_of(config.agent))


def _work(told: Told, there: There) -> None:
    from qcbench.agents.sweep.config import compose_sweep  # noqa: PLC0415
    from qcbench.agents.sweep.folder import alike  # noqa: PLC0415
    from qcbench.agents.sweep.running import go_on, sweep  # noqa: PLC0415

    config = compose_sweep(told.overrides, told.config_dirs)
    config = replace(config, cluster=there.cluster, runs_dir=str(there.place))
    before = alike(config) if there.continued else None
    if before is not None:
        go_on(before, there.cluster, say=say)
    else:
        sweep(config, command=f"qcbench sweep {told.words}", say=say)


def _lacks(folder: Path, told: Told, where: "Where") -> str:
    from qcbench.agents.sweep.running import swept  # noqa: PLC0415
    from qcbench.bench.run_names import told_name  # noqa: PLC0415

    del told, where
    found = swept(folder)
    going_on = f"`qcbench sweep {told_name(folder)}` goes on here"
    return "" if found is not None and found.complete else going_on


def _announce(folder: Path, told: Told, where: "Where") -> int:
    from qcbench.agents.sweep.running import conclude, swept  # noqa: PLC0415
    from qcbench.cli.sweep import announce  # noqa: PLC0415

    del told
    found = swept(folder)
    if found is None:
        raise TypeError("a sweep that is complete has results")
    return announce(conclude(found, where.tracking, note))


SWEEP = JobVerb(
    summary="Train an agent many times on a Ray cluster and fetch the sweep.",
    extras=("agents",),
    mark=HEADS["sweep"],
    show=show_training,
    going=_going,
    work=_work,
    lacks=_lacks,
    announce=_announce,
)
