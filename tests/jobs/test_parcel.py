"""Parcels: every byte checked, nothing unsafe unpacked, nothing half-written."""

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from qcbench.bench.jobs.parcel import INDEX, Index, pack, read_index, receive, unpack
from qcbench.errors import InputError

RUN_ID = "toy-20260101-000000"
MARK = "manifest.json"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with what belongs into a parcel and what does not."""
    folder = tmp_path / "there" / RUN_ID
    (folder / "shards").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "shards" / "a.parquet").write_bytes(os.urandom(50_000))
    (folder / "empty").touch()
    (folder / "run.lock").write_text("process 1")
    (folder / ".manifest.json.1.tmp").write_text("torn")
    (folder / "link").symlink_to("/etc/passwd")
    return folder


def copier(parcel: Path) -> Callable[[str, IO[bytes]], None]:
    def download(name: str, file: IO[bytes]) -> None:
        file.write((parcel / name).read_bytes())

    return download


def contents(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.parametrize("part_bytes", [1, 1000, 10**9])
def test_a_parcel_brings_the_files_of_a_run_and_nothing_else(
    run: Path, tmp_path: Path, part_bytes: int
) -> None:
    if part_bytes == 1:
        (run / "shards" / "a.parquet").write_bytes(b"few")
    parcel = tmp_path / "parcel"
    written = pack(run, parcel, part_bytes)
    index = read_index((parcel / INDEX).read_bytes(), "here")
    assert index == written
    assert all((parcel / part.name).stat().st_size == part.size for part in index.parts)
    assert max(part.size for part in index.parts) <= part_bytes

    folder = receive(index, copier(parcel), tmp_path / "runs", MARK)
    wanted = contents(run)
    for left_out in ("run.lock", ".manifest.json.1.tmp", "link"):
        del wanted[left_out]
    assert contents(folder) == wanted
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [RUN_ID]


def test_the_same_run_gives_the_same_parcel(run: Path, tmp_path: Path) -> None:
    first = pack(run, tmp_path / "first")
    os.utime(run / "manifest.json", (0, 0))
    assert pack(run, tmp_path / "second") == first


def test_a_torn_part_is_fetched_again(run: Path, tmp_path: Path) -> None:
    parcel = tmp_path / "parcel"
    index = pack(run, parcel, 10_000)
    asked: list[str] = []

    def download(name: str, file: IO[bytes]) -> None:
        asked.append(name)
        data = (parcel / name).read_bytes()
        if asked.count(name) == 1 and name.endswith("1"):
            file.write(data[:77])
            raise ConnectionResetError("cut")
        if asked.count(name) == 1 and name.endswith("2"):
            data = data[:-1] + bytes([data[-1] ^ 1])
        file.write(data)

    folder = receive(index, download, tmp_path / "runs", MARK)
    assert contents(folder)["shards/a.parquet"] == (run / "shards" / "a.parquet").read_bytes()
    assert len(asked) == len(index.parts) + 2


def test_damage_leaves_nothing_behind(run: Path, tmp_path: Path) -> None:
    parcel = tmp_path / "parcel"
    index = pack(run, parcel, 10_000)
    (parcel / index.parts[3].name).write_bytes(b"other")
    with pytest.raises(InputError, match=r"results.tar.gz.003: could not be fetched in 3 attempts"):
        receive(index, copier(parcel), tmp_path / "runs", MARK)
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_that_is_there_is_neither_doubled_nor_overwritten(run: Path, tmp_path: Path) -> None:
    parcel, runs = tmp_path / "parcel", tmp_path / "runs"
    index = pack(run, parcel)
    folder = receive(index, copier(parcel), runs, MARK)
    (folder / "report.html").write_text("made here")
    assert receive(index, copier(parcel), runs, MARK) == folder
    (folder / "manifest.json").write_text("another")
    with pytest.raises(InputError, match=r"is there already with another manifest\.json"):
        receive(index, copier(parcel), runs, MARK)
    assert (folder / "manifest.json").read_text() == "another"
    assert (folder / "report.html").exists()
    (folder / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"without the job's manifest\.json; .* move it away$"):
        receive(index, copier(parcel), runs, MARK)


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize(
    "bad",
    [
        entry(f"{RUN_ID}/../../outside"),
        entry("/tmp/outside"),
        entry("other/manifest.json"),
        entry(RUN_ID),
        entry("outside"),
        entry(f"{RUN_ID}/link", tarfile.SYMTYPE, "/etc"),
        entry(f"{RUN_ID}/hard", tarfile.LNKTYPE, f"{RUN_ID}/manifest.json"),
        entry(f"{RUN_ID}/pipe", tarfile.FIFOTYPE),
        entry(f"{RUN_ID}/manifest.json"),
    ],
    ids=lambda made: f"{made.name}-{made.type.decode()}",
)
def test_unsafe_entries_are_refused(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    archive = tmp_path / "results.tar.gz"
    with tarfile.open(archive, "w:gz") as made:
        made.addfile(entry(f"{RUN_ID}/manifest.json"), io.BytesIO())
        made.addfile(bad, io.BytesIO())
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    with pytest.raises(InputError, match=r"results\.tar\.gz: "):
        unpack(archive, RUN_ID, inside, MARK, declared=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "results.tar.gz"]
    assert list((tmp_path / "a").iterdir()) == [inside]


def bomb(archive: Path, size: int, name: str = f"{RUN_ID}/zeros") -> None:
    """Write a small archive of one large file."""
    with tarfile.open(archive, "w:gz") as made:
        made.addfile(entry(f"{RUN_ID}/manifest.json"), io.BytesIO())
        large = entry(name)
        large.size = size
        made.addfile(large, io.BytesIO(bytes(size)))


def test_an_archive_unpacks_no_more_than_its_index_declares(tmp_path: Path) -> None:
    archive = tmp_path / "results.tar.gz"
    size = 3 * 2**20
    bomb(archive, size)
    assert archive.stat().st_size < size / 100
    unpack(archive, RUN_ID, tmp_path / "whole", MARK, declared=size)
    assert (tmp_path / "whole" / RUN_ID / "zeros").stat().st_size == size
    with pytest.raises(InputError, match=r"results\.tar\.gz: .*holds more than its index declares"):
        unpack(archive, RUN_ID, tmp_path / "cut", MARK, declared=size - 1)
    assert not (tmp_path / "cut" / RUN_ID / "zeros").exists()


def test_an_entry_of_less_than_nothing_makes_no_room(tmp_path: Path) -> None:
    archive = tmp_path / "results.tar.gz"
    with tarfile.open(archive, "w:gz", format=tarfile.GNU_FORMAT) as made:
        made.addfile(entry(f"{RUN_ID}/manifest.json"), io.BytesIO())
        negative = entry(f"{RUN_ID}/negative")
        negative.size = -(2**20)
        made.addfile(negative)
        large = entry(f"{RUN_ID}/zeros")
        large.size = 2**20
        made.addfile(large, io.BytesIO(bytes(2**20)))
    with pytest.raises(InputError, match=r"results\.tar\.gz: is no archive of a run"):
        unpack(archive, RUN_ID, tmp_path / "to", MARK, declared=0)
    assert not (tmp_path / "to" / RUN_ID / "zeros").exists()


def test_headers_of_an_archive_are_bounded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of megabytes is no file, and is read before anybody can look at it."""
    monkeypatch.setattr("qcbench.bench.jobs.parcel.TAR_BYTES", 2**20)
    archive = tmp_path / "results.tar.gz"
    bomb(archive, 0, f"{RUN_ID}/{'x' * 2**22}")
    with pytest.raises(InputError, match="holds more than its index declares"):
        unpack(archive, RUN_ID, tmp_path / "to", MARK, declared=0)


