"""The decorator of every class that describes a YAML group."""

from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

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
