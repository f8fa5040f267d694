"""The Python API: the verbs of the command line as functions."""

from qcbench.caches import ensure_home
from qcbench.extras import door

ensure_home()
with door():
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
