"""What Python calls the API with, checked by the types that its functions state.

A type checker refuses a text where a list is wanted; who types in a notebook has none. So whatever
a function is given is looked at before anything begins, and what is not meant is one line.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from os import PathLike, fspath
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

import numpy as np

from qcbench.configs import check_range, integral
from qcbench.errors import InputError, shown

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_VALUE = 100
"""Characters of a value in a message."""

ONE = (str, bytes, bytearray, PathLike, Mapping)
"""What Python could read as a list, letter by letter or key by key, and nobody means as one."""

UNFIT = object()


def checks_arguments(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function be given only what its types state, lists as lists and paths as paths.

    Types in quotes are not looked at.

    Raises:
        InputError: an argument of another type; names it and says what would be right.
    """
    form = signature(function)
    hints = {
        name: parameter.annotation
        for name, parameter in form.parameters.items()
        if parameter.annotation is not Parameter.empty and parameter.kind != Parameter.VAR_KEYWORD
    }
    several = {n for n, p in form.parameters.items() if p.kind == Parameter.VAR_POSITIONAL}

    @wraps(function)
    def checked(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            bound = form.bind(*arguments, **named)
        except TypeError:  # a name that there is not, or one too few: Python says it well
            return function(*arguments, **named)
        for name in bound.arguments.keys() & hints.keys():
            value = bound.arguments[name]
            if name in several:
                bound.arguments[name] = tuple(given(name, hints[name], each) for each in value)
            else:
                bound.arguments[name] = given(name, hints[name], value)
        return function(*bound.args, **bound.kwargs)

    return checked


def given(key: str, hint: Any, value: Any) -> Any:
    """Return a value as its type says: any integral number as an `int`, a path of texts as one.

    Args:
        key: its name, for messages.
        hint: its type, as the function states it.

    Raises:
        InputError: it is of another type, or out of the type's range.
    """
    members = _members(hint)
    for member in members:
        found = _taken(key, member, value)
        if found is not UNFIT:
            return found
    raise InputError(f"{key}: {_short(value)}; {_wanted(members, value)}")


def _members(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, UnionType):
        return tuple(inner for part in get_args(hint) for inner in _members(part))
    return (hint,)


def _taken(key: str, hint: Any, value: Any) -> Any:
    """Return a value as one type takes it, or `UNFIT`."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        found = _taken(key, parts[0], value)
        if found is not UNFIT:
            check_range(key, hint, found)
        return found
    if origin is Literal:
        return value if isinstance(value, str) and value in parts else UNFIT
    kind: Any = origin or hint
    if kind is Sequence:
        if isinstance(value, ONE) or not isinstance(value, Iterable):
            return UNFIT
        return [given(f"{key}[{place}]", parts[0], each) for place, each in enumerate(value)]
    if kind in (str, Path):
        text = fspath(value) if isinstance(value, PathLike) else value
        return kind(text) if isinstance(text, str) else UNFIT
    if kind is int:
        found = integral(value)
        return found if type(found) is int else UNFIT
    if kind is bool:
        return bool(value) if isinstance(value, bool | np.bool_) else UNFIT
    if kind is Mapping:
        return _plain(value) if isinstance(value, Mapping) else UNFIT
    unsaid = kind is Any or not isinstance(kind, type)
    return value if unsaid or isinstance(value, kind) else UNFIT


def _plain(value: Any) -> Any:
    """Return what a config may hold with NumPy's numbers as Python's, which configs are made of."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _plain(inside) for key, inside in value.items()}
    return [_plain(inside) for inside in value] if isinstance(value, list) else value


def _wanted(members: Sequence[Any], value: Any) -> str:
    """Return what would be right, in the words of who calls from Python."""
    listed = next((get_args(m)[0] for m in members if get_origin(m) is Sequence), None)
    if listed is not None:
        fits = any(_taken("", member, value) is not UNFIT for member in _members(listed))
        return f"give a list{f', such as [{_short(value)}]' if fits else ''}"
    words = list(dict.fromkeys(map(_word, members)))
    last = f" or {words.pop()}" if len(words) > 1 else ""
    return f"must be {', '.join(words)}{last}"


def _word(hint: Any) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _word(parts[0])
    if origin is Literal:
        return f"one of {', '.join(map(str, parts))}"
    kind: Any = origin or hint
    known = {
        str: "a text",
        int: "a whole number",
        bool: "True or False",
        Path: "a path",
        Mapping: "a mapping of names to values",
        Callable: "a function",
        NoneType: "None",
    }
    return known.get(kind) or f"a {getattr(kind, '__name__', kind)}"


def _short(value: object) -> str:
    text = shown(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
