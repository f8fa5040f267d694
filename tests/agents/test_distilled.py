"""An agent that imitates rollouts, and then goes on by itself."""

import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("gymnasium")

from qcbench.agents import training
from qcbench.agents.checkpoints import checkpoints
from qcbench.agents.config import compose_train, total_steps
from qcbench.agents.distilled_agent import IMPROVING, Distilled
from qcbench.agents.run_folder import read_progress
from qcbench.errors import InputError
from qcbench.policies.exported.folder import read_folder

SMALL = [
    *("agent=distilled", "agent.worlds=16", "agent.network.encoder=[16]"),
    *("agent.network.context=[8]", "agent.network.head=[16]", "agent.ppo.environments=16"),
    *("agent.ppo.threads=1", "validation.worlds=2", "validation.every_steps=100000"),
    *("agent.teacher.horizon=12", "agent.teacher.samples=2", "tracking=none"),
]


def train(runs: Path, *more: str) -> training.Trained:
    return training.start(compose_train([*SMALL, f"runs_dir={runs}", *more]), progress="silent")


def updates(folder: Path) -> list[dict[str, Any]]:
    return [line for line in read_progress(folder) if line["kind"] == "update"]


def test_it_is_an_agent_of_placement_that_sees_no_seconds() -> None:
    agent = compose_train(["agent=distilled"]).agent
    assert isinstance(agent, Distilled)
    assert agent.observation == "relative"
    assert total_steps(compose_train(["agent=distilled"])) == agent.teacher.steps
    longer = compose_train(["agent=distilled", "agent.go_on=true"])
    assert total_steps(longer) == agent.teacher.steps + agent.ppo.steps
    with pytest.raises(InputError, match=r"agent.track: queueing; distilled imitates rollouts"):
        compose_train(["agent=distilled", "agent.track=queueing", "agent.observation=usual"])
    with pytest.raises(InputError, match=r"agent.teacher.samples: 0"):
        compose_train(["agent=distilled", "agent.teacher.samples=0"])
    with pytest.raises(InputError, match=r"agent.teacher.tail: -1; .* greater than 0, or 'any'"):
        compose_train(["agent=distilled", "agent.teacher.tail=-1"])
    plain = compose_train(["agent=distilled", "agent.teacher.tail=any"]).agent
    assert isinstance(plain, Distilled)
    assert plain.teacher.tail == "any"


@pytest.mark.e2e
def test_the_student_comes_nearer_to_the_teacher_and_a_seed_is_a_policy(tmp_path: Path) -> None:
    given = ["agent.teacher.steps=16000", "agent.teacher.imitation=3.0"]
    found = [train(tmp_path, *given) for _ in range(2)]
    divergence = [line["divergence"] for line in updates(found[0].folder)]
    assert len(divergence) == 40
    assert sum(divergence[-10:]) < 0.9 * sum(divergence[:10])
    files = [(each.folder / "exported" / "weights.safetensors").read_bytes() for each in found]
    assert files[0] == files[1]
    card = read_folder(found[0].folder / "exported").card
    assert card.fleet == "any"
    assert card.observation.layout == "placement-2"
    assert "agent distilled" in card.provenance.notes


@pytest.mark.e2e
def test_it_goes_on_by_itself_also_from_a_checkpoint(tmp_path: Path) -> None:
    longer = ["agent.teacher.steps=800", "agent.go_on=true", "agent.ppo.steps=1200"]
    done = train(tmp_path, *longer, "checkpoints.keep=9", "validation.every_steps=400")
    assert done.complete
    assert [line["steps"] for line in updates(done.folder)] == [400, 800, 1200, 1600, 2000]
    kept = {path.name: path for path in checkpoints(done.folder)}
    assert not (kept["step-000000000800"] / IMPROVING).exists()
    assert (kept["step-000000001200"] / IMPROVING).is_dir()
    for last in ("step-000000000400", "step-000000001200"):
        copied = tmp_path / f"from-{last}" / done.folder.name
        shutil.copytree(done.folder, copied)
        for name in kept:
            if name > last:
                shutil.rmtree(copied / "checkpoints" / name)
        again = training.go_on(copied, progress="silent")
        assert again.complete
        assert again.steps == 2000
