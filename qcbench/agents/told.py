"""What a training or a sweep was told, and the commands that come after it.

Light: nothing of what learns is imported.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qcbench.bench.conf_files import options_of
from qcbench.bench.overrides import NESTED_GROUPS, SCENARIO_PARTS
from qcbench.bench.run_names import HEADS, told_name
from qcbench.commands import command, word
from qcbench.errors import InputError
from qcbench.files import read_json
from qcbench.policies.exported.card import Card
from qcbench.policies.exported.folder import EXPORTED, read_folder_card
from qcbench.storage.stored_run import ABOUT

CONF, BEST = "conf", "best"
"""Config folder of a sweep, and the best agent in it."""
NOT_TRAINED = ("sweep", "agent", "cluster")
"""What a sweep was told that is no part of training its best agent, which is complete."""
OF_SCENARIOS = ("scenario", "file", *NESTED_GROUPS, *SCENARIO_PARTS)


@dataclass(frozen=True)
class CommandWords:
    """What a command says.

    Attributes:
        overrides: in Hydra's syntax.
        config_dirs: the user's config folders.
    """

    overrides: Sequence[str]
    config_dirs: Sequence[str]

    @classmethod
    def of(cls, command: str) -> "CommandWords":
        """Return what `qcbench VERB ...` says; nothing where it is no command."""
        try:
            words = iter(shlex.split(command)[2:])
        except ValueError:
            words = iter(())
        overrides, folders = [], []
        for each in words:
            if each == "--config-dir":
                folders.append(next(words, ""))
            elif each.startswith("--config-dir="):
                folders.append(each.partition("=")[2])
            elif "=" in each or each.startswith("~"):
                overrides.append(each)
        return cls(overrides, [folder for folder in folders if folder])

    @property
    def folders(self) -> list[str]:
        """The words that name the config folders."""
        return [part for folder in self.config_dirs for part in ("--config-dir", folder)]


def root_of(override: str) -> str:
    """Return the first part of an override's key: `workload` of `+workload.tasks=9`."""
    return re.split(r"[=.@/]", override.lstrip("+~"), maxsplit=1)[0]


def command_of(verb: str, overrides: Sequence[str], config_dirs: Sequence[Path]) -> str:
    """Return the command that says this."""
    folders = [part for path in config_dirs for part in ("--config-dir", str(path))]
    return command(verb, *overrides, *folders)


def train_best(sweep: Path) -> str:
    """Return the command that trains the best agent of a sweep as the sweep did; empty without one.

    It says what the sweep was told: scenario or mix, how it is judged, seed.
    """
    if not (sweep / CONF / "agent" / f"{BEST}.yaml").is_file():
        return ""
    lines = (sweep / HEADS["sweep"]).read_text(encoding="utf-8", errors="replace").splitlines()
    told = CommandWords.of(next((line[2:] for line in lines if line.startswith("# qcbench ")), ""))
    kept = [text for text in told.overrides if root_of(text) not in NOT_TRAINED]
    folders = [*told.folders, "--config-dir", str(sweep / CONF)]
    return command("train", *folders, f"agent={BEST}", *kept)


def judge_it(training: Path) -> str:
    """Return the command that judges what a training has learned.

    A policy of one fleet cannot be judged on another, so the command says what it was trained on.
    """
    usual = f"qcbench promote {told_name(training)}"
    try:
        card = read_folder_card(training / EXPORTED)
        told = CommandWords.of(str(read_json(training / ABOUT)["command"]))
    except (InputError, KeyError, TypeError):
        return usual
    if not isinstance(card, Card) or card.fleet == "any":
        return usual
    kept = [text for text in told.overrides if root_of(text) in OF_SCENARIOS]
    mixed = any(root_of(text) == "mix" for text in told.overrides)
    if mixed or any(text.startswith("scenario=[") for text in kept):
        # Promotions are of one scenario: the first that was learned on.
        first = card.provenance.scenario.partition(", ")[0]
        known = options_of("scenario", [Path(folder) for folder in told.config_dirs])
        named = f"scenario={first if first in known else 'SCENARIO'}"
        kept = [named, *(text for text in kept if not text.startswith("scenario="))]
    words = [*kept, *told.folders] if kept else []
    return " ".join([usual, *map(word, words)])
