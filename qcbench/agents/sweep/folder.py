"""The folder of a sweep: made, found again by its config, locked."""

import json
from datetime import UTC, datetime
from pathlib import Path

from qcbench.agents.config import code_of_others, meant, stored
from qcbench.agents.sweep.config import SweepRunConfig
from qcbench.agents.sweep.trial import SWEEP, read_sweep
from qcbench.bench.folders import make_folder, stem_of
from qcbench.errors import InputError
from qcbench.locks import take_lock
from qcbench.storage import mirror
from qcbench.storage.places import runs_folder
from qcbench.tracking.identity import NAME

PREFIX = "sweep-"
LOCK = "sweep.lock"
PLUGINS = "plugins"
"""Key of the first line of a sweep's config."""


def create(config: SweepRunConfig, command: str) -> Path:
    """Make the folder of a new sweep.

    Raises:
        InputError: a place that cannot be written.
    """
    from omegaconf import OmegaConf  # noqa: PLC0415

    runs = runs_folder(config.runs_dir)
    text = f"# {command}\n" + OmegaConf.to_yaml(OmegaConf.create(stored(config)))
    started, used = datetime.now(UTC).isoformat(), code_of_others(config)
    plugins = {PLUGINS: used} if used else {}

    def content(name: str) -> bytes:
        # By this line all copies of a sweep are one, and of none that is like it.
        return f"# {json.dumps({NAME: name, 'started': started, **plugins})}\n{text}".encode()

    stem = PREFIX + stem_of(config.name or config.agent.name, "agent")
    return make_folder(runs, stem, SWEEP, content)


def plugins_of(folder: Path) -> dict[str, str]:
    """Return the identities of others' code that a sweep began with, see `create`.

    Raises:
        InputError: the line that has them is damaged.
    """
    file = folder / SWEEP
    first = file.read_text(encoding="utf-8").partition("\n")[0]
    if not first.startswith("# {"):  # written by hand
        return {}
    try:
        found = json.loads(first.removeprefix("# ")).get(PLUGINS, {})
    except ValueError as error:
        raise InputError(f"{file}: its first line is damaged ({error})") from None
    if not isinstance(found, dict):
        raise InputError(f"{file}: {PLUGINS} in its first line are no names with identities")
    return found


def locked(folder: Path) -> mirror.Lock:
    """Take the sweep's lock."""
    return mirror.hold(folder, lambda: take_lock(folder / LOCK, f"{folder}: is being run"))


def alike(config: SweepRunConfig) -> Path | None:
    """Return the newest sweep with the same config in the same folder of runs, if there is one."""
    wanted = meant(config)
    found = [file.parent for file in mirror.heads(runs_folder(config.runs_dir), SWEEP)]
    same = [folder for folder in found if meant(read_sweep(folder)) == wanted]
    # Of one name but for the time in it, and for a number where two began in the same second.
    return max(same, key=lambda folder: (len(folder.name), folder.name), default=None)
