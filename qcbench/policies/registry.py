"""Finding policies by name: in this package, and through the entry points `qcbench.policies`."""

import importlib
import inspect
import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np

from qcbench.configs import check_range
from qcbench.errors import CODE_ERRORS, InputError, QcbenchError, nearest, reason_of, shown
from qcbench.fleet.profile import Fleet
from qcbench.policies.config import PolicyConfig
from qcbench.policies.names import modules_of, names, plugins_of
from qcbench.policies.protocol import Decide, PolicyContext, PolicyError
from qcbench.policies.source import SOURCE, is_source, load, own_parameters, without_text
from qcbench.tracks import Track

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

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
    factory = _load(plugins[name])
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
        parameters=_parameters(factory),
        factory=factory,
        resolve=getattr(documented, "resolve_parameters", None),
    )


def _load(point: "EntryPoint") -> Callable[..., Decide]:
    try:
        factory: Callable[..., Decide] = point.load()
    except CODE_ERRORS as error:
        raise InputError(
            f"policy {point.name}: its entry point {point.value} cannot be loaded "
            f"({reason_of(error)})"
        ) from error
    if not callable(factory):
        raise InputError(f"policy {point.name}: {point.value} is no function and no class")
    return factory


def _parameters(factory: Callable[..., Decide]) -> dict[str, inspect.Parameter]:
    """Return the parameters after the context."""
    try:
        signature = inspect.signature(factory, eval_str=True)
    except Exception:  # annotations that only a type checker can resolve, or with code that fails
        try:
            signature = inspect.signature(factory)
        except (TypeError, ValueError) as error:
            raise InputError(f"policy {shown(factory)}: has no signature ({error})") from None
    return dict(list(signature.parameters.items())[1:])


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
    for key, value in given.items():
        if key not in info.parameters:
            raise InputError(
                f"policy {info.name}: no parameter {key}"
                + (nearest(key, info.parameters) if info.parameters else "; it has none")
            )
        check_type(info.name, key, value, info.parameters[key].annotation)
    for key, parameter in info.parameters.items():
        if parameter.default is parameter.empty and key not in given:
            raise InputError(f"policy {info.name}: parameter {key} is missing")


def resolve(track: Track, config: PolicyConfig) -> PolicyConfig:
    """Return a config that a trial can be identified by: files by the hash of their content.

    Raises:
        InputError: an unknown policy or parameter, or a file that cannot be used.
    """
    info = check_parameters(track, config)
    if info.resolve is None:
        return config
    found = _called(f"policy {config.name}: resolve_parameters", info.resolve, config.parameters)
    return replace(config, parameters=found)


def check_type(policy: str, key: str, value: object, annotation: Any) -> None:
    """Check that a value is of the type, and in the range, that a parameter is annotated with.

    Raises:
        InputError: it is not, or it is not finite.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"policy {policy}: parameter {key} is {value!r}; it must be finite")
    if annotation is inspect.Parameter.empty or isinstance(annotation, str):
        return
    parts = get_args(annotation) if _is_union(annotation) else (annotation,)
    options = [option for a in parts if get_origin(a) is Literal for option in get_args(a)]
    types = [get_args(a)[0] if get_origin(a) is Annotated else a for a in parts]
    accepted = [a for a in types if get_origin(a) is not Literal]
    fits = type(value) in accepted or (float in accepted and type(value) is int)
    fits = fits or any(type(value) is type(option) and value == option for option in options)
    wanted = " or ".join([*(getattr(a, "__name__", str(a)) for a in accepted), *map(repr, options)])
    if not fits:
        raise InputError(f"policy {policy}: parameter {key} is {value!r}; it must be {wanted}")
    check_range(f"policy {policy}: parameter {key}", annotation, value)


def _is_union(annotation: Any) -> bool:
    return isinstance(annotation, UnionType) or get_origin(annotation) is Union


def check_fleet(track: Track, config: PolicyConfig, fleet: Fleet) -> None:
    """Check that a policy of this package can decide for a fleet, before any trial is run.

    One that reads a file is asked in its trial, where the file is.

    Raises:
        InputError: it needs what the fleet does not state.
    """
    if config.name in modules_of(track) and not READ & find(track, config.name).parameters.keys():
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


def guarded(factory: Callable[..., Decide]) -> Callable[..., Decide]:
    """Return a factory of somebody's policy whatever of which fails as a `PolicyError`.

    What it raises, while it is built or asked, is a failure of that policy: also `sys.exit`, and a
    recursion without end. The package's own policies go without: they are asked as they are.
    """

    def build(context: PolicyContext, **parameters: Any) -> Decide:
        decide: Any = _called("the factory", factory, context, **parameters)
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
                raise _failure("the policy", error) from error

        return ask

    return build


def _called(what: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call somebody's code; what it raises is a `PolicyError` that says what of the policy failed.

    No context manager: a `StopIteration` would get through it.
    """
    try:
        return function(*arguments, **named)
    except QcbenchError:
        raise
    except CODE_ERRORS as error:
        raise _failure(what, error) from error


def _failure(what: str, error: BaseException) -> PolicyError:
    """Say what failed and where: the file without its folder, which differs between machines."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return PolicyError(f"{what} raised {reason_of(error)}{where}")


def _is_built_in(factory: Callable[..., Decide]) -> bool:
    return str(getattr(factory, "__module__", "")).startswith("qcbench.")
