"""Whose code is being loaded, and what must not be called meanwhile.

The text of a policy is run wherever the policy is: here, when its parameters are checked, and in
every worker. What stands in that text at top level is run there each time; a call that runs a suite
would run it within itself, without end.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import ParamSpec, TypeVar

from qcbench.errors import CODE_ERRORS, InputError, reason_of

P = ParamSpec("P")
T = TypeVar("T")

_LOADED: ContextVar[str] = ContextVar("qcbench_loaded", default="")
"""The file or module that is being loaded in this thread; empty where none is."""


class CalledWhileLoadedError(InputError):
    """Somebody's file starts work as soon as it is loaded."""


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Know, while somebody's code is loaded, that it is.

    Args:
        what: file or module, as messages name it.
    """
    token = _LOADED.set(what)
    try:
        yield
    finally:
        _LOADED.reset(token)


def path_with_here() -> list[str]:
    """Return where Python looks for modules, with the working folder, as for a script there."""
    here = str(Path.cwd())
    return sys.path if here in sys.path else [here, *sys.path]


def module_named(name: str) -> ModuleType:
    """Import a module of somebody's; it is looked for in the working folder too.

    Raises:
        InputError: it cannot be loaded.
    """
    sys.path[:] = path_with_here()
    try:
        with loading(name):
            return importlib.import_module(name)
    except CalledWhileLoadedError:
        raise
    except CODE_ERRORS as error:
        raise InputError(f"{name}: cannot be loaded ({reason_of(error)})") from error


def check_not_loading(call: str) -> None:
    """Check that a call does not come from code that is only being loaded.

    Args:
        call: that would start work, as its user writes it.

    Raises:
        CalledWhileLoadedError: it does.
    """
    what = _LOADED.get()
    if what:
        raise CalledWhileLoadedError(
            f"{what}: calls {call} at top level, but is loaded wherever its policy runs; put that"
            ' call under `if __name__ == "__main__":`'
        )


def starts_work(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function of the API be refused to code that is only being loaded.

    Raises:
        CalledWhileLoadedError: see `check_not_loading`; nothing has been started then.
    """

    @wraps(function)
    def checked(*arguments: P.args, **named: P.kwargs) -> T:
        check_not_loading(f"qcbench.{function.__name__}")
        return function(*arguments, **named)

    return checked
