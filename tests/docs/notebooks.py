"""Notebooks of the documentation are run, and print what is stored in them.

`python -m tests.docs.notebooks` runs them and stores what they print, for the site shows it.
"""

import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def executed(path: Path, folder: Path) -> Any:
    """Run a notebook in a folder, and return it with what it printed, without times."""
    notebook = nbformat.read(path, as_version=4)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=resources, record_timing=False
    ).execute()
    for count, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = count
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
            if "text/html" in output.get("data", {}):
                output.data.pop("text/plain", None)  # of a run it names the time
    return notebook


def code_cells(notebook: Any) -> list[Any]:
    """The cells of a notebook that are run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook: Any) -> list[str]:
    """All that the cells of a notebook show, without markup; pictures are left out."""
    shown = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" not in data:
                shown.append(output.get("text") or data.get("text/html") or data.get("text/plain"))
    return [re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL) for text in shown]


def main() -> None:
    """Store what the notebooks print."""
    for path in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(executed(path, Path(folder)), path)


if __name__ == "__main__":
    main()
