"""Gymnasium environments of composed scenarios."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench import extras
from qcbench.bench.compose import compose_scenario
from qcbench.bench.config import ScenarioConfig
from qcbench.bench.worlds import ScenarioWorlds, scenario_worlds
from qcbench.configs import seed_of
from qcbench.envs.worlds import Split
from qcbench.errors import InputError
from qcbench.tracks import TRACKS, Track, learned_tracks

if TYPE_CHECKING:
    import gymnasium
    from gymnasium.vector import VectorEnv


def world_source(
    scenario: str | ScenarioConfig = "placement/qce5",
    *,
    overrides: Sequence[str] = (),
    suite: str = "simulate",
    seed: int = 0,
    config_dirs: Sequence[Path] = (),
) -> ScenarioWorlds:
    """Return the worlds of a scenario by its name below `conf/scenario`, or of a config.

    Args:
        overrides: Hydra overrides relative to the scenario, such as `workload.tasks=200`.
        suite: whose worlds they are; with a suite's name, split test has those of that suite.
        seed: master seed of the suite.
        config_dirs: folders of your own configs.

    Raises:
        InputError: a name, key or value that does not exist or does not fit.
    """
    if isinstance(scenario, str):
        scenario = compose_scenario(scenario, overrides, config_dirs)
    elif overrides:
        raise InputError("overrides: go with a scenario's name, not with a config")
    environment_id(scenario.track)
    return scenario_worlds(scenario, suite, seed_of("seed", seed))


def environment_id(track: Track, *, discrete: bool = False) -> str:
    """Return the Gymnasium id of a track's environment.

    Raises:
        InputError: a track that has none.
    """
    ids = TRACKS[track].environments
    if not ids:
        raise InputError(
            f"track {track}: has no environment; {', '.join(learned_tracks())} have one"
        )
    return ids[-1] if discrete else ids[0]


def environment(
    source: ScenarioWorlds, *, split: Split = "train", discrete: bool = False, **options: Any
) -> "gymnasium.Env[Any, Any]":
    """Return one environment on the SimPy cloud.

    Args:
        source: worlds, see `world_source`.
        split: train, validation or test.
        discrete: of track allocation, the variant that chooses sets of QPUs.
        options: see `qcbench.envs.options` and `docs/environments.md`.

    Raises:
        InputError: an option that cannot be, or gymnasium is not installed.
    """
    name = environment_id(source.track, discrete=discrete)
    gymnasium = _registered("greenlet")
    return gymnasium.make(name, source=source, split=split, **options)


def vector_environment(
    source: ScenarioWorlds,
    num_envs: int,
    *,
    split: Split = "train",
    discrete: bool = False,
    **options: Any,
) -> "VectorEnv[Any, Any, Any]":
    """Return many environments on the kernel, stepped together; arguments as `environment`."""
    name = environment_id(source.track, discrete=discrete)
    gymnasium = _registered("numba")
    return gymnasium.make_vec(
        name,
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        source=source,
        split=split,
        **options,
    )


def _registered(*needed: str) -> Any:
    """Return gymnasium, with the environments registered.

    Raises:
        InputError: it, or something else that is needed, is not installed.
    """
    extras.require("gymnasium", *needed, room="envs")
    import gymnasium  # noqa: PLC0415

    from qcbench.envs.registration import register  # noqa: PLC0415

    register()
    return gymnasium
