"""A replay from a node of a cluster."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.bench.run_names import HEADS
from qcbench.cli.sent.verb import Going, JobVerb, There, Told, brought_along, say
from qcbench.errors import InputError

if TYPE_CHECKING:
    from qcbench.cli.where import Where


def _told(told: Told) -> list[str]:
    """Return the overrides of a replay itself: it runs in one process, whatever the cluster."""
    from qcbench.cli.where import key_of  # noqa: PLC0415

    return [text for text in told.overrides if key_of(text).partition(".")[0] != "cluster"]


def _shown(told: Told) -> Sequence[str]:
    from qcbench.hardware.replay_config import long_forms  # noqa: PLC0415

    return long_forms(_told(told))


def _going(told: Told) -> Going:
    from qcbench.bench.typed import plain  # noqa: PLC0415
    from qcbench.cli.where import key_of  # noqa: PLC0415
    from qcbench.hardware.manifest import place_of  # noqa: PLC0415
    from qcbench.hardware.providers.registry import provider_of  # noqa: PLC0415
    from qcbench.hardware.replay_config import compose_replay, own_files  # noqa: PLC0415

    config = compose_replay(_told(told), told.config_dirs)
    if config.dry_run:
        raise InputError("dry_run=true: submits nothing; leave out `submit`")
    provider = provider_of(config.backend)
    theirs = {f"backend.{key}" for key in provider.secrets}
    if theirs and not theirs & set(map(key_of, told.overrides)):
        raise InputError(
            f"backend={provider.name}: a token is never sent; where the nodes have one of their "
            "own, name its file there as backend.token_path=/PATH or its variable as "
            "backend.token_env=NAME"
        )
    paths = [
        Path(str(policy.parameters["path"]))
        for policy in config.policies
        if "path" in policy.parameters
    ]
    folders = [path for path in paths if path.is_dir()]
    files = own_files(_told(told), told.config_dirs)
    return Going(place_of(config).name, plain(config), brought_along([*folders, *files]))


def _work(told: Told, there: There) -> None:
    from qcbench.hardware.port import BackendError  # noqa: PLC0415
    from qcbench.hardware.replay import run_replay  # noqa: PLC0415
    from qcbench.hardware.replay_config import compose_replay  # noqa: PLC0415

    config = compose_replay(_told(told), told.config_dirs)
    try:
        run_replay(replace(config, replays_dir=str(there.place)), say)
    except BackendError as error:
        raise InputError(f"backend={config.backend.kind}: {error}") from error


def _lacks(folder: Path, told: Told, where: "Where") -> str:
    from qcbench.hardware.manifest import open_replay  # noqa: PLC0415

    del where
    if open_replay(folder).table.is_file():
        return ""
    again = replace(told, overrides=[*_told(told), f"name={folder.name}"])
    return f"`qcbench replay {again.words}` goes on here"


def _announce(folder: Path, told: Told, where: "Where") -> int:
    from qcbench.cli.replay import announce  # noqa: PLC0415
    from qcbench.hardware.replay import played  # noqa: PLC0415

    del told, where
    announce(played(folder))
    return 0


REPLAY = JobVerb(
    summary="Replay a stream of circuits on a node of a cluster and fetch the replay.",
    extras=("hardware",),
    mark=HEADS["replay"],
    place="replays_dir",
    stays=("cluster", "replays_dir", "tracking"),
    going=_going,
    work=_work,
    lacks=_lacks,
    announce=_announce,
    shown=_shown,
)
