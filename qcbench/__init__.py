"""qcbench: distributed benchmarking of scheduling policies for quantum clouds.

``qcbench.simulate(...)`` runs one trial and returns its records; ``qcbench.run_suite(...)`` runs a
benchmark suite on Ray and returns its results; ``qcbench.environment(...)`` is a scenario as a
Gymnasium environment; ``train``, ``replay`` and ``gap`` do what the verbs of these names do. They
take the names and overrides of the command line. Importing the package
imports nothing else; the heavy libraries come when they are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qcbench.version import __version__

if TYPE_CHECKING:
    from qcbench.api import (
        Run,
        environment,
        gap,
        open_run,
        replay,
        run_suite,
        simulate,
        train,
        vector_environment,
    )

__all__ = [
    "Run",
    "__version__",
    "environment",
    "gap",
    "open_run",
    "replay",
    "run_suite",
    "simulate",
    "train",
    "vector_environment",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("qcbench.api"), name)
    raise AttributeError(f"module 'qcbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
