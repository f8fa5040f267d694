"""The parameters of somebody's function: which there are, and whether what is given fits."""

import inspect
import math
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from qcbench.configs import check_range
from qcbench.errors import InputError, nearest, shown

LARGEST_WHOLE = 2**53
"""Up to which a float holds every whole number."""


def parameters_of(title: str, function: Callable[..., Any], first: int) -> dict[str, Any]:
    """Return the parameters of a function, an `inspect.Parameter` each, after the first ones.

    Args:
        title: whose function it is, such as `policy greedy`.
        function: whatever can be called.
        first: how many are given by whoever calls it, and not by a config.

    Raises:
        InputError: it has no signature.
    """
    try:
        signature = inspect.signature(function, eval_str=True)
    except Exception:  # annotations that only a type checker can resolve, or with code that fails
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError) as error:
            raise InputError(f"{title}: has no signature ({error})") from None
    return dict(list(signature.parameters.items())[first:])


def check_given(
    title: str, parameters: Mapping[str, inspect.Parameter], given: Mapping[str, object]
) -> None:
    """Check the names, types and ranges of what is given to a function.

    Raises:
        InputError: an unknown parameter, a missing one, or one that does not fit.
    """
    for key, value in given.items():
        if key not in parameters:
            raise InputError(
                f"{title}: no parameter {key}"
                + (nearest(key, parameters) if parameters else "; it has none")
            )
        check_type(title, key, value, parameters[key].annotation)
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in given:
            raise InputError(f"{title}: parameter {key} is missing")


def check_type(title: str, key: str, value: object, annotation: Any) -> None:
    """Check that a value is of the type, and in the range, that a parameter is annotated with.

    Raises:
        InputError: it is not, or it is not finite.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{title}: parameter {key} is {value!r}; it must be finite")
    if annotation is inspect.Parameter.empty or isinstance(annotation, str):
        return
    parts = _parts(annotation)
    options = [option for a in parts if get_origin(a) is Literal for option in get_args(a)]
    accepted = _types(parts)
    fits = type(value) in accepted or (float in accepted and type(value) is int)
    fits = fits or any(type(value) is type(option) and value == option for option in options)
    wanted = " or ".join([*(getattr(a, "__name__", str(a)) for a in accepted), *map(repr, options)])
    if not fits:
        raise InputError(f"{title}: parameter {key} is {shown(value)}; it must be {wanted}")
    check_range(f"{title}: parameter {key}", annotation, value)


def as_meant(value: Any, annotation: Any) -> Any:
    """Return a value as its parameter means it: a whole number of a float as that float.

    One that a float cannot hold, or that the parameter takes as it is, is returned as it is.
    """
    if type(value) is not int or abs(value) > LARGEST_WHOLE:
        return value
    parts = _parts(annotation)
    options = [option for a in parts if get_origin(a) is Literal for option in get_args(a)]
    as_it_is = int in _types(parts) or any(type(o) is int and o == value for o in options)
    return float(value) if float in _types(parts) and not as_it_is else value


def _parts(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if _is_union(annotation) else (annotation,)


def _types(parts: tuple[Any, ...]) -> list[Any]:
    types = [get_args(a)[0] if get_origin(a) is Annotated else a for a in parts]
    return [a for a in types if get_origin(a) is not Literal]


def _is_union(annotation: Any) -> bool:
    return isinstance(annotation, UnionType) or get_origin(annotation) is Union
