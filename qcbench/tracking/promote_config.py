"""The config of `qcbench promote`: who is judged, on what, and for which alias."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval

from qcbench.bench.compose import (
    compose,
    known_policies,
    of_track,
    suite_config,
    to_plain,
    with_shares,
)
from qcbench.bench.config import ClusterConfig, ScenarioConfig, SuiteConfig
from qcbench.bench.overrides import nested, value_of
from qcbench.bench.typed import plain, typed
from qcbench.configs import Count, Seed, config
from qcbench.errors import InputError
from qcbench.plugins import group_of
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.folder import (
    CHAMPION,
    folder_of,
    read_folder_card,
)
from qcbench.policies.exported.reference import LEARNED, lies_elsewhere
from qcbench.policies.names import names_by_track
from qcbench.policies.source import is_source
from qcbench.storage.places import runs_folder
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.references import policy_of_run, resolve_policy
from qcbench.tracking.registry import (
    SCHEME,
    fetch_policy,
)
from qcbench.tracks import TRACKS, Track

LEAST_WORLDS = 20


@config
class PromoteConfig:
    """The config of `qcbench promote`: `conf/promote.yaml`.

    Attributes:
        scenario: that is judged on; None where a suite is.
        suite: over all scenarios of which is judged, by its metric, with its baseline and at least
            its number of worlds where the keys below say nothing else; None where a scenario is.
        policy: the candidate.
        model: its name in the registry; that of the track where None.
        alias: that it gets.
        baseline: a champion must beat it besides the standing champion; that of the suite, or of
            the track, where None.
        metric: column of the result table, also of another package; that of the suite, or of the
            track, where None.
        guards: metrics that may get worse by no more than a share of what the standing champion
            has, or the baseline where there is none; `5%` in YAML. Where None those of the track
            for a suite, and none for a scenario.
        losses: whether a champion of a suite may be worse, beyond chance, in one of its scenarios.
        candidates: of how many it is the best, which asks for more; where None as many as the
            sweep had trials that it lies in, else 1.
        replicates: worlds of each scenario; as many as the track usually takes where None, or as
            the suite has. Of fewer than twenty an equal candidate would be promoted too often.
        seed: another one gives other worlds.
        engine: `simpy`, its numba twin `compiled`, or the twin where there is one.
        runs_dir: folder of all runs, beside which the default registry lies.
    """

    policy: PolicyConfig
    cluster: ClusterConfig
    tracking: TrackingConfig
    scenario: ScenarioConfig | None = None
    suite: SuiteConfig | None = None
    model: str | None = None
    alias: str = "champion"
    baseline: str | None = None
    metric: str | None = None
    guards: dict[str, Annotated[float, Interval(ge=0, lt=1)]] | None = None
    losses: bool = False
    candidates: Count | None = None
    replicates: Annotated[Count, Ge(LEAST_WORLDS)] | None = None
    seed: Seed = 0
    engine: Literal["auto", "simpy", "compiled"] = "auto"
    runs_dir: str = "runs"

    @property
    def track(self) -> Track:
        """Track of what is judged on."""
        judged = self.suite or self.scenario
        if judged is None:
            raise InputError("promote: name a scenario=NAME or a suite=NAME")
        return judged.track


def compose_promote(
    candidate: str, overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()
) -> PromoteConfig:
    """Compose the config of a promotion.

    Args:
        candidate: a policy by name, a model's reference, a folder, or the run that trained it.
        overrides: Hydra overrides, such as `scenario=placement/qce5-stream` or `replicates=50`.
        config_dirs: folders of your own configs.

    Raises:
        InputError: a name, key or value that does not exist or does not fit.
    """
    given = nested(overrides)
    runs = value_of(given, "runs_dir", "runs")
    name = policy_of_run(candidate, runs_folder(runs))
    complete = known_policies([f"policy={name}", *given], config_dirs)
    data = to_plain(compose("promote", complete, config_dirs))
    if data.get("suite") is not None:
        _check_alone(given)
        data["suite"] = plain(suite_config(data["suite"], config_dirs))
        del data["scenario"]
    settings = _typed(data)
    if settings.suite is None and not any(text.startswith("scenario=") for text in given):
        track = _track_of(settings)
        if track != settings.track:
            usual = f"scenario={TRACKS[track].scenario}"
            settings = _typed(to_plain(compose("promote", [usual, *complete], config_dirs)))
    chosen = of_track(plain(settings.policy), settings.track, config_dirs)
    found = resolve_policy(
        typed(PolicyConfig, chosen, "policy"),
        settings.track,
        settings.tracking,
        settings.runs_dir,
    )
    if is_source(found.name):
        raise InputError(
            f"policy {candidate}: is code, and a registry holds none that others would run; "
            f"register it as the entry point {settings.track}.NAME of the group "
            f"{group_of('policies')}, and promote NAME"
        )
    if found.parameters.get("mode", "greedy") != "greedy":
        raise InputError("policy.parameters.mode: sample is not part of what is registered")
    return replace(settings, policy=found)


OF_PROMOTIONS = ("policies", "seed", "engine", "until")
"""Keys of a suite that say nothing here: promotions have their own."""


def _check_alone(overrides: Sequence[str]) -> None:
    """Check that nothing is said beside a suite that would change nothing.

    Raises:
        InputError: something is.
    """
    if not any(text.startswith("suite=") for text in overrides):
        raise InputError("suite: is not chosen, only changed; choose one with suite=NAME")
    for text in overrides:
        key, _, value = text.lstrip("+~").partition("=")
        if re.match(r"scenario\b|\w+@scenario\b", key):
            inside = re.sub(r"@scenario\.\w+$", "", key).removeprefix("scenario.")
            change = f"'suite.scenario_overrides=[\"{inside}={value}\"]'"
            said = "" if key == "scenario" else f"; change them with {change}"
            raise InputError(f"{inside}: a suite has scenarios of its own{said}")
        part, _, name = key.partition(".")
        if part == "suite" and name.partition(".")[0] in OF_PROMOTIONS:
            what = f"{name}=" if name in ("seed", "engine") else "replicates= and baseline="
            raise InputError(f"{key}: says nothing of a promotion, which has {what} itself")


def _typed(data: dict[str, Any]) -> PromoteConfig:
    guards = data.get("guards")
    return typed(PromoteConfig, {**data, "guards": with_shares(guards, guards or ())}, "")


def _track_of(settings: PromoteConfig) -> Track:
    """Return the track of a candidate; the scenario's where the candidate is known there."""
    judged = settings.track
    name = settings.policy.name
    path = name
    if name == LEARNED:
        path = str(settings.policy.parameters.get("path", ""))
    elif is_source(name) or name == CHAMPION:
        return judged
    elif not lies_elsewhere(name):
        tracks = [track for track, known in names_by_track().items() if name in known]
        return judged if judged in tracks else tracks[0]
    if path.startswith(SCHEME):
        path = str(fetch_policy(path, settings.tracking, runs_folder(settings.runs_dir))[1])
    return read_folder_card(folder_of(judged, path)).track
