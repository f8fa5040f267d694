"""`qcbench new`: what it writes works as it stands, and nothing is written over."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from qcbench.cli.main import main
from qcbench.tracks import TRACKS, Track

Output = pytest.CaptureFixture[str]
SMALLER = {
    "run": ["suite.replicates=1", "cluster=inline", "tracking=none"],
    "simulate": [],
    "test-policy": [],
    "suites": [],
    "fleets": [],
    "leaderboard": [],
}
"""What is added to commands so that they end within a test."""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def commands(out: str) -> list[list[str]]:
    """The commands that are told, of which there are three."""
    found = [shlex.split(line[12:]) for line in out.splitlines() if line[12:].startswith("qcbench")]
    assert len(found) == 3, out
    return found


def paste(out: str) -> None:
    for words in commands(out):
        assert main([*words[1:], *SMALLER[words[1]]]) == 0, words


@pytest.mark.parametrize("track", TRACKS)
def test_a_policy_and_its_test(track: Track, capsys: Output) -> None:
    assert main(["new", "policy", "mine", f"track={track}"]) == 0
    assert len(commands(capsys.readouterr().out)) == 3
    assert sorted(path.name for path in Path().iterdir()) == ["mine.py", "test_mine.py"]
    assert len(Path("mine.py").read_text().splitlines()) <= 36
    runpy.run_path("test_mine.py")["test_the_contract"]()


def test_the_test_can_fail(capsys: Output) -> None:
    assert main(["new", "policy", "mine"]) == 0
    text = Path("mine.py").read_text()
    Path("mine.py").write_text(text.replace("return int(", "return 1000 + int("))
    with pytest.raises(AssertionError):
        runpy.run_path("test_mine.py")["test_the_contract"]()


@pytest.mark.e2e
@pytest.mark.parametrize("track", TRACKS)
def test_what_is_told_next_works(track: Track, capsys: Output) -> None:
    assert main(["new", "policy", "mine", f"track={track}"]) == 0
    paste(capsys.readouterr().out)


@pytest.mark.e2e
def test_plain_pytest_and_the_linters_are_content(root: Path) -> None:
    for track in TRACKS:
        assert main(["new", "policy", f"my_{track}", f"track={track}"]) == 0
    for words in (
        ["pytest", "-q"],
        ["ruff", "check", "--isolated", "--select=E,F,W,I,N,UP,B,D1,RUF", "--line-length=100", "."],
        ["ruff", "format", "--isolated", "--line-length=100", "--check", "."],
        [
            "mypy",
            "--strict",
            "--ignore-missing-imports",
            "--follow-imports=silent",
            "my_queueing.py",
        ],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("source", [None, "placement-v1"])
def test_a_suite(source: str | None, root: Path, capsys: Output) -> None:
    assert main(["new", "suite", "mine", *([f"from={source}"] if source else [])]) == 0
    commands(capsys.readouterr().out)
    written = Path("conf/suite/mine.yaml").read_text()
    packaged = (root / f"conf/suite/{source or 'quickstart'}.yaml").read_text()
    assert re.sub("(?m)^name: mine$", f"name: {source or 'quickstart'}", written) == packaged
    assert main(["suites", "mine", "--config-dir", "conf"]) == 0
    assert "qce5-published" in capsys.readouterr().out


def test_a_fleet(capsys: Output) -> None:
    assert main(["new", "fleet", "mine", "from=heron5"]) == 0
    commands(capsys.readouterr().out)
    assert main(["fleets", "--config-dir", "conf"]) == 0
    assert re.search(r"(?m)^mine .* 5 ", capsys.readouterr().out)


@pytest.mark.e2e
@pytest.mark.parametrize("what", ["suite", "fleet"])
def test_what_is_told_next_of_configs_works(what: str, capsys: Output) -> None:
    assert main(["new", what, "mine"]) == 0
    paste(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["policy", "class"], "'class': is no name of a Python file"),
        (["policy", "my-policy"], "'my-policy': is no name of a Python file"),
        (["policy", "../mine"], "'../mine': is no name of a Python file"),
        (["policy", "a\\b"], "is no name of a Python file"),
        (["policy", "json"], "'json': is a module of Python's"),
        (["policy", "polars"], "'polars': is a module of Python's or a package's"),
        (["policy", "greedy"], "'greedy': there is a policy of that name"),
        (["policy", "mine", "track=placment"], "track=placment: no such track; did you mean"),
        (["policy", "mine", "from=greedy"], "from=... is of suites and fleets"),
        (["suite", "../mine"], "no slash"),
        (["suite", "null"], "'null': is no name for it"),
        (["suite", "7"], "'7': is no name for it"),
        (["suite", "quickstart"], "quickstart: there is a packaged suite of that name"),
        (["suite", "mine", "from=quikstart"], "from=quikstart: no such suite; did you mean quick"),
        (["suite", "mine", "track=placement"], "track=... is of policies"),
        (["fleet", "mine", "from=qce"], "from=qce: no such fleet; did you mean qce5"),
        (["thing", "mine"], "invalid choice: 'thing'"),
        (["policy"], "required: name"),
    ],
)
def test_bad_input(words: list[str], said: str, tmp_path: Path, capsys: Output) -> None:
    assert main(["new", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "there"),
    [
        (["policy", "mine"], "mine.py"),
        (["policy", "mine"], "test_mine.py"),
        (["suite", "mine"], "conf/suite/mine.yaml"),
    ],
)
def test_nothing_is_written_over(words: list[str], there: str, capsys: Output) -> None:
    path = Path(there)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("precious")
    assert main(["new", *words]) == 2
    assert capsys.readouterr().err == f"qcbench: {there}: is there already; choose another name\n"
    assert [p.read_text() for p in Path().rglob("*") if p.is_file()] == ["precious"]
