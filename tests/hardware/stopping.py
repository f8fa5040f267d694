"""A replay that a person stops in the middle, and that goes on."""

import re
from typing import Any

import pytest

from qcbench.hardware.replay import Replay, run_replay


def stopped_and_gone_on_with(config: Any, at: str, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """Stop a replay at the first line that begins so, a pattern, and play it to its end."""

    def stop(line: str) -> None:
        if re.match(at, line):
            raise KeyboardInterrupt

    monkeypatch.setattr("qcbench.hardware.replay.SAY_EVERY_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run_replay(config, stop)
    return run_replay(config)
