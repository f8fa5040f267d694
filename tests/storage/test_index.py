"""What store and folder said when both were equal: damage costs downloads, and nothing else."""

import os
from pathlib import Path

from qcbench.storage.index import RunIndex
from qcbench.storage.objects import Stored


def test_damaged_lines_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"data")
    index = RunIndex(tmp_path / "index", "run")
    index.note("file", Stored(4, "etag"), file.stat())
    whole = (tmp_path / "index" / "run.jsonl").read_bytes()
    for damage in (
        b"5",
        b"null",
        b"[]",
        b"[1, 2]",
        b"[[1]]",
        b"{}",
        b"\x80\xff",
        b"[" * 100_000,
        b'["f',
    ):
        (tmp_path / "index" / "run.jsonl").write_bytes(damage + b"\n" + whole)
        read = RunIndex(tmp_path / "index", "run")
        read.load()
        assert read.names() == ["file"]
        assert read.is_equal("file", Stored(4, "etag"), file)
        read.compact()
        assert (tmp_path / "index" / "run.jsonl").read_bytes() == whole
    (tmp_path / "index" / "run.jsonl").write_bytes(os.urandom(300))
    read.load()
    assert not read.is_equal("file", Stored(4, "etag"), file)
