"""Replays on backends, and the gap between them and simulation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.api.arguments import checks_arguments
from qcbench.configs import seed_of
from qcbench.extras import door
from qcbench.loading import starts_work

if TYPE_CHECKING:
    from qcbench.hardware.gap.analysis import Gap
    from qcbench.hardware.replay import Replay


@door()
@starts_work
@checks_arguments
def replay(
    overrides: Sequence[str] = (),
    *,
    config_dirs: Sequence[Path] = (),
    say: Callable[[str], None] = lambda _line: None,
) -> "Replay":
    """Replay a stream of circuits on a backend, or the rest of one; what `qcbench replay` does.

    Args:
        overrides: such as `policy=greedy`, `tasks=60` or `backend=local`.
        config_dirs: folders of your own configs.
        say: hears lines of progress.

    Returns:
        Its folder, its table and what was charged; see docs/hardware.md.
    """
    from qcbench.hardware.replay import run_replay  # noqa: PLC0415 - qiskit
    from qcbench.hardware.replay_config import compose_replay  # noqa: PLC0415

    return run_replay(compose_replay(overrides, config_dirs), say)


@door()
@checks_arguments
def gap(*replays: str, replays_dir: str = "replays", seed: int = 0) -> "Gap":
    """Return the gap between simulation and a stored replay; the latest where none is named.

    Several are repetitions of one, on several days.
    """
    from qcbench.hardware.results import gap_of  # noqa: PLC0415 - scipy

    return gap_of(replays, replays_dir, seed_of("seed", seed)).gap
