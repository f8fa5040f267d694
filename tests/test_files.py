"""Files are replaced whole: who reads the old one goes on reading it, and a failure leaves it."""

import pytest

from qcbench.errors import InputError
from qcbench.files import replacing, write_text


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
