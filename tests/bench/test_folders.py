"""Folders of what begins: each has one of its own, and what cannot begin leaves none."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from qcbench.bench.folders import make_folder, stem_of
from qcbench.errors import InputError

NOW = datetime(2026, 3, 1, 12, 1, 5, tzinfo=UTC)


def test_names_are_fit_for_files() -> None:
    assert stem_of("a b/c", "x", NOW) == "a-b-c-20260301-120105"
    assert stem_of("...", "x", NOW) == "x-20260301-120105"


def test_what_begins_in_the_same_second_has_folders_of_its_own(tmp_path: Path) -> None:
    def make(number: int) -> Path:
        return make_folder(tmp_path, "one", "head", lambda name: f"{number} {name}".encode())

    made = [make(number) for number in range(3)]
    assert [folder.name for folder in made] == ["one", "one-2", "one-3"]
    for number, folder in enumerate(made):
        assert (folder / "head").read_text() == f"{number} {folder.name}"
    assert sorted(tmp_path.iterdir()) == sorted(made)


def test_what_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    def full(draft: Path) -> None:
        (draft / "part").mkdir()
        raise OSError(28, "No space left on device")

    runs = tmp_path / "new" / "runs"
    with pytest.raises(InputError, match=r"stored here \(No space left on device\); choose"):
        make_folder(runs, "one", "head", str.encode, full)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be stored here"):
        make_folder(tmp_path / "file" / "runs", "one", "head", str.encode)
