"""Finding policies by name: in this package, and through the entry points `qcbench.policies`."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from types import ModuleType
from typing import Any

import numpy as np

from qcbench import signatures
from qcbench.errors import CODE_ERRORS, InputError, QcbenchError, nearest, shown
from qcbench.fleet.profile import Fleet
from qcbench.plugins import failure
from qcbench.policies.config import PolicyConfig
from qcbench.policies.names import modules_of, names, plugins_of
from qcbench.policies.protocol import Decide, PolicyContext, PolicyError
from qcbench.policies.source import SOURCE, is_source, load, own_parameters, without_text
from qcbench.tracks import Track

READ = frozenset({"path", "file"})
"""Parameters that name a file."""


@dataclass(frozen=True)
class PolicyInfo:
    """One policy as it is listed: its track, name, first line of documentation, parameters.

    Attributes:
        resolve: adds to its parameters what a trial depends on besides them, such as the hash of a
            file that they name; `resolve_parameters` beside the factory, if there is one.
        module: the file of a policy of this package, which may have a twin, see
            `qcbench.policies.twins`.
    """

    track: Track
    name: str
    summary: str
    parameters: Mapping[str, inspect.Parameter]
    factory: Callable[..., Decide]
    resolve: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    module: ModuleType | None = None


def find(track: Track, name: str) -> PolicyInfo:
    """Return a policy by name.

    Raises:
        InputError: unknown name, with the nearest ones.
    """
    if name in modules_of(track):
        return _described_module(track, name)
    plugins = plugins_of(track)
    if name not in plugins:
        raise InputError(f"policy {name}: no such {track} policy{nearest(name, names(track))}")
    factory = plugins[name].function()
    return described(track, name, factory, factory)


def meant(track: Track, config: PolicyConfig) -> PolicyInfo:
    """Return the policy that a config names: a registered one, or one with its source.

    Raises:
        InputError: an unknown name, or a source that cannot be run.
    """
    text = config.parameters.get(SOURCE)
    if not is_source(config.name):
        return find(track, config.name)
    if not isinstance(text, str):
        raise InputError(f"policy {config.name}: parameter {SOURCE} is missing, the file's text")
    factory, documented = load(config.name, text)
    info = described(track, config.name, factory, documented)
    if SOURCE in info.parameters:
        raise InputError(
            f"policy {config.name}: its parameter {SOURCE} has the name of what holds its text; "
            "give it another"
        )
    return replace(info, factory=without_text(factory))


@cache
def _described_module(track: Track, name: str) -> PolicyInfo:
    module = importlib.import_module(modules_of(track)[name])
    return replace(described(track, name, module.policy, module), module=module)


def described(
    track: Track, name: str, factory: Callable[..., Decide], documented: object
) -> PolicyInfo:
    """Return what is known of a factory, wherever it is from.

    Args:
        track: that it decides on.
        name: of the policy.
        factory: builds it.
        documented: the factory, or the module that it is alone in.
    """
    summary = (inspect.getdoc(documented) or "").split("\n", 1)[0].rstrip(".")
    return PolicyInfo(
        track=track,
        name=name,
        summary=summary,
        parameters=signatures.parameters_of(f"policy {name}", factory, 1),
        factory=factory,
        resolve=getattr(documented, "resolve_parameters", None),
    )


def check_parameters(track: Track, config: PolicyConfig) -> PolicyInfo:
    """Find a policy and check the names, types and ranges of its parameters.

    Raises:
        InputError: an unknown policy or parameter, a missing one, or one that does not fit.
    """
    info = meant(track, config)
    check_given(info, own_parameters(config))
    return info


def check_given(info: PolicyInfo, given: Mapping[str, object]) -> None:
    """Check the names, types and ranges of parameters that are given to a policy.

    Raises:
        InputError: an unknown parameter, a missing one, or one that does not fit.
    """
    signatures.check_given(f"policy {info.name}", info.parameters, given)


def resolve(track: Track, config: PolicyConfig) -> PolicyConfig:
    """Return a config that a trial can be identified by: files by the hash of their content.

    A whole number of a parameter that is a float is that float: `2` and `2.0` are one trial.

    Raises:
        InputError: an unknown policy or parameter, or a file that cannot be used.
    """
    info = check_parameters(track, config)
    annotated = {key: one.annotation for key, one in info.parameters.items()}
    given = {
        key: signatures.as_meant(value, annotated[key]) if key in annotated else value
        for key, value in config.parameters.items()
    }
    config = replace(config, parameters=given)
    if info.resolve is None:
        return config
    found = _called(f"policy {config.name}: resolve_parameters", info.resolve, config.parameters)
    return replace(config, parameters=found)


def check_type(policy: str, key: str, value: object, annotation: Any) -> None:
    """Check a parameter of a policy, see `qcbench.signatures.check_type`."""
    signatures.check_type(f"policy {policy}", key, value, annotation)


@cache
def reads_file(track: Track, name: str) -> bool:
    """Whether a policy of this package has a parameter that names a file."""
    return bool(READ & _described_module(track, name).parameters.keys())


def check_fleet(track: Track, config: PolicyConfig, fleet: Fleet) -> None:
    """Check that a policy of this package can decide for a fleet, before any trial is run.

    One that reads a file is asked in its trial, where the file is.

    Raises:
        InputError: it needs what the fleet does not state.
    """
    if config.name in modules_of(track) and not reads_file(track, config.name):
        make(track, config, PolicyContext(fleet, np.random.default_rng(0)))


def make(track: Track, config: PolicyConfig, context: PolicyContext) -> Decide:
    """Build a policy for one trial."""
    info = check_parameters(track, config)
    factory = info.factory if _is_built_in(info.factory) else guarded(info.factory)
    decide = factory(context, **config.parameters)
    if not callable(decide):
        raise PolicyError(
            f"the factory returned {shown(decide)}; it returns the function that decides"
        )
    return decide


class OnFleet:
    """A policy of this package on a fleet, as the key of what trials need not make again.

    Equal parameters are an equal key, compared as `PolicyConfig.content`. Fleets are those that a
    process has loaded, and not compared.
    """

    __slots__ = ("config", "content", "fleet", "track")

    def __init__(self, track: Track, config: PolicyConfig, fleet: Fleet) -> None:
        self.track, self.config, self.fleet = track, config, fleet
        self.content = (track, config.content)

    def __hash__(self) -> int:
        return hash(self.content)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OnFleet):
            return NotImplemented
        return self.fleet is other.fleet and self.content == other.content


def builder(track: Track, config: PolicyConfig, context: PolicyContext) -> Callable[[], Decide]:
    """Return what gives a policy for one trial, which can be built.

    Where a twin decides nobody asks for it. One of this package is built for that only once a fleet
    and process, to see whether it can be; but for one that reads a file, which may have changed,
    and one that draws while it is built, after which a twin draws other numbers.
    """
    if config.name in modules_of(track) and is_built_alike(OnFleet(track, config, context.fleet)):
        return partial(make, track, config, context)
    decide = make(track, config, context)
    return lambda: decide


@lru_cache(maxsize=64)
def is_built_alike(key: OnFleet) -> bool:
    """Build a policy, unless it reads a file; return whether that says it for all its trials."""
    if reads_file(key.track, key.config.name):
        return False
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    make(key.track, key.config, PolicyContext(key.fleet, rng))
    return bool(rng.bit_generator.state == before)


def guarded(factory: Callable[..., Decide]) -> Callable[..., Decide]:
    """Return a factory of somebody's policy whatever of which fails as a `PolicyError`.

    What it raises, while it is built or asked, is a failure of that policy: also `sys.exit`, and a
    recursion without end. The package's own policies go without: they are asked as they are.
    """

    def build(context: PolicyContext, **parameters: Any) -> Decide:
        decide: Any = _called("the factory", factory, context, **parameters)
        if inspect.iscoroutine(decide):
            decide.close()
            raise PolicyError("the factory is an async function; it is called as a plain one")
        if inspect.iscoroutinefunction(decide):
            raise PolicyError("the policy is an async function; it is asked as a plain one")
        if not callable(decide):
            raise PolicyError(
                f"the factory returned {shown(decide)}; it returns the function that decides"
            )

        def ask(view: Any) -> Any:
            try:
                return decide(view)
            except QcbenchError:
                raise
            except CODE_ERRORS as error:
                raise PolicyError(failure("the policy", error)) from error

        return ask

    return build


def _called(what: str, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
    """Call somebody's code; what it raises is a `PolicyError` that says what of the policy failed.

    No context manager: a `StopIteration` would get through it.
    """
    try:
        return function(*arguments, **named)
    except QcbenchError:
        raise
    except CODE_ERRORS as error:
        raise PolicyError(failure(what, error)) from error


def _is_built_in(factory: Callable[..., Decide]) -> bool:
    return str(getattr(factory, "__module__", "")).startswith("qcbench.")
