"""The Python API: the verbs of the command line as functions.

A function's module is imported when its name is asked for: to show a leaderboard takes a third of a
second less where nothing comes along that only runs suites.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qcbench.caches import ensure_home
from qcbench.extras import door, require

if TYPE_CHECKING:
    from qcbench.api.comparing import compare
    from qcbench.api.contract import check_plugin, check_policy
    from qcbench.api.environments import environment, vector_environment
    from qcbench.api.hardware import gap, replay
    from qcbench.api.leaderboards import Leaderboard, leaderboard
    from qcbench.api.listing import RunList, runs
    from qcbench.api.promoting import promote
    from qcbench.api.publishing import check_published, publish
    from qcbench.api.simulation import SimulateConfig, compose_simulate, simulate, trial_of
    from qcbench.api.stored import Run, open_run
    from qcbench.api.suites import (
        Published,
        ResumeConfig,
        RunConfig,
        UnfinishedError,
        compose_resume,
        compose_run,
        drive,
        finish,
        get_ready,
        rerun,
        resume,
        run_suite,
        start_again,
        start_run,
    )
    from qcbench.api.training import sweep, train
    from qcbench.api.verifying import verify

ensure_home()

__all__ = [
    "Leaderboard",
    "Published",
    "ResumeConfig",
    "Run",
    "RunConfig",
    "RunList",
    "SimulateConfig",
    "UnfinishedError",
    "check_plugin",
    "check_policy",
    "check_published",
    "compare",
    "compose_resume",
    "compose_run",
    "compose_simulate",
    "drive",
    "environment",
    "finish",
    "gap",
    "get_ready",
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
    "start_again",
    "start_run",
    "sweep",
    "train",
    "trial_of",
    "vector_environment",
    "verify",
]

PLACES = {
    "Leaderboard": "leaderboards",
    "Published": "suites",
    "ResumeConfig": "suites",
    "Run": "stored",
    "RunConfig": "suites",
    "RunList": "listing",
    "SimulateConfig": "simulation",
    "UnfinishedError": "suites",
    "check_plugin": "contract",
    "check_policy": "contract",
    "check_published": "publishing",
    "compare": "comparing",
    "compose_resume": "suites",
    "compose_run": "suites",
    "compose_simulate": "simulation",
    "drive": "suites",
    "environment": "environments",
    "finish": "suites",
    "gap": "hardware",
    "get_ready": "suites",
    "leaderboard": "leaderboards",
    "open_run": "stored",
    "promote": "promoting",
    "publish": "publishing",
    "replay": "hardware",
    "rerun": "suites",
    "resume": "suites",
    "run_suite": "suites",
    "runs": "listing",
    "simulate": "simulation",
    "start_again": "suites",
    "start_run": "suites",
    "sweep": "training",
    "train": "training",
    "trial_of": "simulation",
    "vector_environment": "environments",
    "verify": "verifying",
}
"""In which module of this room a name is."""


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Whichever name it is, who lacks all that is optional learns so from the name.
    require("pydantic", room="api")
    with door():
        return getattr(import_module(f"{__name__}.{PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
