"""Files are replaced whole: who reads the old one goes on reading it, and a failure leaves it."""

import json
import math
import os
import resource
from pathlib import Path

import polars as pl
import pytest

from qcbench.agents.checkpoints import write_torch
from qcbench.errors import InputError, UnwritableError
from qcbench.files import (
    check_writable,
    is_folder,
    parse_json,
    quoted,
    read_bytes,
    read_json,
    replacing,
    to_json,
    write_text,
)
from qcbench.hardware.replay import write_table


def test_a_reader_of_the_old_file_is_not_disturbed(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old\r\n")
    with path.open(newline="") as reader:
        write_text(path, "new\n")
        assert reader.read() == "old\r\n"
    assert path.read_text() == "new\n"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(error):
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())
    with pytest.raises(InputError, match=r"a\.txt: cannot be written \(No space left"):
        fail(OSError(28, "No space left on device"))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_not_replaced_by_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for check in (lambda: write_text(pipe, "x"), lambda: check_writable(pipe)):
        with pytest.raises(InputError, match=r"pipe: cannot be written \(is no regular"):
            check()
    with pytest.raises(InputError, match="is a folder"):
        write_text(tmp_path, "x")
    assert pipe.is_fifo()


def test_a_check_changes_nothing(tmp_path):
    path = tmp_path / "a.txt"
    check_writable(path)
    assert list(tmp_path.iterdir()) == []
    write_text(path, "old")
    check_writable(path)
    assert path.read_text() == "old"
    with pytest.raises(InputError, match="cannot be written"):
        check_writable(tmp_path / "absent" / "a.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.json: line 1, column 1: is not JSON"),
        ('{"a": 1,\n "b": ', "a.json: line 2, column 7: is not JSON .*may be torn"),
        ('{"a": {"b": 1, "b": 2}}', "a.json: key 'b' is there twice"),
        ("[" * 100_000, "a.json: is not JSON"),
        ('"\xff"', "a.json: is not JSON"),
        ("[1, NaN]", "a.json: NaN is no number of JSON"),
        ("-Infinity", "a.json: -Infinity is no number of JSON"),
    ],
)
def test_what_is_not_json(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message) as caught:
        read_json(path, finite=True)
    assert "\n" not in str(caught.value)


def test_json_with_a_mark_of_its_encoding(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"é": [1.5, null]}', encoding="utf-8-sig")
    assert read_json(path) == {"é": [1.5, None]}
    with pytest.raises(InputError, match=r"b\.json: cannot be read \(No such file"):
        read_json(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"a": [1, {"b": 1e999}]}',
            r"here: a\[1\]\.b is 1e999; the largest number is about 1.8e308",
        ),
        ('{"a": -1e400}', "here: a is -1e400; the largest"),
        ('{"a": ' + "9" * 400 + "}", r"here: a is 9+\.\.; the largest"),
        ('{"a": ' + "9" * 9000 + "}", r"here: a is 9+\.\.; the largest"),
        ("2" * 309, "here: the value is 2+"),
        ('{"a":\n"\\ud800"}', r"here: line 2: \\ud800 is half a character"),
        ('["\\uDC00\\ud800"]', "half a character"),
        ('["\ud800"]', "half a character"),
        ("[" * 5000, "nested too deep"),
        ('{"' + "k" * 999 + '": 1, "' + "k" * 999 + '": 2}', r"key 'k{50,60}\.\.\. is there twice"),
    ],
)
def test_what_no_json_text_may_hold(text, message):
    with pytest.raises(InputError, match=message) as caught:
        parse_json(text, "here")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_numbers_that_floats_hold_are_read_to_the_last_bit():
    text = '{"a": 1.7976931348623157e308, "b": 5e-324, "c": 1e-400, "d": 100000000000000000000}'
    assert parse_json(text, "here") == {
        "a": 1.7976931348623157e308,
        "b": 5e-324,
        "c": 0.0,
        "d": 10**20,
    }
    assert parse_json("1" + "0" * 308, "here") == 10**308
    assert parse_json('"e999 \\ud83d\\ude00"', "here") == "e999 \U0001f600"
    assert math.isnan(parse_json("[NaN, 1e300]", "here")[0])


def test_json_that_is_written_has_finite_numbers_only():
    content = {"a": 1.5, "b": [{"c": math.inf}, (math.nan, "inf")], "d": True}
    with pytest.raises(InputError, match=r"^answer: b\[0\]\.c is inf; JSON has no such number$"):
        to_json(content, "answer")
    assert json.loads(to_json(content, "answer", null=True)) == {
        "a": 1.5,
        "b": [{"c": None}, [None, "inf"]],
        "d": True,
    }
    assert to_json({"b": 0.1, "a": 1}, "x", sort_keys=True, compact=True) == '{"a":1,"b":0.1}'
    with pytest.raises(InputError, match="the value is -inf"):
        to_json(-math.inf, "x")
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="Circular"):
        to_json(loop, "x")


def test_only_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "is no regular file"),
        (tmp_path / "absent", "No such file"),
        (tmp_path / ("n" * 300), "File name too long"),
        (tmp_path / "a\0", "no name of a file"),
    ):
        with pytest.raises(InputError, match=message):
            read_bytes(path)


@pytest.mark.parametrize("url", ["http://host/x.csv", "s3://bucket/a/x.json"])
def test_a_url_is_no_file(url, tmp_path, monkeypatch):
    for read in (read_bytes, is_folder):
        with pytest.raises(InputError, match=f"^{url}: is a URL; .* download it first$"):
            read(Path(url))
    monkeypatch.chdir(tmp_path)
    Path(url).parent.mkdir(parents=True)
    Path(url).write_text("x")
    assert read_bytes(Path(url)) == b"x"


def test_a_text_that_is_none_is_not_written(tmp_path):
    with pytest.raises(InputError, match=r"cannot be written; 'a\\udce9b' is no text"):
        write_text(tmp_path / "a.txt", "a\udce9b")
    assert list(tmp_path.iterdir()) == []


def test_a_quoted_value_is_short_and_in_one_line():
    assert quoted("a\nb") == r"'a\nb'"
    assert len(quoted("x" * 10**6)) == 60
    assert quoted(10**5000) == "a whole number of thousands of digits"


def test_what_a_library_writes_is_whole_or_not_there(tmp_path):
    path = tmp_path / "weights.pt"
    write_torch(path, {"a": 1})
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UnwritableError, match=r"weights\.pt: cannot be written \(File too"):
            write_torch(path, {"a": list(range(10_000))})
        with pytest.raises(UnwritableError, match=r"a\.parquet: cannot be written \(File too"):
            write_table(pl.DataFrame({"a": range(10_000)}), tmp_path / "a.parquet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
