"""Training from Python."""

from pathlib import Path

import pytest

import qcbench
from qcbench.agents.training import Trained


@pytest.mark.e2e
def test_train_is_what_the_verb_does(tmp_path: Path) -> None:
    done: Trained = qcbench.train(
        [
            "agent=reference_ppo",
            "scenario=placement/qce5",
            "agent.ppo.steps=1600",
            "agent.ppo.environments=32",
            "agent.worlds=16",
            "validation.worlds=4",
            "tracking=none",
            f"runs_dir={tmp_path}",
        ],
        progress="silent",
    )
    assert done.complete
    assert done.steps >= 1600
    records = qcbench.simulate("placement/qce5", str(done.folder), seed=1)
    assert len(records.frame()) == 25
