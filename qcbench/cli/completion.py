"""`qcbench completion`: tab completion of verbs, groups, options, keys and runs."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_type_hints

from qcbench.bench.overrides import SCENARIO_PARTS
from qcbench.cli.examples import examples_of
from qcbench.cli.groups import GROUPS, policy_names
from qcbench.errors import InputError, nearest

BASH = """\
_qcbench() {
    COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
    local IFS=$'\\n'
    COMPREPLY=($(qcbench completion suggest "${COMP_LINE:0:$COMP_POINT}" 2>/dev/null))
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace
}
complete -o default -F _qcbench qcbench
"""
ZSH = """\
autoload -U +X bashcompinit && bashcompinit
""" + BASH.replace("${COMP_WORDBREAKS//=}", "${COMP_WORDBREAKS//=/}").replace(
    "    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace\n", ""
)
FISH = """\
complete -c qcbench -f -a '(qcbench completion suggest (commandline -cp) 2>/dev/null)'
"""
IN_BASH = 'eval "$(qcbench completion bash)"'
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}

SUBVERBS = {
    "fleet": ("build", "list", "show"),
    "new": ("fleet", "policy", "suite"),
    "partition": ("anarchy", "bounds", "build", "check", "draw", "graph", "solve"),
    "workload": ("build", "generate", "convert", "show"),
}
"""What follows a verb that is several."""
RUN_VERBS = (
    *("resume", "rerun", "leaderboard", "compare", "report", "browse", "publish"),
    *("track", "show", "verify"),
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    if len(arguments) == 2 and arguments[0] == "suggest":
        print("\n".join(suggestions(arguments[1])))
        return 0
    if list(arguments) in (["-h"], ["--help"]):
        print(f"usage: qcbench completion {{{','.join(SCRIPTS)}}}")
        print(examples_of("completion"), end="")
        return 0
    if len(arguments) != 1 or arguments[0] not in SCRIPTS:
        shell = arguments[0] if arguments else ""
        raise InputError(
            f"{f'completion {shell}'.strip()}: name a shell{nearest(shell, SCRIPTS)}; "
            f"for bash: {IN_BASH}"
        )
    sys.stdout.write(SCRIPTS[arguments[0]])
    return 0


def suggestions(line: str) -> list[str]:
    """Return what the last word of a command line can be completed to."""
    words = line.split()[1:]
    last = "" if line.endswith(" ") or not words else words.pop()
    if not words:
        from qcbench.cli.main import VERBS  # noqa: PLC0415

        return _beginning(last, VERBS)
    verb = words[0]
    if verb == "submit" and len(words) > 1:
        verb = words[1]
    found: list[str] = []
    if verb in RUN_VERBS:
        found += _beginning(last, _runs())
    if verb in SUBVERBS and len(words) == 1:
        found += _beginning(last, SUBVERBS[verb])
    if verb == "submit":
        from qcbench.cli.job_verbs import VERBS as SENT  # noqa: PLC0415
        from qcbench.cli.submit import WITH_JOBS  # noqa: PLC0415

        found += _beginning(last, [*SENT, *WITH_JOBS])
    if verb in {"promote", "test-policy"} and len(words) == 1:
        found += _beginning(last, policy_names())
    if verb == "policies":
        from qcbench.tracks import TRACKS  # noqa: PLC0415

        found += _beginning(last, TRACKS)
    if verb == "plugins":
        from qcbench.plugins import KINDS  # noqa: PLC0415

        found += _beginning(last, KINDS)
    folders = [Path(after) for word, after in pairwise(words) if word == "--config-dir"]
    if verb in GROUPS:
        found += _overrides(verb, last, folders)
    if verb in {"suites", "fleets", "claims"}:
        from qcbench.bench.conf_files import options_of  # noqa: PLC0415

        found += _beginning(last, options_of(verb.removesuffix("s"), folders))
    return found


def _overrides(verb: str, last: str, config_dirs: Sequence[Path]) -> list[str]:
    from qcbench.bench.conf_files import options_of  # noqa: PLC0415

    key, equals, value = last.partition("=")
    if equals:
        options = options_of(key, config_dirs) if key in GROUPS[verb] else []
        if key == "policy" and options:
            options = sorted({*options, *policy_names()} - {"default"})
        return [f"{key}={option}" for option in _beginning(value, options)]
    parent, _, _ = last.rpartition(".")
    known = _config_keys(verb)
    keys = _below(known, parent)
    if verb in {"simulate", "promote", "replay"}:
        # The parts of a scenario may be named without it: workload.tasks.
        below = _below(known, f"scenario.{parent}".removesuffix("."))
        short = [key.removeprefix("scenario.") for key in below]
        keys += [key for key in short if key.partition(".")[0] in SCENARIO_PARTS]
    groups = [f"{group}=" for group in GROUPS[verb]] if not parent else []
    return _beginning(last, sorted({*groups, *keys}))


def _config_keys(verb: str) -> list[str]:
    """Return every dotted key of a verb's config, `key=` for values and `key.` for groups.

    Those of agents are left out: to import them takes seconds.
    """
    from qcbench.cli.kept import Found, kept  # noqa: PLC0415

    if verb in {"train", "sweep"}:
        return []

    def found(verb: str) -> Found:
        keys = _tree(_root(verb))
        # The emulator does not lie in this package.
        return Found([[key] for key in keys], "more" if verb == "emulator" else "named")

    return [key for [key] in kept("keys", [verb], found)[verb]]


def _below(keys: Iterable[str], parent: str) -> list[str]:
    """Return the keys that lie directly below one."""
    prefix = f"{parent}." if parent else ""
    return [
        key
        for key in keys
        if key.startswith(prefix) and key != prefix and "." not in key[len(prefix) : -1]
    ]


def _tree(root: type, parent: str = "") -> list[str]:
    """Return all keys below a dotted path."""
    keys = []
    for key in _keys(root, parent):
        keys.append(key)
        if key.endswith("."):
            keys += _tree(root, key[:-1])
    return keys


def _root(verb: str) -> type:
    from qcbench import api  # noqa: PLC0415
    from qcbench.api.contract import ContractConfig  # noqa: PLC0415
    from qcbench.hardware.emulator_process import emulator_module  # noqa: PLC0415
    from qcbench.hardware.replay_config import ReplayConfig  # noqa: PLC0415
    from qcbench.tracking.promote_config import PromoteConfig  # noqa: PLC0415

    roots: dict[str, type] = {
        "run": api.RunConfig,
        "resume": api.ResumeConfig,
        "track": api.ResumeConfig,
        "simulate": api.SimulateConfig,
        "promote": PromoteConfig,
        "test-policy": ContractConfig,
        "emulator": emulator_module("config").EmulatorConfig,
        "replay": ReplayConfig,
    }
    return roots[verb]


def _keys(root: type, parent: str) -> list[str]:
    """Return the keys below a dotted path, `key=` for values and `key.` for groups of them."""
    here: list[Any] = [root]
    for name in parent.split(".") if parent else ():
        here = [m for c in here for m in _classes(get_type_hints(c).get(name))]
    prefix = f"{parent}." if parent else ""
    keys = set()
    for candidate in here:
        hints = get_type_hints(candidate)
        for each in fields(candidate):
            ending = "." if _classes(hints[each.name]) else "="
            keys.add(f"{prefix}{each.name}{ending}")
    return sorted(keys)


def _classes(annotation: Any) -> list[Any]:
    """Return the config classes that an annotation admits."""
    options = [annotation, *get_args(annotation)]
    return [option for option in options if isinstance(option, type) and is_dataclass(option)]


def _runs() -> list[str]:
    from qcbench.bench.run_names import list_runs  # noqa: PLC0415

    return [folder.name for folder in list_runs(Path("runs"))]


def _beginning(start: str, options: Iterable[str]) -> list[str]:
    return [option for option in options if option.startswith(start)]
