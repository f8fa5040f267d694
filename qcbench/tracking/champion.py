"""What `champion` means on a track: what the registry says, and the packaged policy elsewhere.

The packaged champion is the first version of a store that champions are kept in, so that one who
would be the next has somebody to beat.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from qcbench.policies.exported.folder import (
    CHAMPION,
    PACKAGED,
    digest,
    folder_of,
    packaged_names,
)
from qcbench.tracking.client import store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.failures import SQLITE
from qcbench.tracking.registry import DIGEST_TAG, LABEL_TAG, Reference, Registry, open_registry
from qcbench.tracks import TRACKS, Track


def add_packaged(registry: Registry, track: str) -> None:
    """Let the packaged champion of a track stand where its model has no champion yet.

    In a new store it is version 1, so that whoever comes next has a champion to beat.
    """
    if CHAMPION in packaged_names(track) and CHAMPION not in registry.aliases(track):
        folder = folder_of(track, PACKAGED + CHAMPION)
        version = registry.register(track, folder, tags={LABEL_TAG: PACKAGED + CHAMPION})
        registry.set_alias(track, CHAMPION, version)


def champion_of(track: str, tracking: TrackingConfig, runs: Path) -> Reference | None:
    """Return the version that is the champion of a track, None where that is the packaged one.

    It is so where there is no registry, where it has no champion of the track, and where its
    champion has the files of the packaged one.

    Raises:
        InputError: the store cannot be reached or used.
    """
    reference = Reference(track, CHAMPION)
    if not _may_have(store_uri(tracking, runs), reference):
        return None
    registry = open_registry(tracking, runs)
    if registry is None or CHAMPION not in registry.aliases(track):
        return None
    version = registry.version_of(reference)
    packaged = CHAMPION in packaged_names(track) and digest(folder_of(track, PACKAGED + CHAMPION))
    if packaged and registry.versions(track)[version].get(DIGEST_TAG) == packaged:
        return None
    return Reference(track, version=version)


def tracks_with_champion(tracking: TrackingConfig, runs: Path) -> list[Track]:
    """Return the tracks that have a champion, registered or packaged.

    Raises:
        InputError: the store cannot be reached or used.
    """
    return [
        track
        for track in TRACKS
        if CHAMPION in packaged_names(track) or champion_of(track, tracking, runs) is not None
    ]


def _may_have(uri: str, reference: Reference) -> bool:
    """Whether a store may have an alias: of a file that is known without MLflow, which takes long.

    What cannot be read so is left to MLflow, which says what is wrong with it.
    """
    if not uri.startswith(SQLITE):
        return True
    path = Path(uri.removeprefix(SQLITE))
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute(
                "SELECT 1 FROM registered_model_aliases WHERE name = ? AND alias = ?",
                (reference.name, reference.alias),
            )
            return found.fetchone() is not None
    except sqlite3.Error:
        return True


def champion_name(track: Track, tracking: TrackingConfig, runs: Path) -> str:
    """Return what `champion` means: a version of the registry, else the packaged policy.

    Raises:
        InputError: the store cannot be reached or used.
    """
    return str(champion_of(track, tracking, runs) or PACKAGED + CHAMPION)
