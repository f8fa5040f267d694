"""Tables are read from the very path that is named, whatever characters it has."""

import ast
import os
from pathlib import Path

import polars as pl
import pytest

from qcbench.bench import tables
from qcbench.hardware.results import read_table
from qcbench.parquet import frame_at, frame_in, frames_at, schema_at

NAMES = [
    "w[1]",
    "*",
    "a?",
    "~",
    "~root",
    "file:",
    "s3:",
    "x=1,y",
    "50%20#",
    "{a,b}",
    "[!w]",
    "a\\b",
]


def test_a_path_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate([*NAMES, "w1", "ab", os.fsdecode(b"\xff")]):
        path = Path(name) / "t.parquet"
        path.parent.mkdir()
        written = pl.DataFrame({"number": [number], "text": [ascii(name)]})
        with path.open("wb") as file:
            written.write_parquet(file)
        for asked in (path, path.resolve()):
            assert frame_at(asked).equals(written)
            assert frame_at(asked, ("text",)).equals(written.select("text"))
            assert frame_in(asked.read_bytes(), ["text"]).equals(written.select("text"))
            assert schema_at(asked) == written.schema
            twice = frames_at([asked, Path("w[1]/t.parquet")], ("number",))
            assert twice["number"].to_list() == [number, 0]
    with pytest.raises(FileNotFoundError):
        frame_at(Path("w[2]/t.parquet"))


def test_shards_and_replays_are_those_of_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, trial in (("an[1]", "mine"), ("an1", "another's")):
        Path(folder).mkdir()
        shard = pl.DataFrame(
            {
                name: [trial] if kind == pl.String else [1]
                for name, kind in tables.SHARD_SCHEMA.items()
            },
            schema=tables.SHARD_SCHEMA,
        )
        Path(folder, "a.parquet").write_bytes(tables.parquet_bytes(shard))
    found = tables.read_shards([Path("an[1]/a.parquet")], ["trial_id"])
    assert found["trial_id"].to_list() == ["mine"]
    with pytest.raises(
        Exception, match="is not what `qcbench replay` writes"
    ):  # it is read, and is no replay's
        read_table(Path("an[1]/a.parquet"))
    Path("an[1]/a.parquet").unlink()
    with pytest.raises(Exception, match=r"an\[1\]/a.parquet: is not there"):
        read_table(Path("an[1]/a.parquet"))


def test_nobody_else_has_polars_read_a_path(root: Path) -> None:
    found = []
    for room in ("qcbench", "jobs", "deploy"):
        for file in sorted((root / room).rglob("*.py")):
            if file == root / "qcbench" / "parquet.py":
                continue
            tree = ast.parse(file.read_text(encoding="utf-8"))
            found += [f"{file.name}:{line}" for line in readings(tree)]
    assert found == []


def readings(tree: ast.AST) -> list[int]:
    """Return the lines in which Polars is asked to read something other than bytes at hand."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="polars", names=names):
                found += [node.lineno for each in names if _reads(each.name)]
            case ast.Call(func=ast.Attribute(value=ast.Name(id="pl" | "polars"), attr=name)):
                if _reads(name) and not (node.args and _is_bytes(node.args[0])):
                    found.append(node.lineno)
    return found


def _reads(name: str) -> bool:
    return name.startswith(("read_", "scan_"))


def _is_bytes(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("BytesIO", "io.BytesIO")


def test_the_rule_sees_what_it_is_about() -> None:
    text = """
import polars as pl
pl.read_parquet(path)
pl.scan_csv(source=path)
pl.read_parquet(io.BytesIO(data))
pl.DataFrame(rows)
from polars import read_csv
"""
    assert readings(ast.parse(text)) == [7, 3, 4]
