"""A policy in a file of the user's own: `mine.py` with a function `policy`, or `mine.py:function`.

What is known of it in a suite, a trial and a manifest is the text of the file, not where it lies:
it travels with the trial to any worker, identifies it, and can be run again from the run alone. So
it is one file, which may import what is installed where it runs.
"""

import importlib.abc
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache, wraps
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from qcbench.errors import CODE_ERRORS, InputError, nearest, reason_of
from qcbench.files import at_home, read_bytes
from qcbench.loading import CalledWhileLoadedError, loading
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Decide

FACTORY = "policy"
"""What a factory is called in a file where no other name is given."""

SOURCE = "source"
"""The parameter of such a policy that has the text of its file."""

LONGEST = 256 << 10
"""Of a text, in bytes: it is a part of the config of a trial."""

Factory = Callable[..., Decide]


def is_source(name: str) -> bool:
    """Whether a policy's name is that of a file: `file.py` or `file.py:function`."""
    # The first test is for speed: a trial asks twice, and most names are of registered policies.
    return ".py" in name and bool(re.fullmatch(r".+\.py(:[^\W\d]\w*)?", name, re.DOTALL))


def file_of(name: str) -> tuple[Path, str]:
    """Return the file and the function that a name means."""
    where, colon, function = name.rpartition(":")
    if not colon or function.endswith(".py"):
        where, function = name, FACTORY
    return at_home(where), function


def files_of(entries: object) -> list[Path]:
    """Return the files that a list of policies names, each by its name or a mapping with `name`."""
    listed = entries if isinstance(entries, list) else []
    names = [entry.get("name") if isinstance(entry, dict) else entry for entry in listed]
    return [file_of(name)[0] for name in names if isinstance(name, str) and is_source(name)]


def label_of(name: str) -> str:
    """Return a name for results: that of the function where one is given, else of the file."""
    path, function = file_of(name)
    return path.stem if function == FACTORY else function


def with_text(name: str, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name of a policy without its folder, and its parameters with the file's text.

    Raises:
        InputError: no file, or none that can be the text of a policy.
    """
    path, function = file_of(name)
    short = path.name if function == FACTORY else f"{path.name}:{function}"
    if SOURCE in parameters:
        return short, dict(parameters)
    if not path.exists():
        raise InputError(f"policy {name}: {path}: no such file")
    data = read_bytes(path)
    if len(data) > LONGEST:
        raise InputError(
            f"policy {name}: {path}: has {len(data):,} bytes; at most {LONGEST:,} go into a trial"
        )
    try:
        return short, {**parameters, SOURCE: data.decode("utf-8-sig")}
    except UnicodeDecodeError:
        raise InputError(f"policy {name}: {path}: is not text in UTF-8") from None


def own_parameters(config: PolicyConfig) -> dict[str, bool | int | float | str]:
    """Return the parameters of a policy that are not the text of its file."""
    if not is_source(config.name):
        return dict(config.parameters)
    return {key: value for key, value in config.parameters.items() if key != SOURCE}


def brief(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as they are shown: of a text its length and its hash."""
    found = dict(parameters)
    text = found.get(SOURCE)
    if isinstance(text, str):
        digest = sha256(text.encode()).hexdigest()[:12]
        found[SOURCE] = f"{len(text.splitlines())} lines, sha256 {digest}"
    return found


def of_function(factory: Factory) -> tuple[str, dict[str, Any]]:
    """Return name and parameters of the policy that a Python function builds.

    It is taken with the file that it stands in; in a notebook by itself, so that it imports what it
    needs in its body.

    Raises:
        InputError: no function that has a source, such as one made by another function.
    """
    name = getattr(factory, "__qualname__", "")
    if not inspect.isfunction(factory) or not name.isidentifier():
        raise InputError(
            f"policies: {factory!r}: give a function that stands by itself in a file or a cell, or "
            "the name of its file as file.py:function"
        )
    try:
        path = Path(inspect.getsourcefile(factory) or "")
        alone = inspect.getsource(factory)
    except (OSError, TypeError):
        raise InputError(f"policies: {name}: its source is not known; write it to a file") from None
    if path.suffix == ".py" and path.is_file():
        return with_text(f"{path}:{name}", {})
    return f"cell.py:{name}", {SOURCE: alone}


def load(name: str, text: str) -> tuple[Factory, object]:
    """Run the text of a policy, once in a process; return its factory and what documents it.

    Raises:
        InputError: it cannot be run, or has no such function.
    """
    path, function = file_of(name)
    return factory_in(_module(path.name, text), path.name, function)


def factory_in(module: ModuleType, where: str, function: str) -> tuple[Factory, object]:
    """Return a factory of a module, and what documents it: a module may be there for it alone.

    Raises:
        InputError: it has no such function.
    """
    factory: Any = getattr(module, function, None)
    if not callable(factory):
        own = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise InputError(f"{where}: has no function {function}{nearest(function, own)}")
    return factory, module if function == FACTORY and not factory.__doc__ else factory


def without_text(factory: Factory) -> Factory:
    """Return a factory that takes the text of its file too."""

    @wraps(factory)
    def build(context: Any, *, source: str, **parameters: Any) -> Decide:
        del source
        return factory(context, **parameters)

    return build


class _Text(importlib.abc.InspectLoader):
    """Loads a module from a text."""

    def __init__(self, path: str, text: str) -> None:
        self._path, self._text = path, text

    def get_source(self, fullname: str) -> str:
        del fullname
        return self._text

    def get_code(self, fullname: str) -> Any:
        del fullname
        return self.source_to_code(self._text, self._path)


@cache
def _module(file: str, text: str) -> ModuleType:
    stem = re.sub(r"\W", "_", Path(file).stem)
    name = f"qcbench_own_{stem}_{sha256(text.encode()).hexdigest()[:12]}"
    loader = _Text(file, text)
    spec = importlib.util.spec_from_loader(name, loader)
    if spec is None:
        raise InputError(f"{file}: cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # what a dataclass in it looks itself up in
    try:
        with loading(file):
            loader.exec_module(module)
    except CODE_ERRORS as error:
        del sys.modules[name]
        if isinstance(error, CalledWhileLoadedError):
            raise
        raise InputError(f"{file}: cannot be loaded ({reason_of(error)})") from error
    return module
