"""Files are replaced whole: who reads the old one goes on reading it, and a failure leaves it."""

import os

import pytest

from qcbench.errors import InputError
from qcbench.files import check_writable, read_json, replacing, write_text


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
