"""The folder of an exported policy: reading, writing, and what it is identified by."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qcbench.content import check_meant
from qcbench.errors import InputError, nearest
from qcbench.files import at_home, write_text, writing
from qcbench.policies.exported.card import CARD, WEIGHTS, Card, HeuristicCard, read_card, write_card
from qcbench.policies.exported.weights import Tensors, check_tensors, read_tensors, write_tensors

PACKAGED = "packaged:"
"""Path of a policy that comes with qcbench: `packaged:champion` is the champion of the track."""

CHAMPION = "champion"
EXPORTED = "exported"
"""Folder of a training run that holds its policy."""

MOST_BYTES = 2**30
"""A larger file is no policy of ours."""


@dataclass(frozen=True)
class Exported:
    """A policy that has been read: its card, its weights, and the hash of both files."""

    card: Card
    tensors: Tensors
    sha256: str


def champions_dir() -> Path:
    """Return the folder of the packaged champions, one folder a track."""
    return Path(__file__).resolve().parents[2] / "data" / "champions"


def packaged_names(track: str) -> list[str]:
    """Return the names of the packaged policies of a track."""
    folder = champions_dir() / track
    found = [CHAMPION] if (folder / CARD).is_file() else []
    return found + sorted(path.parent.name for path in folder.glob(f"*/{CARD}"))


def folder_of(track: str, path: str) -> Path:
    """Return the folder that a path means: one on the disk, or a packaged one of the track.

    The folder of a run that trained a policy means the policy in it.

    Raises:
        InputError: no such folder, or no such packaged policy.
    """
    if path.startswith(PACKAGED):
        name = path.removeprefix(PACKAGED)
        known = packaged_names(track)
        if name not in known:
            hint = nearest(name, known) if known else "; there are none"
            raise InputError(f"policy {path}: no {track} policy of this name is packaged{hint}")
        folder = champions_dir() / track
        return folder if name == CHAMPION else folder / name
    folder = at_home(path)
    if not path or not folder.exists():
        raise InputError(f"{path or 'path'}: no such folder; it must hold {CARD} and {WEIGHTS}")
    if (folder / CARD).is_file():
        return folder
    if (folder / EXPORTED / CARD).is_file():
        return folder / EXPORTED
    raise InputError(f"{folder / CARD}: does not exist; a policy's folder holds {CARD}")


def read_folder_card(folder: Path) -> Card | HeuristicCard:
    """Read the card of a folder.

    Raises:
        InputError: it cannot be read or used.
    """
    return read_card(_bytes(folder / CARD), str(folder / CARD))


def digest(folder: Path) -> str:
    """Return the SHA-256 of the card and the weights of a folder.

    Raises:
        InputError: a file cannot be read.
    """
    return _digest(_files(folder))


def read_folder(folder: Path) -> Exported:
    """Read a trained policy.

    Raises:
        InputError: a file that is missing or cannot be used, or a heuristic.
    """
    files = _files(folder)
    card = read_card(files[CARD], str(folder / CARD))
    if isinstance(card, HeuristicCard):
        raise InputError(
            f"{folder / CARD}: is the heuristic {card.name}; name that, it has no weights"
        )
    tensors = read_tensors(files[WEIGHTS], card, str(folder / WEIGHTS))
    return Exported(card, tensors, _digest(files))


def load(track: str, path: str, sha256: str = "") -> Exported:
    """Return a trained policy of a track, read once a process where its hash is known.

    Args:
        track: that it is to decide on.
        path: its folder, or `packaged:NAME`.
        sha256: what its files must hash to; not looked at where empty.

    Raises:
        InputError: it cannot be used, is of another track, or other files than the hash says.
    """
    folder = folder_of(track, path)
    found = _load(folder.resolve(), sha256) if sha256 else read_folder(folder)
    if found.card.track != track:
        raise InputError(
            f"{folder / CARD}: is a policy for track {found.card.track}, not for {track}"
        )
    return found


@lru_cache(maxsize=16)
def _load(folder: Path, sha256: str) -> Exported:
    found = read_folder(folder)
    check_meant(folder, found.sha256, sha256, "policy")
    return found


def write_folder(
    folder: Path, card: Card | HeuristicCard, tensors: Mapping[str, npt.NDArray[np.floating]] | None
) -> Path:
    """Write a policy's folder; made where absent, its files replaced where present.

    The weights are written first, so that a folder with a card is complete. The same policy gives
    the same bytes.

    Args:
        tensors: the weights; None for a heuristic.

    Raises:
        InputError: tensors that are not those of the card's network, or no place to write.
    """
    text = write_card(card)
    if isinstance(card, Card):
        check_tensors(tensors or {}, card, str(folder / WEIGHTS))
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CARD).unlink(missing_ok=True)
    if isinstance(card, Card):
        write_tensors(folder / WEIGHTS, tensors or {}, card)
    write_text(folder / CARD, text)
    return folder


def copy_folder(source: Path, target: Path) -> None:
    """Write the policy of one folder, a network or a heuristic, into another one.

    Raises:
        InputError: it cannot be read or used, or the other one cannot be written.
    """
    card = read_folder_card(source)
    tensors = None if isinstance(card, HeuristicCard) else read_folder(source).tensors
    write_folder(target, card, tensors)


def _files(folder: Path) -> dict[str, bytes]:
    files = {CARD: _bytes(folder / CARD)}
    if (folder / WEIGHTS).exists() or isinstance(read_card(files[CARD], str(folder / CARD)), Card):
        files[WEIGHTS] = _bytes(folder / WEIGHTS)
    return files


def _digest(files: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name, data in files.items():
        whole.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    return whole.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: is larger than 1 GiB; that is no policy of qcbench")
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
