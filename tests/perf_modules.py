"""What is wrong with the benchmarks of `tests/perf`, found in a process of its own.

`python -m tests.perf_modules` prints a line for each fault. It loads every module, with the imports
that stand within its functions, and asks those that take options for their help; measured is
nothing. Some benchmarks change what their process is like, so that no test loads them itself.
"""

import ast
import contextlib
import importlib
import io
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent / "perf"
OURS = ("qcbench", "tests", "deploy", "jobs")
COMMAND = '__name__ == "__main__"'


def faults(path: Path) -> Iterator[str]:
    """Yield what is wrong with a module."""
    name, text = f"tests.perf.{path.stem}", path.read_text(encoding="utf-8")
    with _restored_modules():
        try:
            module = importlib.import_module(name)
        except Exception as error:
            yield f"{name}: cannot be imported ({error!r})"
            return
    for part in ast.walk(ast.parse(text)):
        if isinstance(part, ast.ImportFrom) and (part.module or "").split(".")[0] in OURS:
            yield from _absent(name, str(part.module), [each.name for each in part.names])
    if COMMAND in text:
        if not callable(getattr(module, "main", None)):
            yield f"{name}: has no main"
        elif "ArgumentParser(" in text:
            yield from _without_help(name, path)


@contextlib.contextmanager
def _restored_modules() -> Iterator[None]:
    """Take back what one of them does, which forbids modules to show that it needs none."""
    before = dict(sys.modules)
    try:
        yield
    finally:
        for name in [name for name, found in sys.modules.items() if found is None]:
            del sys.modules[name]
        sys.modules.update(before)


def _absent(name: str, module: str, parts: list[str]) -> Iterator[str]:
    """Yield what a module imports that is not there."""
    try:
        found = importlib.import_module(module)
    except Exception as error:
        yield f"{name}: {module} cannot be imported ({error!r})"
        return
    for part in parts:
        if not hasattr(found, part):
            try:
                importlib.import_module(f"{module}.{part}")
            except ImportError:
                yield f"{name}: {module} has no {part}"


def _without_help(name: str, path: Path) -> Iterator[str]:
    """Yield that a command that takes options does not say which."""
    sys.argv = [name, "--help"]
    try:
        with _restored_modules(), contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(str(path), run_name="__main__")
    except SystemExit as end:
        if not end.code:
            return
        yield f"{name}: --help ends with {end.code}"
    except Exception as error:
        yield f"{name}: --help fails ({error!r})"
    else:
        yield f"{name}: --help is not answered"


def main() -> None:
    """Print a line for each fault."""
    for path in sorted(FOLDER.glob("*.py")):
        for fault in faults(path):
            print(fault, flush=True)


if __name__ == "__main__":
    main()
