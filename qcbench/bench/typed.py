"""From plain data to the typed configs and back, with one clear line for what does not fit."""

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import InitVar, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from qcbench.bench.overrides import TAGS
from qcbench.configs import misfit
from qcbench.errors import InputError, nearest

T = TypeVar("T")

GREATEST = 1e18
"""Of any number in a config; nothing that is meant seriously comes near it."""

PLAIN = frozenset({"bool", "int", "float", "str", "constrained-int", "constrained-float"})
"""Types that pydantic puts into the path of a value that may be of several."""

WORDS = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "string_type": "must be a text",
    "tuple_type": "must be a list",
}
"""What would be right, by what pydantic calls the error; a number's range is said before."""

_UNKNOWN_KEY = "unexpected_keyword_argument"


@cache
def _adapter(cls: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, cls))


def typed(cls: type[T], data: Mapping[str, Any], where: str) -> T:
    """Build a config class from plain data.

    Args:
        where: what the data are called in messages, such as `suite`.

    Raises:
        InputError: an unknown or missing key, or a value of another type or range.
    """
    try:
        _check_numbers(data, where)
        value: T = _adapter(cast(Hashable, cls)).validate_python(dict(data))
        _check_truths(data, value, where)
    except ValidationError as error:
        raise InputError(_with_fleet(_explain(cls, error.errors(), where), data, where)) from None
    except InputError as error:
        raise InputError(_with_fleet(str(error), data, where)) from None
    return value


def _with_fleet(message: str, data: Mapping[str, Any], where: str) -> str:
    """Return a message with the name of the fleet that it is about.

    Most fleets are in files of their own, which nobody has named: a scenario has.
    """
    path = "scenario.fleet"
    part: Any = data if where == "scenario" else data.get("scenario")
    fleet = part.get("fleet") if isinstance(part, Mapping) else None
    name = fleet.get("name") if isinstance(fleet, Mapping) else None
    about = isinstance(name, str) and message.startswith(f"{path}.")
    return f"fleet {name}: {message}" if about else message


def plain(value: object) -> dict[str, Any]:
    """Return a config as JSON data; `typed` gives the same config back."""
    data: dict[str, Any] = _adapter(cast(Hashable, type(value))).dump_python(value, mode="json")
    return data


