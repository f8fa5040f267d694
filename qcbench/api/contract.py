"""What a name means that is to be checked against the contract of its track."""

from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path

from qcbench.bench.compose import compose, known_policies, of_track, to_plain
from qcbench.bench.contract.checks import Subject, run_checks
from qcbench.bench.contract.subjects import is_own_code, own_code, registered
from qcbench.bench.typed import plain, typed
from qcbench.configs import config
from qcbench.errors import InputError, nearest
from qcbench.extras import door
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.folder import (
    CHAMPION,
    PACKAGED,
    folder_of,
    packaged_names,
    read_folder_card,
)
from qcbench.policies.exported.reference import lies_elsewhere
from qcbench.policies.names import names_by_track
from qcbench.policies.source import is_source
from qcbench.storage.places import runs_folder
from qcbench.tracking.champion import tracks_with_champion
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.references import LEARNED, policy_of_run, resolve_policy
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


def subjects(
    name: str, overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()
) -> Iterator[Subject]:
    """Return what a name means, on every track that it is known on.

    Raises:
        InputError: a name, key or value that does not exist or does not fit.
    """
    data = to_plain(
        compose("test-policy", contract_overrides(name, overrides, config_dirs), config_dirs)
    )
    settings = typed(ContractConfig, data, "")
    track = _checked(settings.track)
    if is_own_code(name):
        yield own_code(
            name, track or USUAL, settings.policy.parameters, may_violate=settings.may_violate
        )
        return
    for each in [track] if track else _tracks(settings):
        chosen = typed(PolicyConfig, of_track(plain(settings.policy), each, config_dirs), "policy")
        found = resolve_policy(chosen, each, settings.tracking, settings.runs_dir)
        yield registered(each, found, may_violate=settings.may_violate)


@door()
def check_policy(
    policy: str, *, track: str | None = None, overrides: Sequence[str] = ()
) -> list[str]:
    """Check a policy against the contract of its track; what `qcbench test-policy` does.

    Args:
        policy: a registered name, `mine.py`, `their.module:function`, a folder, or a model.
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


def contract_overrides(name: str, given: Sequence[str], config_dirs: Sequence[Path]) -> list[str]:
    """Return the overrides of `conf/test-policy.yaml` that a name stands for, and those given."""
    if not name:
        return list(given)
    if is_own_code(name):
        return ["policy=default", "policy.name=own", *given]
    runs = next((v for k, _, v in (t.partition("=") for t in given) if k == "runs_dir"), "runs")
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
