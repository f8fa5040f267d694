"""The documentation as a site: built strictly, read without a network, run where it is code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

FAULTS = {
    "[a](nowhere.md)": "nowhere.md",
    "[b](api.md#no-such-heading)": "no-such-heading",
    "[c](../qcbench/no_such_file.py)": "no_such_file.py",
    "![d](images/nothing.png)": "images/nothing.png",
}
"""What a page may say wrongly, and what is said about it."""


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Run what `make docs` runs."""
    (command,) = re.findall(
        r"-m (sphinx .*) docs build/docs$", (ROOT / "Makefile").read_text(), re.M
    )
    words = command.replace("build/doctrees", str(target / "doctrees")).split()
    return subprocess.run(
        [sys.executable, "-m", *words, str(source), str(target / "html")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.e2e
def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    done = build(DOCS, tmp_path)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "html").rglob("*.html"))
    made = {page.relative_to(tmp_path / "html").with_suffix("") for page in pages}
    sources = [*DOCS.rglob("*.md"), *(DOCS / "notebooks").glob("*.ipynb")]
    assert made >= {page.relative_to(DOCS).with_suffix("") for page in sources}
    for page in pages:
        text = page.read_text()
        assert not re.findall(r"<(?:script|img|iframe|source)\b[^>]*src=\"(?:https?:)?//", text), (
            page
        )
        for link in re.findall(r"<link\b[^>]*>", text):
            assert not re.search(r'href="(?:https?:)?//', link), page
    for style in (tmp_path / "html" / "_static").rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//|@import", style.read_text()), style


@pytest.mark.e2e
def test_what_is_wrong_fails_the_build(tmp_path: Path) -> None:
    source = tmp_path / "docs"
    shutil.copytree(DOCS / "_static", source / "_static")
    for name in ("conf.py", "api.md", "api-types.md"):
        shutil.copy(DOCS / name, source)
    links = "\n\n".join(FAULTS)
    (source / "index.md").write_text(f"# Index\n\n{links}\n\n```{{toctree}}\napi\napi-types\n```\n")
    (source / "lost.md").write_text("# In no table of contents\n")
    page = source / "api.md"
    page.write_text(page.read_text().replace(".. autofunction:: leaderboard\n", ""))
    with (source / "conf.py").open("a") as file:
        file.write('qcbench.verify.__doc__ = ""\n')
    done = build(source, tmp_path / "built")
    assert done.returncode == 1
    for fault in FAULTS.values():
        assert fault in done.stderr
    assert "qcbench.leaderboard is public and on no page" in done.stderr
    assert "qcbench.verify has no docstring" in done.stderr
    assert "lost.md: WARNING: document isn't included in any toctree" in done.stderr


@pytest.mark.e2e
def test_notebooks_print_what_is_stored_in_them(tmp_path: Path) -> None:
    from tests.docs import notebooks  # noqa: PLC0415 - an extra of its own

    assert notebooks.NOTEBOOKS
    page = (DOCS / "leaderboard.md").read_text()
    shown = [text.strip() for text in re.findall(r"^```text\n(.*?)^```", page, re.M | re.S)]
    assert len(shown) == 2
    for path in notebooks.NOTEBOOKS:
        stored = notebooks.nbformat.read(path, as_version=4)
        printed = notebooks.printed(notebooks.executed(path, tmp_path))
        assert printed == notebooks.printed(stored)
        assert path.stat().st_size < 100_000
        shown = [text for text in shown if not any(text in each for each in printed)]
    assert not shown  # the page shows blocks of a notebook's leaderboard
