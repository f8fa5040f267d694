"""Packages that are installed for a test, as an installer leaves them: modules and metadata."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

Install = Callable[..., Path]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Install]:
    """Install a package: name, entry points by kind, and the text of each file."""
    modules = set(sys.modules)

    def install(
        name: str,
        points: Mapping[str, Mapping[str, str]],
        files: Mapping[str, str],
        version: str = "1.0",
        place: str = "",
    ) -> Path:
        folder = tmp_path / "site" / (place or name)
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [
            line
            for kind, named in points.items()
            for line in (f"[qcbench.{kind}]", *(f"{key} = {value}" for key, value in named.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        monkeypatch.syspath_prepend(str(folder))
        importlib.invalidate_caches()
        return folder

    yield install
    # What was imported from there is not found by the next test.
    for module in set(sys.modules) - modules:
        file = getattr(sys.modules[module], "__file__", None) or ""
        if re.match(re.escape(str(tmp_path)), file):
            del sys.modules[module]
