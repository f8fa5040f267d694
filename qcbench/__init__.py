"""qcbench: distributed benchmarking of scheduling policies for quantum clouds.

``qcbench.simulate(...)`` runs one trial and returns its records; ``qcbench.run_suite(...)`` runs a
benchmark suite on Ray and returns its results; ``qcbench.environment(...)`` is a scenario as a
Gymnasium environment; ``qcbench.runs()`` lists what is stored, ``qcbench.open_run(...)`` opens a
run, which writes its ``report()``. The other functions do what the verbs of their names do, and
take the names and overrides of the command line. Importing the package imports nothing else; the
heavy libraries come when they are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qcbench.version import __version__

if TYPE_CHECKING:
    from qcbench.api import (
        Leaderboard,
        Run,
        check_plugin,
        check_policy,
        compare,
        environment,
        gap,
        leaderboard,
        open_run,
        promote,
        publish,
        replay,
        rerun,
        resume,
        run_suite,
        runs,
        simulate,
        sweep,
        train,
        vector_environment,
        verify,
    )

__all__ = [
    "Leaderboard",
    "Run",
    "__version__",
    "check_plugin",
    "check_policy",
    "compare",
    "environment",
    "gap",
    "leaderboard",
    "open_run",
    "promote",
    "publish",
    "replay",
    "rerun",
    "resume",
    "run_suite",
    "runs",
    "simulate",
    "sweep",
    "train",
    "vector_environment",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("qcbench.api"), name)
    raise AttributeError(f"module 'qcbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
