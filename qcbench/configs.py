"""The decorator of every class that describes a YAML group, and the ranges that its types state.

A range is part of a type, ``Annotated[int, Ge(1)]``, by the marks of `annotated_types`; the usual
ones have names here. It is checked in one way, and said in the same words, when YAML is read
(`qcbench.bench.typed`) and when Python makes a config.
"""

import sys
from collections.abc import Hashable, Iterable, Mapping, Sized
from dataclasses import dataclass, fields
from functools import cache
from operator import index
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import Ge, Gt, Interval, Le, Lt, MaxLen, MinLen, MultipleOf

from qcbench.errors import InputError, shown

T = TypeVar("T")

Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Interval(ge=0, le=1)]
Count = Annotated[int, Ge(1)]
Amount = Annotated[int, Ge(0)]
Seed = Annotated[int, Ge(0), Lt(2**63)]
"""The result table keeps it in a column of 64 bits."""

MARKS = (Ge, Gt, Interval, Le, Lt, MaxLen, MinLen, MultipleOf)
"""What states a range; whatever else a type is annotated with says nothing here."""

LONGEST_VALUE = 100
"""Characters of a value in a message."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def config(cls: type[T]) -> type[T]:
    """Make a frozen, keyword-only dataclass: unknown keys and values out of range are errors.

    The attribute is what pydantic reads when `qcbench.bench.compose` turns YAML into these
    classes; nothing here imports pydantic, so the lower floors stay light. What compares several
    keys is code in `__post_init__`, which comes after the ranges. A class variable `WHERE` is what
    keys begin with in messages, such as `reward`, where Python makes the config.
    """
    settings: dict[str, Any] = {"extra": "forbid", "allow_inf_nan": False}
    cls.__pydantic_config__ = settings  # type: ignore[attr-defined]
    compare_keys = cls.__dict__.get("__post_init__")
    if compare_keys is not None or not hasattr(cls, "__post_init__"):

        def check(self: Any, *given: Any) -> None:  # what is only there to begin with
            check_ranges(self, getattr(self, "WHERE", ""))
            if compare_keys is not None:
                compare_keys(self, *given)

        cls.__post_init__ = check  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True)(cls)


def check_ranges(settings: object, where: str = "") -> None:
    """Check that every value of a config is in the range that its type states.

    Args:
        where: what the keys begin with in messages; empty where they do not.

    Raises:
        InputError: one is not.
    """
    for name, hint in _ranges(cast(Hashable, type(settings))):
        check_range(f"{where}.{name}".removeprefix("."), hint, getattr(settings, name))


def check_range(key: str, hint: Any, value: object) -> None:
    """Check one value by its type; see `check_ranges`."""
    wrong = misfit(key, hint, value)
    if wrong:
        raise InputError(wrong)


def integral(value: object) -> object:
    """Return a whole number of any type, such as NumPy's, as an `int`; all else as it is.

    `True` and 1.0 count as 1 in Python; who is given one for a whole number was meant otherwise.
    """
    if type(value) is int or isinstance(value, bool):
        return value
    try:
        return index(value)  # type: ignore[arg-type]  # that is what is tried
    except TypeError:
        return value


def seed_of(key: str, value: object) -> int:
    """Return a seed or a replicate that Python gives; equal numbers of any type are one world.

    Raises:
        InputError: it is no whole number, or out of range.
    """
    found = integral(value)
    check_range(key, Seed, found)
    return cast(int, found)


def misfit(key: str, hint: Any, value: Any) -> str:
    """Return key, value and what would be right in one line; an empty one where the value fits.

    Of types that state no range everything fits.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        wanted = _wanted(parts[0], [mark for mark in parts[1:] if isinstance(mark, MARKS)], value)
        return f"{key}: {wanted}" if wanted else misfit(key, parts[0], value)
    if origin is Literal:
        if any(type(value) is type(part) and value == part for part in parts):
            return ""
        return f"{key}: {_short(value)}; must be one of {', '.join(map(str, parts))}"
    if origin in (Union, UnionType):
        if value is None and NoneType in parts:
            return ""
        wrong = [misfit(key, part, value) for part in parts if part is not NoneType]
        return wrong[0] if all(wrong) else ""
    inside: Iterable[tuple[object, Any]] = ()
    if origin is dict and isinstance(value, Mapping):
        inside = value.items()
    elif origin in (list, tuple) and isinstance(value, list | tuple):
        inside = enumerate(value)
    found = (misfit(f"{key}[{place}]", parts[origin is dict], part) for place, part in inside)
    return next(filter(None, found), "")


@cache
def _ranges(cls: Any) -> tuple[tuple[str, Any], ...]:
    """Return name and type of the fields whose types state a range."""
    hints = get_type_hints(cls, include_extras=True)
    names = [field.name for field in fields(cls)]
    return tuple((name, hints[name]) for name in names if _states_range(hints[name]))


def _states_range(hint: Any) -> bool:
    return get_origin(hint) in (Annotated, Literal) or any(map(_states_range, get_args(hint)))


def _wanted(base: Any, marks: Iterable[Any], value: Any) -> str:
    """Return a value and what would be right, or nothing where it fits."""
    if base not in (int, float):  # a collection
        words = (_length_words(mark, value) for mark in marks if isinstance(value, Sized))
        return next(filter(None, words), "")
    number = isinstance(value, int if base is int else int | float) and not isinstance(value, bool)
    if not number:
        right = "must be a whole number" if base is int else "must be a number"
    elif base is float and not abs(value) <= sys.float_info.max:
        right = "must be a finite number"
    else:
        right = next((_words(mark) for mark in marks if not _holds(mark, value)), "")
    return f"{_short(value)}; {right}" if right else ""


def _short(value: object) -> str:
    text = shown(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _length_words(mark: Any, value: Sized) -> str:
    match mark:
        case MinLen(least) if len(value) < least:
            return "is empty; name at least one"
        case MaxLen(most) if len(value) > most:
            return f"has {len(value)} entries; must have at most {most}"
    return ""


def _holds(mark: Any, value: Any) -> bool:
    match mark:
        case Gt(bound):
            return bool(value > bound)
        case Ge(bound):
            return bool(value >= bound)
        case Lt(bound):
            return bool(value < bound)
        case Le(bound):
            return bool(value <= bound)
        case Interval():
            return all(_holds(end, value) for end in mark)
        case MultipleOf(step):
            return bool(value % step == 0)
    raise AssertionError(mark)


def _words(mark: Any) -> str:
    match mark:
        case Gt(0):
            return "must be positive"
        case Ge(0):
            return "must not be negative"
        case Interval(gt=None, ge=least, lt=None, le=most):
            return f"must be in {_number(least)}..{_number(most)}"
        case Interval():
            return f"must be {' and '.join(map(_end, mark))}"
        case MultipleOf(step):
            return f"must be a multiple of {_number(step)}"
    return f"must be {_end(mark)}"


def _end(mark: Any) -> str:
    match mark:
        case Gt(bound):
            return f"above {_number(bound)}"
        case Ge(bound):
            return f"at least {_number(bound)}"
        case Lt(bound):
            return f"below {_number(bound)}"
        case Le(bound):
            return f"at most {_number(bound)}"
    raise AssertionError(mark)


def _number(bound: Any) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)