def test_a_part_that_does_not_end_is_given_up(run: Path, tmp_path: Path) -> None:
    index = pack(run, tmp_path / "parcel")
    written = 0

    def download(name: str, file: IO[bytes]) -> None:
        nonlocal written
        while True:
            file.write(bytes(10_000))
            written += 10_000

    with pytest.raises(InputError, match="holds more than its index declares"):
        receive(index, download, tmp_path / "runs", MARK)
    assert written <= 3 * index.size
    assert list((tmp_path / "runs").iterdir()) == []


def test_an_archive_without_a_run_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "results.tar.gz"
    archive.write_bytes(b"no archive")
    with pytest.raises(InputError, match="is no archive"):
        unpack(archive, RUN_ID, tmp_path / "to", MARK, declared=0)
    with tarfile.open(archive, "w:gz") as made:
        made.addfile(entry(f"{RUN_ID}/other"), io.BytesIO())
    with pytest.raises(InputError, match=r"has no manifest\.json"):
        unpack(archive, RUN_ID, tmp_path / "to", MARK, declared=0)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"run_id": "../up"},
        {"run_id": ".hidden"},
        {"unpacked": -1},
        {"unpacked": "many"},
        {"sha256": "00"},
        {"parts": [{"name": "a/b", "size": 1, "sha256": "0" * 64}]},
        {"parts": [{"name": "a"}]},
        {"extra": 1},
    ],
)
def test_an_index_that_was_tampered_with_is_refused(change: dict[str, object]) -> None:
    good = {"format": 1, "run_id": RUN_ID, "parts": [], "sha256": "0" * 64, "unpacked": 1}
    assert isinstance(read_index(json.dumps(good).encode(), "here"), Index)
    with pytest.raises(InputError, match="here: "):
        read_index(json.dumps(good | change).encode(), "here")
    with pytest.raises(InputError, match="here: is no index"):
        read_index(b"<html>", "here")
    with pytest.raises(InputError, match="here: is no index"):
        read_index(b"[]", "here")


def test_no_space_is_said_before_anything_is_fetched(run: Path, tmp_path: Path) -> None:
    index = pack(run, tmp_path / "parcel")
    huge = Index(run_id=RUN_ID, parts=index.parts, sha256=index.sha256, unpacked=10**18)

    def download(name: str, file: IO[bytes]) -> None:
        pytest.fail("asked for a file")

    with pytest.raises(InputError, match="MB are needed"):
        receive(huge, download, tmp_path / "runs", MARK)
