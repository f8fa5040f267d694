"""Where something runs and where what it makes is kept: `conf/where.yaml`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qcbench.bench.compose import compose, to_plain
from qcbench.bench.config import ClusterConfig
from qcbench.bench.typed import typed
from qcbench.tracking.config import TrackingConfig

KEYS = ("cluster", "tracking", "runs_dir", "replays_dir")


@dataclass(frozen=True)
class Where:
    """The part of a config that is about places.

    Attributes:
        cluster: that does the work.
        tracking: the MLflow of this side.
        runs_dir: folder of all runs.
        replays_dir: folder of all replays.
    """

    cluster: ClusterConfig
    tracking: TrackingConfig
    runs_dir: str
    replays_dir: str


def is_where(override: str) -> bool:
    """Whether an override is about places."""
    return key_of(override).partition(".")[0] in KEYS


def key_of(override: str) -> str:
    """Return the key of an override, without Hydra's signs before it."""
    return override.lstrip("+~").partition("=")[0]


def compose_where(overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> Where:
    """Compose the places from those overrides that are about them.

    Raises:
        InputError: a group, key or value that does not exist or does not fit.
    """
    told = [text for text in overrides if is_where(text)]
    return typed(Where, to_plain(compose("where", told, config_dirs)), "")
