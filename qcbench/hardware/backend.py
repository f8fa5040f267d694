"""The key `backend` of a replay: the config of whichever provider its `kind` names."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from qcbench.bench.typed import plain, typed
from qcbench.errors import InputError
from qcbench.hardware.providers.registry import find, names


def backend_config(value: object) -> Any:
    """Return the config of a backend from plain data, or as it is.

    Raises:
        InputError: a provider, a key or a value that does not exist or does not fit.
    """
    if not isinstance(value, Mapping):
        find(str(getattr(value, "kind", value)))
        return value
    if "kind" not in value:
        raise InputError(f"backend.kind: is missing; one of {', '.join(names())}")
    return typed(find(str(value["kind"])).config, value, "backend")


BackendConfig = Annotated[Any, PlainValidator(backend_config), PlainSerializer(plain)]
