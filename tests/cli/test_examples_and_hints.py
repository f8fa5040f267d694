"""The ends of helps, hints for bare words, and what is told to do next."""

import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from qcbench.cli.examples import EXAMPLES
from qcbench.cli.groups import GROUPS
from qcbench.cli.main import VERBS, main

Output = pytest.CaptureFixture[str]
COMPOSED = [
    (verb, command)
    for verb in GROUPS
    for command in EXAMPLES[verb]
    if not re.search(r" (doctor|[\w-]+-\d{8}-\d{6})\b", command)
]
"""Examples whose config can be composed without anything that has to be there."""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_help_ends_with_examples_of_its_verb(capsys: Output) -> None:
    assert EXAMPLES.keys() == VERBS.keys()
    for verb in VERBS:
        assert main([verb, "--help"]) == 0
        shown = capsys.readouterr().out.partition("\nexamples:\n")[2]
        assert shown.splitlines() == [f"  {command}" for command in EXAMPLES[verb]]
        assert all(f"qcbench {verb}" in command for command in EXAMPLES[verb])


@pytest.mark.parametrize(("verb", "command"), COMPOSED)
def test_examples_compose(verb: str, command: str, capsys: Output) -> None:
    Path("mine.py").write_text("def policy(context):\n    return lambda view: 0\n")
    assert main([*shlex.split(command)[1:], "--cfg", "job"]) == 0, command
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [c for verb in ("runs", "policies", "fleets", "fleet", "new") for c in EXAMPLES[verb]],
)
def test_examples_run(command: str, capsys: Output) -> None:
    assert main(shlex.split(command)[1:]) == 0


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["run", "quickstart"], "did you mean suite=quickstart?"),
        (["run", "qickstart"], "did you mean suite=quickstart?"),
        (["run", "mine.py"], "did you mean 'suite.policies=[mine.py,earliest_completion]'?"),
        (["run", "zzz"], "is key=value; see `qcbench run --help`"),
        (["simulate", "greedy"], "did you mean policy=greedy?"),
        (["simulate", "mine.py"], "did you mean policy=mine.py?"),
        (["simulate", "placement/qce5"], "did you mean scenario=placement/qce5?"),
        (["train", "a-run", "reference_ppo"], "did you mean agent=reference_ppo?"),
        (["resume", "a-run", "another"], "'another' is no override"),
        (["quickstart"], "quickstart: no such verb; did you mean `qcbench run suite=quickstart`?"),
        (["reference_ppo"], "did you mean `qcbench train agent=reference_ppo`?"),
        (["shw"], "did you mean show"),
    ],
)
def test_bare_words(words: list[str], meant: str, tmp_path: Path, capsys: Output) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert meant in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "then"),
    [
        (["fleets", "qce5"], "qcbench simulate fleet=qce5"),
        (["policies", "queueing"], "qcbench simulate scenario=serverless/small policy=fifo"),
    ],
)
def test_a_person_is_told_what_comes_next(words: list[str], then: str, root: Path) -> None:
    command = [sys.executable, "-m", "qcbench.cli.main", *words]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    ours, theirs = pty.openpty()
    seen = subprocess.run(
        command, stdout=theirs, stderr=subprocess.PIPE, env=environment, text=True, check=True
    )
    os.close(theirs)
    os.close(ours)
    assert f"next        {then}\n" in seen.stderr
    piped = subprocess.run(command, capture_output=True, env=environment, text=True, check=True)
    assert piped.stderr == ""
    assert then not in piped.stdout
