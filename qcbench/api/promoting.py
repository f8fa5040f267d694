"""Champions from Python."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.api.arguments import checks_arguments
from qcbench.bench.progress import Kind
from qcbench.extras import door
from qcbench.loading import starts_work

if TYPE_CHECKING:
    from qcbench.tracking.promotion import Promotion


@door()
@starts_work
@checks_arguments
def promote(
    candidate: str,
    overrides: Sequence[str] = (),
    *,
    config_dirs: Sequence[Path] = (),
    progress: Kind = "auto",
) -> "Promotion":
    """Make a policy the champion if it beats the standing one; what `qcbench promote` does.

    Args:
        candidate: a policy by name, a folder, a training run, or a model.
        overrides: such as `scenario=placement/qce5-stream`, `suite=placement-v1`, `replicates=50`.
        config_dirs: folders of your own configs.
        progress: `bar`, `lines`, `silent`, or `auto`.

    Returns:
        The verdict with its reasons, and the version that was registered, if it was.
    """
    from qcbench.tracking.promote_config import compose_promote  # noqa: PLC0415 - where needed
    from qcbench.tracking.promotion import promote as judged  # noqa: PLC0415

    settings = compose_promote(candidate, overrides, config_dirs)
    return judged(settings, progress=progress, config_dirs=config_dirs)
