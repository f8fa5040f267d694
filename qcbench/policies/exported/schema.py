"""Dataclasses out of JSON, strictly: no unknown key, no missing one, no value of another type.

The lower floors know nothing of pydantic: an exported policy runs where it is not installed.
"""

import json
import math
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from qcbench.errors import InputError, nearest
from qcbench.files import parse_json

T = TypeVar("T")

TAG = "type"
"""Where a value may be of several dataclasses, this key says which one is meant."""


def parse(text: str | bytes, where: str) -> dict[str, Any]:
    """Return a JSON object; keys that are there twice, NaN and infinity are errors.

    Raises:
        InputError: it is not JSON, or no object.
    """
    data = parse_json(text, where, finite=True)
    if not isinstance(data, dict):
        raise InputError(f"{where}: must be a JSON object, not {_kind(data)}")
    return data


def build(cls: type[T], data: object, where: str) -> T:
    """Build a dataclass from JSON data.

    Args:
        cls: its fields are numbers, texts, lists, mappings, literals, or such dataclasses.
        data: a JSON object.
        where: file, or file and key, for messages.

    Raises:
        InputError: names the key and what would be right.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"{where}: must be a JSON object, not {_kind(data)}")
    hints = _hints(cast(Hashable, cls))
    needed = {
        f.name
        for f in fields(cast(Any, cls))
        if f.default is MISSING and f.default_factory is MISSING
    }
    for key in data:
        if key not in hints:
            raise InputError(f"{where}: no key {key!r} is known{nearest(str(key), hints)}")
    for key in sorted(needed):
        if key not in data:
            raise InputError(f"{where}: key {key!r} is missing")
    values = {key: _value(hints[key], given, f"{where}: {key}") for key, given in data.items()}
    return cls(**values)


@cache
def _hints(cls: Hashable) -> dict[str, Any]:
    known = get_type_hints(cast(Any, cls))
    return {f.name: known[f.name] for f in fields(cast(Any, cls))}


def _value(hint: Any, data: object, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return data
    if origin is Literal:
        if not any(type(data) is type(option) and data == option for option in arguments):
            known = " or ".join(repr(option) for option in arguments)
            raise InputError(f"{where} is {_shown(data)}; it must be {known}")
        return data
    if origin in (Union, UnionType):
        return _one_of(arguments, data, where)
    if origin is tuple:
        if not isinstance(data, list):
            raise InputError(f"{where} is {_shown(data)}; it must be a list")
        return tuple(_value(arguments[0], one, f"{where}[{i}]") for i, one in enumerate(data))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(data, Mapping):
            raise InputError(f"{where} is {_shown(data)}; it must be an object")
        return {key: _value(arguments[1], one, f"{where}.{key}") for key, one in data.items()}
    if is_dataclass(hint):
        return build(cast(type, hint), data, where)
    if hint is float and type(data) is int:
        data = float(data)
    if type(data) is not hint or (isinstance(data, float) and not math.isfinite(data)):
        raise InputError(f"{where} is {_shown(data)}; it must be {_NAMES.get(hint, hint)}")
    return data


def _one_of(options: tuple[Any, ...], data: object, where: str) -> Any:
    """Return the value as the one of several types that it is meant to be."""
    if data is None and NoneType in options:
        return None
    classes: dict[str, Any] = {
        tag: option for option in options if is_dataclass(option) for tag in _tags(option)
    }
    if isinstance(data, Mapping) and classes:
        only = next(iter(classes.values()))
        if len(classes) == 1 and TAG not in _hints(only):
            return build(only, data, where)
        tag = data.get(TAG)
        if not isinstance(tag, str) or tag not in classes:
            known = " or ".join(repr(name) for name in classes)
            raise InputError(f"{where}: {TAG} is {_shown(tag)}; it must be {known}")
        return build(classes[tag], data, where)
    plain = [o for o in options if o is not NoneType and not is_dataclass(o)]
    for option in plain:
        if type(data) is option or (get_origin(option) is Literal and data in get_args(option)):
            return _value(option, data, where)
    if float in plain and type(data) is int:
        return float(data)
    wanted = [_name(option) for option in options]
    raise InputError(f"{where} is {_shown(data)}; it must be {' or '.join(wanted)}")


def _tags(cls: Any) -> tuple[str, ...]:
    hint = _hints(cls).get(TAG)
    return get_args(hint) if get_origin(hint) is Literal else (cls.__name__,)


def _name(option: Any) -> str:
    if is_dataclass(option):
        return "an object"
    if get_origin(option) is Literal:
        return " or ".join(repr(value) for value in get_args(option))
    return str(_NAMES.get(option, getattr(option, "__name__", option)))


_NAMES: Mapping[Any, str] = {
    int: "a whole number",
    float: "a finite number",
    str: "text",
    bool: "true or false",
    NoneType: "null",
}


def _kind(data: object) -> str:
    return {dict: "an object", list: "a list", str: "text", NoneType: "null"}.get(
        type(data), "a number"
    )


def _shown(data: object) -> str:
    text = json.dumps(data, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}..."
