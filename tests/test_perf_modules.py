"""Benchmarks that nobody has run for a while can be run still, as the pages say."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE = r"python -m tests\.([\w.]*\w)(?!\w|\.\$)"
WORDS = r"((?: +(?:--[\w-]+|[^\s`|;&)-][^\s`|;&)]*))*)"
NAMED = re.compile(MODULE + WORDS)
"""A command of the repository, and the words after it."""


def commands(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield where a command is named, its module below `tests`, and its words."""
    sources = [
        root / "Makefile",
        root / "README.md",
        root / "CONTRIBUTING.md",
        root / ".ci" / "run",
    ]
    sources += sorted((root / "docs").rglob("*.md"))
    for path in sources:
        if path.is_file():
            text = path.read_text(encoding="utf-8").replace("\\\n", " ")
            for module, words in NAMED.findall(text):
                yield path, module, words
            for names in re.findall(r"for each in ([\w ]+); do \S+ -m tests\.perf\.\$\$each", text):
                yield from ((path, f"perf.{name}", "") for name in names.split())


def test_every_benchmark_can_be_loaded_and_says_its_options(root: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-m", "tests.perf_modules"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0), done.stderr[-2000:]


def test_every_command_that_is_named_is_there_with_its_options(root: Path) -> None:
    found = list(commands(root))
    assert len(found) > 50
    wrong = []
    for page, module, words in found:
        path = root / "tests" / f"{module.replace('.', '/')}.py"
        if not path.is_file():
            wrong.append(f"{page.name}: tests.{module} is not there")
            continue
        text = path.read_text(encoding="utf-8")
        if '__name__ == "__main__"' not in text:
            wrong.append(f"{page.name}: tests.{module} is no command")
        for option in re.findall(r"--[a-z][\w-]*", words):
            if f'"{option}"' not in text:
                wrong.append(f"{page.name}: tests.{module} has no {option}")
    assert wrong == []
