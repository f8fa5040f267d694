"""Training agents."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.api.arguments import checks_arguments
from qcbench.bench.progress import Kind
from qcbench.extras import door
from qcbench.loading import starts_work

if TYPE_CHECKING:
    from qcbench.agents.sweep.results import Swept
    from qcbench.agents.training import Trained


@door()
@starts_work
@checks_arguments
def train(
    overrides: Sequence[str] = (),
    *,
    config_dirs: Sequence[Path] = (),
    progress: Kind = "auto",
) -> "Trained":
    """Train an agent on a scenario; what `qcbench train` does.

    Args:
        overrides: such as `agent=reference_ppo`, `scenario=placement/qce5`, `seed=1`;
            `tensorboard=true` for its curves as event files, and for RLlib's agents
            `agent.callbacks=module:Class`.
        config_dirs: folders of your own configs.
        progress: `bar`, `lines`, `silent`, or `auto`.

    Returns:
        Its folder, with the best policy in `exported`, and how that was judged.
    """
    from qcbench.agents.config import compose_train  # noqa: PLC0415 - torch
    from qcbench.agents.told import command_of  # noqa: PLC0415
    from qcbench.agents.training import start  # noqa: PLC0415

    command = command_of("train", overrides, config_dirs)
    return start(compose_train(overrides, config_dirs), command=command, progress=progress)


@door()
@starts_work
@checks_arguments
def sweep(
    overrides: Sequence[str] = (),
    *,
    config_dirs: Sequence[Path] = (),
) -> "Swept":
    """Train an agent many times with different settings; what `qcbench sweep` does.

    Args:
        overrides: such as `agent=ppo`, `sweep=asha`, `scenario=placement/qce5`.
        config_dirs: folders of your own configs.

    Returns:
        Its folder, what came of each trial, the best first, and the best settings as a config.
    """
    from qcbench.agents.sweep import running  # noqa: PLC0415 - torch
    from qcbench.agents.sweep.config import compose_sweep  # noqa: PLC0415
    from qcbench.agents.told import command_of  # noqa: PLC0415

    command = command_of("sweep", overrides, config_dirs)
    return running.sweep(compose_sweep(overrides, config_dirs), command=command)
