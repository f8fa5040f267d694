"""Where config files lie, and which there are; what is in them, `qcbench.bench.compose` says."""

from collections.abc import Sequence
from pathlib import Path

from qcbench.commands import word
from qcbench.errors import InputError
from qcbench.files import at_home
from qcbench.plugins import Plugin, conf_folders
from qcbench.urls import check_no_url

OURS = "qcbench"
"""Who provides the packaged configs."""


def conf_dir() -> Path:
    """Return the folder of the packaged configs."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def roots(config_dirs: Sequence[Path] = ()) -> list[Path]:
    """Return all folders of configs, the first one that has a file counts.

    The packaged ones go first, then the user's, then those that other packages bring along.
    """
    return [conf_dir(), *config_dirs, *(folder for _, folder in conf_folders())]


def options_of(group: str, config_dirs: Sequence[Path] = ()) -> list[str]:
    """Return the names of a group's files, with those in sub-folders as `folder/name`."""
    return sorted({name for root in roots(config_dirs) for name in _options(root, group)})


def providers_of(group: str, config_dirs: Sequence[Path] = ()) -> dict[str, str]:
    """Return who provides each option of a group: `qcbench`, a folder, a package with its version.

    Of several that have one, whose file counts.
    """
    found: dict[str, str] = {}
    told = [(conf_dir(), OURS), *((folder, str(folder)) for folder in config_dirs)]
    told += [(folder, plugin.provider) for plugin, folder in conf_folders()]
    for root, provider in told:
        for name in _options(root, group):
            found.setdefault(name, provider)
    return found


def by_name(group: str, option: str, config_dirs: Sequence[Path] = ()) -> str:
    """Return how an option is told by name whose file somebody names: `NAME --config-dir FOLDER`.

    Options of a group are names below its folder, wherever that lies. Empty where no path is given.

    Raises:
        InputError: a URL.
    """
    path = Path(option.strip("'\""))
    below, ended = "/" in option, path.suffix in (".yaml", ".yml")
    if not path.name or not (below or ended):
        return ""
    if ended:  # models of a store are named as URLs are
        check_no_url(path)
    file = path if ended else path.with_name(f"{path.name}.yaml")
    if not (below and ended) and (not _is_file(file) or path.is_dir()):
        return ""
    if str(file.with_suffix("")) in options_of(group, config_dirs):
        return ""
    *above, name = file.with_suffix("").parts
    places = [place for place, part in enumerate(above) if part == group]
    if not places:
        return f"{name} --config-dir FOLDER, with the file in FOLDER/{group}"
    name = "/".join([*above[places[-1] + 1 :], name])
    folder = at_home(Path(*above[: places[-1]]))
    if folder.resolve() in (known.resolve() for known in (conf_dir(), *config_dirs)):
        return name
    return f"{word(name)} --config-dir {word(folder)}"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no name of a file
        return False


def check_no_path(
    group: str, option: str, config_dirs: Sequence[Path] = (), listed: bool = False
) -> None:
    """Refuse the path of a config file in the place of its name.

    Args:
        listed: it stands in a list of names, not behind `group=`.

    Raises:
        InputError: it is one; says what to write.
    """
    if told := by_name(group, option, config_dirs):
        what, key = (f"{group} ", "") if listed else (f"{group}=",) * 2
        raise InputError(f"{what}{option}: is a path, and configs are named; write {key}{told}")


def check_clash(group: str, option: str, config_dirs: Sequence[Path] = ()) -> None:
    """Refuse an option that several packages bring along, unless ours or the user's go first.

    Raises:
        InputError: none of them is meant more than the others.
    """
    others = conf_folders()
    file = Path(group, f"{option}.yaml")
    if not others or any((root / file).is_file() for root in (conf_dir(), *config_dirs)):
        return
    having = [plugin.provider for plugin, folder in others if (folder / file).is_file()]
    if len(set(having)) > 1:
        raise InputError(
            f"{group}={option}: several packages have one ({', '.join(having)}); uninstall all but "
            "one"
        )


def shadowed() -> list[tuple[Plugin, str]]:
    """Return which configs of packages are not used, since somebody else's have their names.

    Each with a line that says so.
    """
    found, first = [], dict.fromkeys(_files(conf_dir()), OURS)
    for plugin, folder in conf_folders():
        for file in sorted(_files(folder)):
            other = first.setdefault(file, plugin.provider)
            if other != plugin.provider:
                used = "is used" if other == OURS else "both cannot be chosen by this name"
                found.append((plugin, f"configs {file}: {other} has one of this name too; {used}"))
    return found


def _options(root: Path, group: str) -> set[str]:
    folder = root / group
    return {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml")}


def _files(root: Path) -> set[str]:
    """Return the files of a folder that are options of a group, as `group/name.yaml`."""
    return {str(path.relative_to(root)) for path in root.glob("*/**/*.yaml")}


def check_dirs(config_dirs: Sequence[Path]) -> None:
    """Refuse a config folder that is not there.

    Raises:
        InputError: there is one.
    """
    for folder in config_dirs:
        if not folder.is_dir():
            raise InputError(f"--config-dir {folder}: no such folder")