def _check_numbers(data: object, path: str) -> None:
    """Refuse numbers that are none, and those that only a slip can have made so large."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            _check_numbers(value, f"{path}.{key}".removeprefix("."))
    elif isinstance(data, list | tuple):
        for place, value in enumerate(data):
            _check_numbers(value, f"{path}[{place}]")
    elif isinstance(data, float) and not math.isfinite(data):
        raise InputError(f"{path}: {data!r}; must be a finite number")
    elif isinstance(data, int | float) and abs(data) > GREATEST:
        raise InputError(f"{path}: {data!r}; is too large, the limit is {GREATEST:g}")


def _check_truths(data: object, value: object, path: str) -> None:
    """Refuse `true` for a number, which pydantic takes for 1."""
    if isinstance(data, bool):
        if isinstance(value, int | float) and not isinstance(value, bool):
            raise InputError(f"{path}: {data}; must be a number")
    elif isinstance(data, Mapping):
        for key, inside in data.items():
            found = value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)
            _check_truths(inside, found, f"{path}.{key}".removeprefix("."))
    elif isinstance(data, list) and isinstance(value, list | tuple) and len(data) == len(value):
        for place, (inside, found) in enumerate(zip(data, value, strict=True)):
            _check_truths(inside, found, f"{path}[{place}]")


def _explain(cls: type, errors: list[ErrorDetails], where: str) -> str:
    """Choose the error that the user meant, and say it in one line.

    Where several classes share a key (circuits by `source`), pydantic reports why each of them
    does not fit. The one whose tag is right is the one that was meant.
    """
    other = {e["loc"][:-1] for e in errors if _is_other_tag(e)}
    meant = [e for e in errors if not any(e["loc"][: len(o)] == o for o in other)]
    if meant:
        # A misspelt key is also why the right one is missing.
        misspelt = [e for e in meant if e["type"] == _UNKNOWN_KEY]
        first = misspelt[0] if misspelt and meant[0]["type"] == "missing" else meant[0]
        return _one_line(cls, first, where) + _or_words(first, meant, where)
    first = next(e for e in errors if _is_other_tag(e))
    tags = sorted({str(e["ctx"]["expected"]) for e in errors if _is_other_tag(e)})
    return f"{_path(where, first['loc'])}: {first['input']!r}; it must be one of {', '.join(tags)}"


def _or_words(error: ErrorDetails, errors: Iterable[ErrorDetails], where: str) -> str:
    """Return which words could stand in the place of a number, where some could."""
    path = _path(where, error["loc"])
    words = [
        str(e["ctx"]["expected"])
        for e in errors
        if e is not error and e["type"] == "literal_error" and _path(where, e["loc"]) == path
    ]
    return f", or {' or '.join(words)}" if words else ""


def _is_other_tag(error: ErrorDetails) -> bool:
    """Whether a member of a union was not meant, since its tag is another one."""
    loc = error["loc"]
    return error["type"] == "literal_error" and loc[-1] in TAGS and _in_union(loc)


def _in_union(loc: tuple[int | str, ...]) -> bool:
    return len(loc) > 1 and _is_class(loc[-2])


def _is_class(part: int | str) -> bool:
    return isinstance(part, str) and part[:1].isupper() and part.isidentifier()


def _path(where: str, loc: Iterable[int | str]) -> str:
    path = where
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not _is_class(part) and "[" not in part and part not in PLAIN:
            path += f".{part}"
    return path.removeprefix(".")


def _one_line(cls: type, error: ErrorDetails, where: str) -> str:
    loc, kind = error["loc"], error["type"]
    path = _path(where, loc)
    if kind == _UNKNOWN_KEY:
        return f"{path}: no such key{nearest(str(loc[-1]), _keys(cls, loc[:-1]))}"
    if kind == "missing":
        return f"{path}: is missing"
    if kind == "value_error" and isinstance(cause := error.get("ctx", {}).get("error"), InputError):
        entry = any(isinstance(part, int) for part in loc) and not str(cause).startswith(path)
        return f"{path}: {cause}" if entry else str(cause)
    if kind in {"dataclass_type", "dict_type"}:
        return f"{path}: {error['input']!r}; must be a mapping of keys to values"
    if kind == "invalid_key":
        return f"{path}: keys are texts"
    wrong = (misfit(path, hint, _taken(hint, error["input"])) for hint in _hints(cls, loc))
    if out_of_range := next(filter(None, wrong), ""):
        return out_of_range
    message = WORDS.get(kind) or error["msg"][0].lower() + error["msg"][1:]
    return f"{path}: {error['input']!r}; {message}"


def _keys(cls: type, loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are known at a place within a config class."""
    return [f.name for hint in _hints(cls, loc) if is_dataclass(hint) for f in fields(hint)]


def _hints(cls: type, loc: tuple[int | str, ...]) -> list[Any]:
    """Return the types that the value at a place within a config class may have."""
    here: list[Any] = [cls]
    for part in loc:
        inside: list[Any] = []
        for hint in here:
            if is_dataclass(hint):
                inside += _members(get_type_hints(hint, include_extras=True).get(str(part)))
            elif parts := get_args(_bare(hint)):
                inside += _members(parts[0] if isinstance(part, int) else parts[-1])
        if _is_class(part):
            inside = [hint for hint in here if getattr(hint, "__name__", "") == part]
        here = inside or here
    return here


def _taken(hint: Any, value: object) -> object:
    """Return 1e6 as the whole number that it is taken for where one is wanted."""
    whole = _bare(hint) is int and isinstance(value, float) and value.is_integer()
    return int(cast(float, value)) if whole else value


def _bare(hint: Any) -> Any:
    """Return a type without the range that it states."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _members(hint: Any) -> list[Any]:
    """Return the members of a union, or the type itself."""
    if isinstance(hint, InitVar):
        hint = hint.type
    if hint is None:
        return []
    members = [part for part in get_args(hint) if part is not type(None)]
    return members if get_origin(hint) in (Union, UnionType) else [hint]
