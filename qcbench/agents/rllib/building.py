"""What the algorithms of RLlib have in common: environments, processes, seeds."""

import atexit
import logging
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import gymnasium
import ray
from ray.tune.registry import register_env

from qcbench.agents.rllib.callbacks import guarded
from qcbench.agents.rllib.environments import environment_maker
from qcbench.agents.rllib.runners import EnvRunner
from qcbench.agents.rllib.settings import Common
from qcbench.bench.cluster import connect
from qcbench.bench.config import ClusterConfig
from qcbench.bench.worlds import ScenarioWorlds

RLLIBS_ID = "rllib-single-agent-env-v0"
"""Under which RLlib registers the environments of any algorithm."""


def common(config: Any, settings: Common, worlds: ScenarioWorlds, seed: int) -> Any:
    """Return a config of RLlib's new API stack that samples and learns here, or in actors.

    There are as many environments and decisions of an update, however many share them.

    Raises:
        InputError: a callback that cannot be used.
    """
    callbacks = guarded(settings.callback_names)
    if not ray.is_initialized():
        _start(1 + settings.env_runners + settings.learners)
    name = f"qcbench-{uuid4().hex}"
    register_env(name, environment_maker(settings, worlds))
    return (
        config.environment(name, disable_env_checking=True, normalize_actions=False)
        .env_runners(
            env_runner_cls=EnvRunner,
            num_env_runners=settings.env_runners,
            num_envs_per_env_runner=settings.environments // max(1, settings.env_runners),
            gym_env_vectorize_mode="vector_entry_point",
        )
        .learners(num_learners=settings.learners)
        .callbacks(callbacks)
        # One that dies is started again where there is room, and the others go on meanwhile.
        .fault_tolerance(restart_failed_env_runners=True, delay_between_env_runner_restarts_s=0.0)
        .training(
            lr=settings.learning_rate,
            gamma=settings.discount,
            grad_clip=settings.gradient_norm,
            grad_clip_by="global_norm",
        )
        .debugging(seed=seed % 2**31, log_level="ERROR")
    )


def built(config: Any) -> Any:
    """Build the algorithm, in a private Ray where none is there."""
    # What it says of actors that have died is no error: it starts others.
    log = logging.getLogger("ray.rllib")
    log.setLevel(logging.CRITICAL)
    gymnasium.registry.pop(RLLIBS_ID, None)  # of an algorithm before; gymnasium would warn
    algorithm = config.build_algo()
    log.setLevel(logging.CRITICAL)  # building has set it as well
    return algorithm


def _start(cores: int) -> None:
    """Start a private Ray that ends with this process: RLlib wants one even for a single one."""
    stack = ExitStack()
    stack.enter_context(connect(ClusterConfig(address="local", object_store_mb=128), cores))
    atexit.register(stack.close)
