"""The Python API: the verbs of the command line as functions."""

from qcbench.caches import ensure_home
from qcbench.extras import door

ensure_home()
with door():
    from qcbench.api.environments import environment, vector_environment
    from qcbench.api.hardware import gap, replay
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
        resume,
        run_suite,
        start_run,
    )
    from qcbench.api.training import train

__all__ = [
    "Published",
    "ResumeConfig",
    "Run",
    "RunConfig",
    "SimulateConfig",
    "UnfinishedError",
    "compose_resume",
    "compose_run",
    "compose_simulate",
    "drive",
    "environment",
    "finish",
    "gap",
    "get_ready",
    "open_run",
    "replay",
    "resume",
    "run_suite",
    "simulate",
    "start_run",
    "train",
    "trial_of",
    "vector_environment",
]
