"""A policy wherever one is named: by a reference to a model, by its folder, or by its name.

Whatever the name, what comes out is a registered policy with its parameters, and with the hash of
its files where it has any, so that a trial is identified by what is run.
"""

from dataclasses import replace
from pathlib import Path

from qcbench.bench.run_names import meant
from qcbench.errors import InputError
from qcbench.files import at_home
from qcbench.plugins import check_meant
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.card import CARD, HeuristicCard
from qcbench.policies.exported.folder import (
    CHAMPION,
    EXPORTED,
    PACKAGED,
    folder_of,
    read_folder_card,
)
from qcbench.policies.exported.reference import LEARNED, lies_elsewhere, policy_of
from qcbench.policies.names import names_by_track
from qcbench.policies.source import is_source, label_of, with_text
from qcbench.storage.mirror import pull_begun
from qcbench.storage.places import runs_folder
from qcbench.tracking.champion import champion_name
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.registry import SCHEME, fetch_policy
from qcbench.tracks import Track


def resolve_policy(
    config: PolicyConfig, track: Track, tracking: TrackingConfig | None = None, runs: str = "runs"
) -> PolicyConfig:
    """Return a policy by its registered name, with parameters that identify what it does.

    Args:
        config: its name may be that of a registered policy, `models:/placement@champion`,
            `models:/placement/3`, `champion`, `packaged:champion`, the path of an exported policy's
            folder, or a file of the user's, `mine.py` or `mine.py:function`.
        track: that it is to decide on.
        tracking: where models are registered.
        runs: folder of all runs.

    Raises:
        InputError: it means nothing, is of another track, or has files that cannot be used.
    """
    found = _meant(config, track, tracking or TrackingConfig(), runs_folder(runs))
    return registry.resolve(track, found)


def policy_of_run(name: str, runs: Path) -> str:
    """Return the path of the policy that a run below `runs` has trained, or the name as it is.

    Args:
        name: of a policy, or a run's id or the beginning of one.
        runs: folder of all runs.

    Raises:
        InputError: several runs begin so.
    """
    registered = any(name in known for known in names_by_track().values())
    if name == CHAMPION or lies_elsewhere(name) or registered:
        return name
    pull_begun(runs, name, EXPORTED)
    trained = {card.parent.parent.name: card.parent for card in runs.glob(f"*/{EXPORTED}/{CARD}")}
    run = meant(name, trained, f"run {name}")
    return name if run is None else str(trained[run])


def _meant(
    config: PolicyConfig, track: Track, tracking: TrackingConfig, runs: Path
) -> PolicyConfig:
    """Return the registered policy that a config means."""
    name = config.name
    label = "" if config.label == name else config.label
    if name == CHAMPION:
        name = champion_name(track, tracking, runs)
    if name.startswith(SCHEME):
        reference, folder = fetch_policy(name, tracking, runs)
        return _from_folder(config, track, str(folder), label or reference.label)
    if name.startswith(PACKAGED):
        return _from_folder(config, track, name, label or name.removeprefix(PACKAGED))
    if is_source(name):
        short, parameters = with_text(name, config.parameters)
        return replace(config, name=short, label=label or label_of(name), parameters=parameters)
    if lies_elsewhere(name):
        return _from_folder(config, track, name, label or _label(at_home(name)))
    path = config.parameters.get("path")
    if name != LEARNED or not isinstance(path, str):
        return config
    if path.startswith(SCHEME):
        path = str(fetch_policy(path, tracking, runs)[1])
    return _from_folder(config, track, path, config.label)


def _from_folder(config: PolicyConfig, track: Track, path: str, label: str) -> PolicyConfig:
    """Return the policy in a folder, with the parameters that were given for it."""
    folder = folder_of(track, path)
    card = read_folder_card(folder)
    if card.track != track:
        raise InputError(f"{folder / CARD}: is a policy for track {card.track}, not for {track}")
    given = {key: value for key, value in config.parameters.items() if key != "path"}
    if isinstance(card, HeuristicCard):
        if is_source(card.name):
            raise InputError(f"{folder / CARD}: is code; only a file that you name yourself is run")
        given.pop("sha256", None)
        try:
            check_meant(card.plugins, "policy")
        except InputError as error:
            raise InputError(
                f"policy {config.name}: {error}; install that, or promote what is here to another "
                "alias=NAME"
            ) from None
    found = policy_of(card, path, label)
    return replace(found, parameters={**found.parameters, **given})


def _label(folder: Path) -> str:
    """Return a name for results: that of the folder, or of the run in which it lies."""
    whole = folder.resolve()
    return whole.parent.name if whole.name == EXPORTED else whole.name
