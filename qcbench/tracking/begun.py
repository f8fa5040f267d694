"""What a promotion was told, kept beside its trials, so that it can be gone on with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qcbench.bench.config import ScenarioConfig
from qcbench.bench.run_names import PROMOTION
from qcbench.bench.typed import plain, typed
from qcbench.errors import InputError
from qcbench.files import read_json, to_json, write_text
from qcbench.storage import mirror
from qcbench.storage.places import place_of, runs_folder, shown_path
from qcbench.tracking.promote_config import PromoteConfig


@dataclass(frozen=True)
class Begun:
    """What a promotion was told.

    Attributes:
        settings: who is judged, on what, and for which alias.
        scenarios: that are judged on, as they were composed: their files may be others by now.
        command: that began it; empty where it was begun in Python.
    """

    settings: PromoteConfig
    scenarios: Sequence[ScenarioConfig]
    command: str = ""


def keep(folder: Path, begun: Begun) -> None:
    """Write down what a promotion was told: before its first trial, or when these are fetched.

    Raises:
        InputError: the folder cannot be written.
    """
    path = folder / PROMOTION
    data = {
        "settings": plain(begun.settings),
        "scenarios": [plain(scenario) for scenario in begun.scenarios],
        "command": begun.command,
    }
    write_text(path, to_json(data, str(path), indent=2) + "\n")
    mirror.push(path)


def begun_in(folder: Path) -> Begun | None:
    """Return what the promotion in a folder was told; None where that is not known.

    Raises:
        InputError: the file cannot be used.
    """
    path = folder / PROMOTION
    if not path.is_file():
        return None
    data: Any = read_json(path)
    where = shown_path(path)
    try:
        scenarios = [typed(ScenarioConfig, each, "scenario") for each in data["scenarios"]]
        settings = typed(PromoteConfig, data["settings"], "settings")
        command = str(data["command"])
    except (KeyError, TypeError, InputError) as error:
        raise InputError(
            f"{where}: does not say what is to be promoted ({error}); promote again"
        ) from None
    if place_of(folder) is None:
        runs = folder.resolve().parent
        if runs_folder(settings.runs_dir).resolve() != runs:  # told from another folder, or moved
            settings = replace(settings, runs_dir=str(runs))
    return Begun(settings, scenarios, command)
