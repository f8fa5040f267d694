"""Finding providers by name: ours, and those of other packages by the entry points of a group."""

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from qcbench import plugins
from qcbench.errors import InputError, nearest
from qcbench.hardware.port import Label, Port
from qcbench.hardware.providers.record import Provider
from qcbench.workload.circuits.targets import INSTALL

OURS = {
    "emulator": "qcbench.hardware.providers.emulator",
    "ibm": "qcbench.hardware.providers.ibm",
    "local": "qcbench.hardware.providers.local",
    "braket-local": "qcbench.hardware.providers.braket_local",
}
"""The module of each, which has its record as `PROVIDER`."""


def names() -> list[str]:
    """Return the names of all providers."""
    return sorted({*OURS, *_others()})


def find(name: str) -> Provider:
    """Return a provider by name.

    Raises:
        InputError: unknown name, with the nearest ones, or an entry point that is none.
    """
    if name in OURS:
        return _ours(name)
    others = _others()
    if name not in others:
        raise InputError(f"backend.kind: {name!r}; no such provider{nearest(name, names())}")
    return _loaded(others[name])


def provider_of(config: Any) -> Provider:
    """Return the provider of a config."""
    return find(config.kind)


def conf_dirs() -> list[Path]:
    """Return the folders in which other packages keep the YAML of their backends.

    A provider that cannot be loaded has none; who asks for it is told why.
    """
    found = []
    for plugin in _others().values():
        try:
            conf = _loaded(plugin).conf
        except InputError:
            continue
        found += [] if conf is None else [conf]
    return found


def label_of(config: Any) -> Label:
    """Return the label of everything that comes from a backend."""
    return provider_of(config).label(config)


@contextmanager
def connected(
    config: Any,
    devices: list[str],
    log: Path | None = None,
    *,
    repetition: int = 1,
    restart: int = 0,
) -> Iterator[Port]:
    """Open a backend, and close it when the block ends.

    Args:
        devices: that are asked for, for an emulator that is started.
        log: where a service that is started writes.
        repetition: of a replay.
        restart: how often it was started before and something was submitted.

    Raises:
        InputError: libraries, a token, an instance or a service are missing.
    """
    with ExitStack() as stack:
        try:
            provider = provider_of(config)
            meant = provider.restarted(provider.repeated(config, repetition), restart)
            port = stack.enter_context(provider.open(meant, devices, log))
        except InputError:
            raise
        except ImportError as error:
            raise InputError(f"backend={config.kind}: needs {error.name}; {INSTALL}") from error
        yield port


@cache
def _ours(name: str) -> Provider:
    provider: Provider = importlib.import_module(OURS[name]).PROVIDER
    return provider


def _others() -> dict[str, plugins.Plugin]:
    """Return those of other packages; an entry point is named as in `backend=NAME`."""
    return plugins.plugins("providers")


def _loaded(plugin: plugins.Plugin) -> Provider:
    provider = plugin.load()
    if not isinstance(provider, Provider) or provider.name != plugin.name:
        raise InputError(
            f"backend={plugin.name}: {plugin.value} is no Provider of that name; see "
            "docs/hardware.md"
        )
    return provider
