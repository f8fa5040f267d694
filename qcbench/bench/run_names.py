"""What there is among runs, by name, and the one way from a name to its folder.

Suites' runs, trainings and sweeps lie side by side in the folder of all runs, replays in one of
their own; each folder says by its first file what it is.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from qcbench.commands import word
from qcbench.errors import InputError, nearest
from qcbench.storage.mirror import refresh
from qcbench.storage.places import place_of, shown_path

Kind: TypeAlias = Literal["run", "training", "sweep", "replay"]

HEADS: Mapping[Kind, str] = {
    "run": "manifest.json",
    "training": "config.yaml",
    "sweep": "sweep.yaml",
    "replay": "replay.json",
}
"""The file that makes a folder one of a kind."""

PROMOTION_SUITE = "promote"
"""Name of the suite of every promotion, which makes their worlds others than those of suites."""
PROMOTION = "promotion.json"
"""In the folder of a promotion's trials: what it was told."""
VERDICT = "verdict.json"
"""There as well, once it is judged."""

NOUNS: Mapping[Kind, str] = {
    "run": "run",
    "training": "training run",
    "sweep": "sweep",
    "replay": "replay",
}
"""How one is called in messages."""

BEGUN_BY: Mapping[Kind, str] = {
    "run": "qcbench run suite=quickstart",
    "training": "qcbench train",
    "sweep": "qcbench sweep",
    "replay": "qcbench replay",
}
"""The command that makes one."""

MOST_TOLD = 5
"""Names in a message."""


def kind_of(folder: Path) -> Kind | None:
    """Return what a folder holds; None of any other."""
    return next((kind for kind, head in HEADS.items() if (folder / head).is_file()), None)


def folders(*roots: Path) -> Iterator[tuple[Path, Kind]]:
    """Give all that lies in folders of runs, by name; of runs at a URL those that are there now.

    Raises:
        InputError: the URL cannot be used.
    """
    for root in dict.fromkeys(roots):
        there = refresh(root)
        for folder in sorted(root.glob("[!.]*")):
            kind = kind_of(folder)
            if kind is not None and (there is None or folder.name in there):
                yield folder, kind


def list_runs(runs: Path) -> list[Path]:
    """Return the folders of all runs below `runs`, oldest first."""
    return sorted((folder for folder, kind in folders(runs) if kind == "run"), key=_age)


def find(kind: Kind, root: Path, name: str | None = None) -> Path:
    """Return the folder of what is named by id, by the beginning of one, or by path.

    Args:
        kind: what it has to be.
        root: folder in which all of them lie.
        name: the latest where None.

    Raises:
        InputError: there is none, or several begin so.
    """
    if name is not None:
        return find_any((kind,), (root,), name)[0]
    known = [folder for folder, found in folders(root) if found == kind]
    if not known:
        raise InputError(none_yet(kind, root))
    return max(known, key=_changed if kind == "replay" else _age)


def find_any(kinds: Collection[Kind], roots: Collection[Path], name: str) -> tuple[Path, Kind]:
    """Return folder and kind of what is named by id, by the beginning of one, or by path.

    Args:
        kinds: what it may be.
        roots: folders in which they lie.
        name: of one.

    Raises:
        InputError: there is none, or several begin so.
    """
    *others, last = (NOUNS[kind] for kind in kinds)
    wanted = " or ".join([", ".join(others), last] if others else [last])
    said = f"{last} {name}" if len(kinds) == 1 else name
    kind = kind_of(Path(name))
    if kind is not None and kind in kinds:
        return Path(name), kind
    everything = {folder.name: (folder, found) for folder, found in folders(*roots)}
    known = {each: found for each, found in everything.items() if found[1] in kinds}
    chosen = meant(name, known, said)
    if chosen is not None:
        return known[chosen]
    kind = everything[name][1] if name in everything else kind
    if kind is not None:
        raise InputError(f"{said}: is a {NOUNS[kind]}, no {wanted}")
    if Path(name).exists():
        heads = " or ".join(HEADS[each] for each in kinds)
        raise InputError(f"{said}: is no {wanted}, whose folder has a {heads}")
    places = " or ".join(dict.fromkeys(map(shown_path, roots)))
    raise InputError(f"{said}: no such {wanted} in {places}{nearest(name, known)}")


def none_yet(kind: Kind, root: Path) -> str:
    """Say that a folder holds none of a kind, and how one is begun there."""
    place = place_of(root)
    command = f"{BEGUN_BY[kind]}{f' {place.told_all}' if place else ''}"
    return f"{shown_path(root)}: has no {NOUNS[kind]}s; start one with `{command}`"


def meant(name: str, known: Collection[str], said: str) -> str | None:
    """Return which of the known names is meant by one, or by the beginning of one; None if none.

    Args:
        name: that was given.
        known: ids.
        said: how what is named is called in messages.

    Raises:
        InputError: several begin so.
    """
    if name in known:
        return name
    begun = sorted(each for each in known if name and each.startswith(name))
    if len(begun) > 1:
        raise InputError(f"{said}: several begin so: {', '.join(begun[-MOST_TOLD:])}")
    return begun[0] if begun else None


NAMED = re.compile(r"-(\d{8}-\d{6})(?:-(\d+))?$")
"""When something began (UTC), at the end of its name, and the how manieth of that second it is."""


def began(name: str) -> datetime | None:
    """Return when a run, training or sweep began, by its name; None where that does not say."""
    named = NAMED.search(name)
    try:
        return named and datetime.strptime(named[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:  # it looks like a time, and is none
        return None


def _changed(folder: Path) -> tuple[float, str]:
    """Sort key of replays, whose names are not of a time."""
    return (folder / HEADS["replay"]).stat().st_mtime, folder.name


def _age(folder: Path) -> tuple[str, int, str]:
    """Sort key: the time in the run's name, or that of its first file where the name has none."""
    named = NAMED.search(folder.name)
    if named:
        return named[1], int(named[2] or 1), folder.name
    modified = datetime.fromtimestamp(
        (folder / HEADS[kind_of(folder) or "run"]).stat().st_mtime, UTC
    )
    return f"{modified:%Y%m%d-%H%M%S}", 1, folder.name


def told_name(folder: Path) -> str:
    """Return how a run is named on the command line here: by its id, or by its path elsewhere.

    One that is kept at a URL is named by its id and `runs_dir`.
    """
    place = place_of(folder)
    if place is not None:
        return place.told
    usual = Path("runs").resolve()
    if folder.resolve().parent == usual:
        return word(folder.name)
    path = str(folder)
    return word(path if "/" in path else f"./{path}")
