"""What a name means that is to be checked against the contract of its track."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from qcbench.api.arguments import checks_arguments
from qcbench.api.suites import compose_run
from qcbench.bench.compose import (
    compose,
    compose_alone,
    compose_scenario,
    known_policies,
    of_track,
    to_plain,
)
from qcbench.bench.conf_files import providers_of, shadowed
from qcbench.bench.contract.checks import Subject, run_checks
from qcbench.bench.contract.plugged import CHECKS, Plugged, run_plugged_checks
from qcbench.bench.contract.subjects import is_own_code, of_factory, own_code, registered
from qcbench.bench.overrides import value_of
from qcbench.bench.run import PolicyFactory
from qcbench.bench.scenario import resolve_scenario
from qcbench.bench.suite import suite_scenarios
from qcbench.bench.typed import plain, typed
from qcbench.configs import config
from qcbench.errors import InputError, QcbenchError, nearest
from qcbench.extras import door
from qcbench.fleet.config import FleetConfig
from qcbench.fleet.load import load_fleet
from qcbench.loading import starts_work
from qcbench.plugins import Kind, Plugin, conf_folders, find, problem_of
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.folder import (
    CHAMPION,
    PACKAGED,
    folder_of,
    packaged_names,
    read_folder_card,
)
from qcbench.policies.exported.reference import LEARNED, lies_elsewhere
from qcbench.policies.names import names_by_track
from qcbench.policies.source import is_source
from qcbench.storage.places import runs_folder
from qcbench.tracking.champion import tracks_with_champion
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.references import policy_of_run, resolve_policy
from qcbench.tracking.registry import SCHEME, fetch_policy
from qcbench.tracks import TRACKS, USUAL, Track, is_track


@config
class ContractConfig:
    """The config of `qcbench test-policy`: `conf/test-policy.yaml`.

    Attributes:
        policy: the one that is checked.
        tracking: where a policy that is named `models:/...` is registered.
        track: kind of decision; where None every track that has a policy of this name, and
            placement for a user's own code.
        may_violate: of placement: it may choose QPUs that a task does not fit.
        runs_dir: folder of all runs, beside which the default registry lies.
    """

    policy: PolicyConfig
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    track: str | None = None
    may_violate: bool = False
    runs_dir: str = "runs"


FACTORY = "function:itself"
"""In the place of the name of own code: a factory that Python hands over."""


def subjects(
    policy: str | PolicyFactory,
    overrides: Sequence[str] = (),
    config_dirs: Sequence[Path] = (),
) -> Iterator[Subject]:
    """Return what a name means, on every track that it is known on; or a factory itself.

    Raises:
        InputError: a name, key or value that does not exist or does not fit.
    """
    name = policy if isinstance(policy, str) else FACTORY
    meant = contract_overrides(name, overrides, config_dirs)
    settings = typed(ContractConfig, to_plain(compose("test-policy", meant, config_dirs)), "")
    track, given = _checked(settings.track), settings.policy.parameters
    if not isinstance(policy, str):
        yield of_factory(
            getattr(policy, "__name__", "function"),
            policy,
            policy,
            track=track or USUAL,
            parameters=given,
            may_violate=settings.may_violate,
        )
        return
    if is_own_code(name):
        yield own_code(name, track or USUAL, given, may_violate=settings.may_violate)
        return
    for each in [track] if track else _tracks(settings):
        chosen = typed(PolicyConfig, of_track(plain(settings.policy), each, config_dirs), "policy")
        found = resolve_policy(chosen, each, settings.tracking, settings.runs_dir)
        yield registered(each, found, may_violate=settings.may_violate)


@door()
@starts_work
@checks_arguments
def check_policy(
    policy: str | PolicyFactory, *, track: str | None = None, overrides: Sequence[str] = ()
) -> list[str]:
    """Check a policy against the contract of its track; what `qcbench test-policy` does.

    Args:
        policy: a registered name, `mine.py`, `their.module:function`, a folder, a model, or
            your own factory: a function that takes a `PolicyContext` and returns the one that
            decides.
        track: kind of decision; every track that has a policy of this name where None, and
            placement for your own code.
        overrides: such as `policy.parameters.patience_s=5.0`, `may_violate=true`.

    Returns:
        A line for each promise that is broken; none where all are kept.
    """
    told = [] if track is None else [f"track={track}"]
    return [
        f"{finding.promise}: {finding.problem}"
        for subject in subjects(policy, [*told, *overrides])
        for finding in run_checks(subject)
        if finding.problem
    ]


@door()
@starts_work
@checks_arguments
def check_plugin(
    kind: str,
    plugin: str | Callable[..., Any],
    *,
    parameters: Mapping[str, Any] | None = None,
    track: str | None = None,
    fleets: Sequence[str] = (),
) -> list[str]:
    """Check what a package brings along against the contract of its kind.

    Args:
        kind: `workloads`, `time_models`, `fidelity_models`, `metrics` or `configs`; of `policies`
            this is `check_policy`.
        plugin: the name of an entry point that is installed, or a function itself.
        parameters: that the function is given.
        track: on whose trials a metric is computed; all where None.
        fleets: names of fleets that a model is asked about besides packaged ones.

    Returns:
        A line for each promise that is broken; none where all are kept.

    Raises:
        InputError: there is no such kind or plug-in, or the parameters do not fit.
    """
    checked = kind_checked(kind)
    if checked == "configs":
        found = find(checked, str(plugin), "configs")
        return [f"{promise}: {problem}" for promise, problem in config_problems(found)]
    chosen = _checked(track)
    subject = Plugged(
        kind=checked,
        name=plugin if isinstance(plugin, str) else getattr(plugin, "__name__", "function"),
        function=find(checked, plugin, checked).function() if isinstance(plugin, str) else plugin,
        parameters=parameters or {},
        tracks=tuple(TRACKS) if chosen is None else (chosen,),
        fleets=tuple(fleets),
    )
    return [
        f"{finding.promise}: {finding.problem}"
        for finding in run_plugged_checks(subject)
        if finding.problem
    ]


def kind_checked(kind: str) -> Kind:
    """Return a kind that `check_plugin` knows.

    Raises:
        InputError: another one, or none.
    """
    checks: tuple[Kind, ...] = (*CHECKS, "configs")
    elsewhere = {"policies": "qcbench.check_policy", "providers": "`qcbench replay test`"}
    if kind in elsewhere:
        raise InputError(f"kind: {kind} are checked by {elsewhere[kind]}")
    for known in checks:
        if kind == known:
            return known
    raise InputError(f"kind: {kind!r}; no such kind of plug-in{nearest(kind, checks)}")


def config_problems(plugin: Plugin) -> Iterator[tuple[str, str]]:
    """Return what is wrong with the configs of a package: each promise that is broken, and how."""
    if problem := problem_of(plugin):
        yield "can be found", problem
        return
    for other, problem in shadowed():
        if other.name == plugin.name:
            yield "has names of its own", problem
    (folder,) = (folder for one, folder in conf_folders() if one == plugin)
    if not any(folder.glob("*/**/*.yaml")):
        yield "has files", f"{folder}: has no file such as fleet/NAME.yaml"
    for group, check in CONF_CHECKS.items():
        for name, provider in providers_of(group).items():
            if provider == plugin.provider:
                try:
                    check(name)
                except QcbenchError as error:
                    yield f"{group} {name} can be used", str(error)


def _use_fleet(name: str) -> None:
    load_fleet(typed(FleetConfig, compose_alone("fleet", name), f"fleet {name}"))


def _use_scenario(name: str) -> None:
    resolve_scenario(compose_scenario(name), "contract", 0)


def _use_suite(name: str) -> None:
    suite_scenarios(compose_run([f"suite={name}"]).suite)


CONF_CHECKS: Mapping[str, Callable[[str], None]] = {
    "fleet": _use_fleet,
    "scenario": _use_scenario,
    "suite": _use_suite,
}
"""How it is found out whether a config of a group can be used."""


def contract_overrides(name: str, given: Sequence[str], config_dirs: Sequence[Path]) -> list[str]:
    """Return the overrides of `conf/test-policy.yaml` that a name stands for, and those given."""
    if not name:
        return list(given)
    if is_own_code(name):
        return ["policy=default", "policy.name=own", *given]
    runs = value_of(given, "runs_dir", "runs")
    return known_policies([f"policy={policy_of_run(name, runs_folder(runs))}", *given], config_dirs)


def _checked(track: str | None) -> Track | None:
    if track is None or is_track(track):
        return track
    raise InputError(f"track: {track!r}; no such track{nearest(track, TRACKS)}")


def _tracks(settings: ContractConfig) -> list[Track]:
    """Return the tracks that have a policy of this name, or the one that a trained one is of."""
    name = settings.policy.name
    path = str(settings.policy.parameters.get("path", "")) if name == LEARNED else name
    if is_source(name):
        return [USUAL]
    if name == CHAMPION:
        return tracks_with_champion(settings.tracking, runs_folder(settings.runs_dir))
    if name != LEARNED and not lies_elsewhere(name):
        return [track for track, known in names_by_track().items() if name in known]
    if path.startswith(PACKAGED):
        wanted = path.removeprefix(PACKAGED)
        tracks = [track for track in TRACKS if wanted in packaged_names(track)]
        return tracks or [USUAL]
    if path.startswith(SCHEME):
        path = str(fetch_policy(path, settings.tracking, runs_folder(settings.runs_dir))[1])
    return [read_folder_card(folder_of(USUAL, path)).track]
