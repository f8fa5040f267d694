"""`qcbench workload` from the outside."""

import numpy as np
import pytest

from qcbench.cli.workload import main
from qcbench.workload.formats.task_files import read_task_set


def test_a_url_is_told_as_it_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    for url in ("http://host/x.csv", "https://host/a b.json"):
        assert main(["show", url]) == 2
        assert capsys.readouterr().err.startswith(f"qcbench workload: {url}: is a URL; files are")
    assert main(["show", "file:///no/x.csv"]) == 2
    assert "give the path, /no/x.csv" in capsys.readouterr().err


def test_the_published_size_is_one_command(tmp_path, capsys):
    path = tmp_path / "tasks.csv"
    assert main(["generate", str(path), "--subsets", "1900", "--seed", "3"]) == 0
    content = read_task_set(path)
    assert len(content) == 1900 * 26
    assert content.subset_ids() == list(range(1, 1901))
    assert content.arrival_s is None
    assert "49400 tasks in 1900 subsets" in capsys.readouterr().out


def test_the_seed_decides_what_is_drawn(tmp_path):
    files = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for path, seed in zip(files, "778", strict=True):
        assert main(["generate", str(path), "--subsets", "4", "--seed", seed]) == 0
    first, again, other = (path.read_bytes() for path in files)
    assert first == again
    assert first != other


@pytest.mark.parametrize("arrivals", ["minute", "qsimpy"])
def test_subsets_arrive_a_minute_each(tmp_path, arrivals):
    path = tmp_path / "tasks.csv"
    assert main(["generate", str(path), "--subsets", "5", "--arrivals", arrivals]) == 0
    content = read_task_set(path)
    assert (content.arrival_s // 60 == content.subset).all()


def test_circuits_and_families_can_be_chosen(tmp_path):
    path = tmp_path / "tasks.csv"
    options = ["--subsets", "2", "--algorithms", "ghz,qft", "--max-qubits", "16"]
    assert main(["generate", str(path), *options, "--families", "ibmq156"]) == 0
    content = read_task_set(path)
    assert set(content.tasks.algorithm) == {"ghz", "qft"}
    assert content.tasks.qubits.max() <= 16
    assert "ibmq156" in content.tasks.compiled


def test_formats_convert_into_each_other(tmp_path, capsys):
    names = ["a.csv", "b.json", "c.parquet", "d.csv"]
    first, *others = [str(tmp_path / name) for name in names]
    assert main(["generate", first, "--subsets", "2", "--arrivals", "minute"]) == 0
    for source, target in zip([first, *others], others, strict=False):
        assert main(["convert", source, target]) == 0
    assert (tmp_path / "d.csv").read_bytes() == (tmp_path / "a.csv").read_bytes()
    assert main(["convert", first, str(tmp_path / "one.json"), "--subset", "2"]) == 0
    assert len(read_task_set(tmp_path / "one.json")) == 26
    assert "wrote 26 tasks" in capsys.readouterr().out


def test_show_summarises_a_file_and_the_packaged_circuits(tmp_path, capsys):
    assert main(["show"]) == 0
    out = capsys.readouterr().out
    assert "tasks         312" in out
    assert [line.split()[0] for line in out.splitlines()[6:]] == [
        *("original", "ibmq7", "ibmq16", "ibmq27", "ibmq127", "ibmq133", "ibmq156")
    ]
    path = str(tmp_path / "a.csv")
    assert main(["generate", path, "--subsets", "3"]) == 0
    assert main(["show", path, "--compare"]) == 0
    out = capsys.readouterr().out
    assert "78 in 3 subsets" in out
    comparison = out.split("distinct circuits are packaged")[1].splitlines()[2:]
    assert len(comparison) == 5
    for line in comparison:  # the file's circuits are the packaged ones
        _, circuits, theirs, ours, ratio, equal = line.split()
        assert (theirs, ratio, equal) == (ours, "1.000", circuits)


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "nowhere.csv"],
        ["convert", "nowhere.csv", "out.json"],
        ["generate", "out.csv", "--subsets", "0"],
        ["generate", "out.csv", "--algorithms", "shor"],
        ["generate", "out.txt"],
        ["generate", "out.swf", "--subsets", "1"],
        ["generate", "no/such/folder/out.csv", "--subsets", "1"],
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("qcbench workload: ")
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_arrivals_of_a_set_with_duplicates_are_those_that_it_is_read_with(tmp_path):
    """A subset of one algorithm on seven widths: 26 rows, 7 tasks, 7 draws of QSimPy's."""
    path = tmp_path / "tasks.csv"
    options = ["--subsets", "3", "--algorithms", "ghz", "--max-qubits", "8"]
    assert main(["generate", str(path), *options, "--arrivals", "qsimpy"]) == 0
    rng = np.random.default_rng(22)
    distinct = read_task_set(path).collapse()
    for subset in (1, 2, 3):
        times = distinct.arrival_s[distinct.subset == subset]
        low = 60.0 * subset + 0.1
        assert times.tolist() == sorted(rng.uniform(low, 60.0 * subset + 59.9, 7).tolist())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--max-qubits", "27"], "distinct      26 a subset"),
        (["--algorithms", "ghz", "--max-qubits", "8"], "distinct      7 a subset"),
        (["--algorithms", "ghz,dj", "--max-qubits", "2"], "distinct      2 a subset"),
    ],
)
def test_show_counts_distinct_tasks(tmp_path, capsys, options, expected):
    path = str(tmp_path / "tasks.csv")
    assert main(["generate", path, "--subsets", "3", *options]) == 0
    assert main(["show", path]) == 0
    assert expected in capsys.readouterr().out
