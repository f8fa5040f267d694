"""What the settings of all agents are checked for alike."""

from qcbench.errors import InputError
from qcbench.tracks import TRACKS, LearnedTrack


def check_sets(sets: bool, track: LearnedTrack) -> None:
    """Check that decisions are sets of QPUs only where tasks are split.

    Raises:
        InputError: another track.
    """
    of = [name for name, info in TRACKS.items() if info.choice == "split" and info.environments]
    if sets and track not in of:
        raise InputError(f"agent.sets: is of track {' and '.join(of)}, not {track}")
