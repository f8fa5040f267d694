"""The commands that come after a training and a sweep: they say what those were told."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from exported_samples import PLAIN, make_card, random_tensors

from qcbench.agents.config import compose_train
from qcbench.agents.told import command_of, judge_it, train_best
from qcbench.cli.main import main
from qcbench.policies.exported.card import Provenance
from qcbench.policies.exported.folder import write_folder
from qcbench.tracking.promote_config import compose_promote


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def swept(root: Path, *overrides: str, folder: str = "sweep-a-20260102-030405") -> Path:
    sweep = Path("runs") / folder
    (sweep / "conf" / "agent").mkdir(parents=True)
    agent = (root / "conf" / "agent" / "reference_ppo_allocation.yaml").read_text()
    (sweep / "conf" / "agent" / "best.yaml").write_text(agent)
    command = command_of("sweep", overrides, [])
    (sweep / "sweep.yaml").write_text(f'# {{"run_id": "x"}}\n# {command}\nseed: 0\n')
    trial = {"status": "done"}
    (sweep / "results.json").write_text(json.dumps([trial]))
    return sweep


def test_the_best_of_a_sweep_is_trained_as_the_sweep_was(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the agent was told is in its file; the trials of the sweep and its cluster are left."""
    told = [
        *("sweep=asha", "agent=reference_ppo_allocation", "scenario=allocation/eagle5"),
        *("workload.tasks=10", "agent.ppo.steps=2048", "sweep.trials=2", "cluster.workers=2"),
        *("+sweep.space.entropy=[uniform,0.0,0.01]", "validation.worlds=1", "name=a b", "seed=3"),
    ]
    sweep = swept(root, *told)
    command = train_best(sweep)
    kept = ["scenario=allocation/eagle5", "workload.tasks=10", "validation.worlds=1", "name=a b"]
    *start, verb, option, folder, agent = shlex.split(command)[:5]
    assert [*start, verb, option, agent] == ["qcbench", "train", "--config-dir", "agent=best"]
    assert shlex.split(command)[5:] == [*kept, "seed=3"]
    composed = compose_train(shlex.split(command)[4:], [Path(folder)])
    assert (composed.scenario.name, composed.scenario.workload.tasks) == ("allocation/eagle5", 10)
    assert (composed.validation.worlds, composed.name, composed.seed) == (1, "a b", 3)
    assert main(["show", sweep.name]) == 0
    assert command in capsys.readouterr().out


def test_a_sweep_over_a_mix(root: Path) -> None:
    sweep = swept(root, "mix=allocation", "agent=x")
    assert train_best(sweep).endswith(" agent=best mix=allocation")
    sweep = swept(root, "scenario=[allocation/eagle5, allocation/eagle5-queue]", folder="sweep-b c")
    assert train_best(sweep).endswith(
        " --config-dir 'runs/sweep-b c/conf' agent=best "
        "'scenario=[allocation/eagle5, allocation/eagle5-queue]'"
    )
    (sweep / "conf" / "agent" / "best.yaml").unlink()
    assert train_best(sweep) == ""


def trained(command: str, *, plain: bool = True, scenario: str = "placement/qce5") -> Path:
    folder = Path("runs") / "train-x-20260102-030405"
    card = make_card("placement", PLAIN) if plain else make_card("placement")
    card = replace(card, provenance=Provenance(command=command, scenario=scenario))
    write_folder(folder / "exported", card, random_tensors(card))
    (folder / "training.json").write_text(json.dumps({"command": command}))
    return folder


@pytest.mark.parametrize(
    ("told", "judged"),
    [
        ([], ""),
        (["agent=dqn", "seed=2"], ""),
        (["scenario=placement/heron5-stream"], " scenario=placement/heron5-stream"),
        (["fleet=heron5", "workload.tasks=9"], " fleet=heron5 workload.tasks=9"),
        (["scenario=[placement/heron5-stream]", "seed=1"], " scenario=placement/heron5-stream"),
        (
            ["mix=placement", "workload.tasks=9"],
            " scenario=placement/heron5-stream workload.tasks=9",
        ),
    ],
)
def test_a_policy_of_one_fleet_is_judged_where_it_was_trained(told: list[str], judged: str) -> None:
    command = command_of("train", told, [])
    folder = trained(command, scenario="placement/heron5-stream, placement/qce5")
    assert judge_it(folder) == f"qcbench promote {folder.name}{judged}"
    compose_promote(str(folder / "exported"), shlex.split(judged))


def test_a_policy_of_any_fleet_is_judged_as_usual() -> None:
    folder = trained("qcbench train scenario=placement/heron5-stream", plain=False)
    assert judge_it(folder) == f"qcbench promote {folder.name}"


def test_config_folders_go_along() -> None:
    Path("my conf/scenario").mkdir(parents=True)
    told = command_of("train", ["scenario=mine"], [Path("my conf")])
    folder = trained(told)
    assert judge_it(folder).endswith(f"{folder.name} scenario=mine --config-dir 'my conf'")
