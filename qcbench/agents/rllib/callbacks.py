"""Callbacks of somebody's: found by their names, taken along to actors, kept from doing harm.

A class whose package is installed is found by its name wherever it is needed. Any other module,
such as a file in the working folder, travels as it is to the actors.

RLlib starts an env runner again that died of its callback, without end. Here a callback that raises
is called no more there, and the training ends with what it raised.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from ray import cloudpickle
from ray.rllib.callbacks.callbacks import RLlibCallback

from qcbench.errors import CODE_ERRORS, InputError, nearest
from qcbench.loading import module_named
from qcbench.plugins import PluginError, called, distribution_of, failure, top_of

BASE = "ray.rllib.callbacks.callbacks.RLlibCallback"
"""What a callback is a class of."""

IN_RUNNERS = frozenset(
    {
        "on_environment_created",
        "on_episode_created",
        "on_episode_start",
        "on_episode_step",
        "on_episode_end",
        "on_sample_end",
    }
)
"""What is called where environments are, and not where the algorithm is."""


RLLIBS = frozenset(
    {
        "agent_episode_return_mean",
        "config",
        "connector_pipeline_timer",
        "date",
        "done",
        "env_reset_timer",
        "env_runner_group",
        "env_runners",
        "env_step_timer",
        "env_to_module_connector",
        "env_to_module_sum_episodes_length_in",
        "env_to_module_sum_episodes_length_out",
        "episode_duration_sec_mean",
        "episode_len_max",
        "episode_len_mean",
        "episode_len_min",
        "episode_return_max",
        "episode_return_mean",
        "episode_return_min",
        "fault_tolerance",
        "hostname",
        "iterations_since_restore",
        "learners",
        "module_episode_return_mean",
        "module_to_env_connector",
        "node_ip",
        "num_agent_steps_sampled",
        "num_agent_steps_sampled_lifetime",
        "num_env_steps_sampled",
        "num_env_steps_sampled_lifetime",
        "num_env_steps_sampled_lifetime_throughput",
        "num_episodes",
        "num_episodes_lifetime",
        "num_module_steps_sampled",
        "num_module_steps_sampled_lifetime",
        "num_training_step_calls_per_iteration",
        "perf",
        "pid",
        "replay_buffer",
        "rlmodule_inference_timer",
        "sample",
        "time_between_sampling",
        "time_since_restore",
        "time_this_iter_s",
        "time_total_s",
        "timers",
        "timestamp",
        "training_iteration",
        "trial_id",
        "weights_seq_no",
    }
)
"""What RLlib 2.60 itself puts into a result, and into the part of it about sampling."""


class Guarded(RLlibCallback):
    """Calls a callback of somebody's; what that raises is an error of its own.

    Args:
        title: what messages call it.
        make: makes it.

    Attributes:
        failure: what it raised where environments are, or when it was made; then it is called no
            more.
    """

    def __init__(self, title: str, make: Callable[[], Any]) -> None:
        self.title = title
        self.failure = ""
        self.inner: Any = None
        try:
            self.inner = make()
        except CODE_ERRORS as error:
            self.failure = failure(title, error)


def _hook(name: str) -> Callable[..., None]:
    def call(self: Guarded, *arguments: Any, **named: Any) -> None:
        if self.failure:
            return
        function = getattr(self.inner, name)
        title = f"{self.title}.{name}"
        if name not in IN_RUNNERS:
            called(title, function, *arguments, **named)
            return
        try:
            function(*arguments, **named)
        except CODE_ERRORS as error:
            self.failure = failure(title, error)

    call.__name__ = name
    call.__doc__ = f"Call the callback's `{name}`."
    return call


for _name in dir(RLlibCallback):
    if _name.startswith("on_"):
        setattr(Guarded, _name, _hook(_name))


def classes(names: Sequence[str]) -> list[type[Any]]:
    """Return classes of callbacks by name, `module:Class`.

    Raises:
        InputError: a module that cannot be loaded, or no such class in it.
    """
    return [_class(name) for name in names]


def guarded(names: Sequence[str]) -> list[Callable[[], Guarded]]:
    """Return what makes callbacks, wherever RLlib wants them.

    Raises:
        InputError: as of `classes`.
    """
    found = classes(names)
    for name in names:
        if not distribution_of(name):
            cloudpickle.register_pickle_by_value(import_module(top_of(name)))
    return [partial(Guarded, _title(name), made) for name, made in zip(names, found, strict=True)]


def check_failures(algorithm: Any) -> None:
    """Tell of callbacks that have failed where environments are, or could not be made.

    Raises:
        PluginError: one has.
    """
    if not any(isinstance(each, Guarded) for each in algorithm.callbacks):
        return
    here = [each.failure for each in algorithm.callbacks if isinstance(each, Guarded)]
    for found in here + algorithm.env_runner_group.foreach_env_runner(_failure_of):
        if found:
            raise PluginError(found)


def logged(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures that callbacks have added to the result of an iteration.

    They are all numbers by names that RLlib itself does not use.
    """
    found = {**result.get("env_runners", {}), **result}
    own = {name: value for name, value in found.items() if name not in RLLIBS}
    return {f"callbacks/{name}": value for name, value in _numbers(own)}


def _failure_of(runner: Any) -> str:
    failures = [getattr(each, "failure", "") for each in runner._callbacks]
    return next((each for each in failures if each), "")


def _class(name: str) -> type[Any]:
    where, _, attribute = name.partition(":")
    try:
        module = module_named(where)
    except InputError as error:
        raise InputError(f"agent.callbacks: {error}") from error
    found = getattr(module, attribute, None)
    if found is None:
        own = [key for key, value in vars(module).items() if _is_callback(value)]
        raise InputError(f"{_title(name)}: has no such class{nearest(attribute, own)}")
    if not _is_callback(found):
        raise InputError(f"{_title(name)}: is no class of {BASE}")
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise InputError(f"{_title(name)}: RLlib makes one without arguments ({error})") from None
    made: type[Any] = found
    return made


def _is_callback(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, RLlibCallback)


def _title(name: str) -> str:
    return f"agent.callbacks: {name}"


def _numbers(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float | np.number) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)
