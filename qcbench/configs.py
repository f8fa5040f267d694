"""The decorator of every class that describes a YAML group, and checks of its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

from qcbench.errors import InputError

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def config(cls: type[T]) -> type[T]:
    """Make a frozen, keyword-only dataclass: unknown keys, nan and infinity are errors.

    The attribute is what pydantic reads when `qcbench.bench.compose` turns YAML into these
    classes; nothing here imports pydantic, so the lower floors stay light.
    """
    settings: dict[str, Any] = {"extra": "forbid", "allow_inf_nan": False}
    cls.__pydantic_config__ = settings  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True)(cls)


def check_least(settings: object, where: str, least: int, names: Sequence[str]) -> None:
    """Check that numbers are not too small.

    Args:
        where: what their keys begin with in messages, such as `agent`; empty where they do not.

    Raises:
        InputError: one is.
    """
    for name in names:
        if not getattr(settings, name) >= least:
            raise InputError(f"{_said(settings, where, name)}; must be at least {least}")


def check_positive(settings: object, where: str, names: Sequence[str]) -> None:
    """Check that numbers are positive; see `check_least`."""
    for name in names:
        if not getattr(settings, name) > 0:
            raise InputError(f"{_said(settings, where, name)}; must be positive")


def check_share(settings: object, where: str, names: Sequence[str]) -> None:
    """Check that numbers are in 0..1; see `check_least`."""
    for name in names:
        if not 0 <= getattr(settings, name) <= 1:
            raise InputError(f"{_said(settings, where, name)}; must be in 0..1")


def _said(settings: object, where: str, name: str) -> str:
    key = f"{where}.{name}" if where else name
    return f"{key}: {getattr(settings, name)}"
