"""A training on a cluster."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.cli.sent.verb import Going, JobVerb, There, Told
from qcbench.cli.training import show_training

if TYPE_CHECKING:
    from qcbench.cli.where import Where


def _going(told: Told) -> Going:
    from qcbench.agents.config import compose_train, meant  # noqa: PLC0415
    from qcbench.agents.learners import modules_of  # noqa: PLC0415

    config = compose_train(told.overrides, told.config_dirs)
    return Going(config.agent.name, meant(config), modules_of(config.agent))


def _work(told: Told, there: There) -> None:
    from qcbench.agents.config import compose_train  # noqa: PLC0415 - torch: seconds
    from qcbench.agents.run_folder import alike  # noqa: PLC0415
    from qcbench.agents.training import go_on, start  # noqa: PLC0415

    config = compose_train(told.overrides, told.config_dirs)
    config = replace(config, cluster=there.cluster, runs_dir=str(there.place))
    before = alike(config) if there.continued else None
    if before is not None:
        go_on(before, there.cluster, progress="lines")
    else:
        start(config, command=f"qcbench train {told.words}", progress="lines")


def _lacks(folder: Path, told: Told, where: "Where") -> str:
    from qcbench.agents.training import trained  # noqa: PLC0415
    from qcbench.bench.run_names import told_name  # noqa: PLC0415

    del told, where
    found = trained(folder)
    going_on = f"`qcbench train {told_name(folder)}` goes on here"
    return "" if found is not None and found.complete else going_on


def _announce(folder: Path, told: Told, where: "Where") -> int:
    from qcbench.agents.curves import publish  # noqa: PLC0415
    from qcbench.agents.training import trained  # noqa: PLC0415
    from qcbench.cli.train import announce  # noqa: PLC0415

    del told
    found = trained(folder)
    if found is None:
        raise TypeError("a training that is complete was judged")
    code = announce(found)
    if where.tracking.enabled:
        publish(folder, where.tracking)
    return code


TRAIN = JobVerb(
    summary="Train an agent on a Ray cluster and fetch the run.",
    extras=("agents",),
    mark="training.json",
    show=show_training,
    going=_going,
    work=_work,
    lacks=_lacks,
    announce=_announce,
)
