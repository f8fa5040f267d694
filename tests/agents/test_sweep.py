"""Sweeps: spaces, trials that take over others' networks, the best config, kills."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from qcbench.agents.checkpoints import checkpoints
from qcbench.agents.config import compose_train
from qcbench.agents.run_folder import read_config, read_progress
from qcbench.agents.space import range_of
from qcbench.agents.sweep.config import changed, compose_sweep, settings_of
from qcbench.agents.sweep.courier import Workplace
from qcbench.agents.sweep.searching import domain, tune_config
from qcbench.agents.sweep.trial import FROM, SWEEP, begin, parts_of, read_sweep, run_trial
from qcbench.bench.conf_files import options_of
from qcbench.bench.typed import plain, typed
from qcbench.errors import InputError
from qcbench.tracking.client import open_client, store_uri
from qcbench.tracking.config import TrackingConfig

TINY = [
    *("agent.ppo.steps=2048", "agent.ppo.environments=32", "agent.ppo.horizon=16"),
    *("agent.ppo.threads=1", "agent.worlds=8", "agent.network.encoder=[8]"),
    *("agent.network.context=[]", "agent.network.head=[]"),
    *("validation.worlds=2", "validation.every_steps=1024", "tracking=none"),
]


OWN = ["a2c", "dqn", "ppo"]
"""Sweeps that are for the agent of their name."""


def test_there_are_no_other_sweeps() -> None:
    assert sorted(options_of("sweep")) == sorted(["asha", "optuna", "pbt", *OWN])


@pytest.mark.parametrize("name", OWN)
def test_sweeps_of_one_agent_say_how_they_are_run(name: str, root: Path) -> None:
    command = (root / "conf" / "sweep" / f"{name}.yaml").read_text().splitlines()[1]
    verb, *words = command.removeprefix("#   qcbench ").split()
    assert verb == "sweep"
    told = compose_sweep(words)
    assert told.agent.name == name
    assert len(settings_of(told)) == len(told.sweep.space) >= 5
    assert told.validation.every_steps == told.agent.steps // 2


@pytest.mark.parametrize("name", ["asha", "optuna", "pbt"])
@pytest.mark.parametrize("agent", ["reference_ppo", "ppo", "a2c", "dqn"])
def test_every_sweep_is_typed_and_fits_every_agent(name: str, agent: str) -> None:
    told = compose_sweep([f"sweep={name}", f"agent={agent}"])
    assert told.sweep.kind == name
    assert typed(type(told), plain(told), "") == told
    nested = "ppo." if agent == "reference_ppo" else ""
    assert settings_of(told)["learning_rate"] == f"{nested}learning_rate"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["+sweep.space.learning_rat=[log,0.1,0.2]"],
            "no such key; did you mean learning_rate",
        ),
        (["sweep.space.discount=[choice,0.5,2.0]"], r"discount: 2.0; must be in 0\.\.1"),
        (["sweep.space.learning_rate=[normal,0.1,0.2]"], r"must be \[choice, ...\]"),
        (["sweep.space.learning_rate=[log,0.0,0.2]"], "must be positive"),
        (["sweep.space.learning_rate=[log,0.3,0.2]"], "from a lesser to a larger"),
        (
            ["+sweep.space.network.activation=[relu,tanh]"],
            r"network\.activation: .*\[choice, \.\.\.\]",
        ),
        (
            ["+sweep.space.ppo.learning_rate=0.1"],
            r"ppo\.learning_rate: 0\.1; must be a list, \[choice",
        ),
        (["+sweep.space.ppo.learning_rat=[log,0.1,0.2]"], "did you mean learning_rate"),
        (["sweep.trials=0"], r"sweep\.trials: 0; must be at least 1"),
        (["sweep=grid"], "sweep=grid: no such sweep"),
        (["scenario=allocation/eagle5"], "is for track placement"),
    ],
)
def test_bad_input_is_a_line(overrides: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        compose_sweep(overrides)


@pytest.mark.parametrize(
    ("override", "space"),
    [
        (
            "+sweep.space.network.activation=[choice,relu,tanh]",
            {"network.activation": ["relu", "tanh"]},
        ),
        ("sweep.space.network.activation=[choice,relu]", {"network.activation": ["relu"]}),
        (
            "+sweep.space.agent.network.activation=[choice,relu]",
            {"agent.network.activation": ["relu"]},
        ),
        ("sweep.space={network.activation: [choice,relu]}", {"network.activation": ["relu"]}),
    ],
)
def test_names_with_dots(override: str, space: dict[str, list[str]]) -> None:
    told = compose_sweep([override])
    assert set(told.sweep.space) == {"learning_rate", "discount", *space}
    ((name, values),) = space.items()
    assert list(told.sweep.ranges[name].values) == values
    assert settings_of(told)[name] == "network.activation"


def test_the_last_name_of_a_setting_holds() -> None:
    told = compose_sweep(["+sweep.space.ppo.learning_rate=[choice,0.001]"])
    assert list(settings_of(told).values()) == ["ppo.discount", "ppo.learning_rate"]
    assert told.sweep.ranges["ppo.learning_rate"].values == (0.001,)


def test_settings_reach_the_agent() -> None:
    told = compose_sweep(["agent=ppo"])
    training = changed(told.training(), {"learning_rate": 0.5, "network.activation": "tanh"})
    assert training.agent.learning_rate == 0.5
    assert training.agent.network.activation == "tanh"
    assert range_of("x", ["log", 1, 10]).ends == (1.0, 10.0)


def sweep_folder(folder: Path, overrides: list[str]) -> Path:
    told = compose_sweep([*overrides, f"runs_dir={folder}"])
    (folder / SWEEP).write_text(OmegaConf.to_yaml(OmegaConf.create(plain(told))))
    assert read_sweep(folder) == told
    return folder


@pytest.mark.e2e
def test_trial_goes_on_and_another_takes_over_its_network(tmp_path: Path) -> None:
    sweep = read_sweep(sweep_folder(tmp_path, TINY))
    shipped: list[str] = []
    one, other = (
        Workplace(tmp_path / "trials" / name, lambda: shipped.append(""), tmp_path.name, print)
        for name in "ab"
    )
    reports: list[dict[str, Any]] = []

    def report(figures: dict[str, float], run: Path) -> None:
        reports.append({**figures, "run": run, "shipped": len(shipped)})

    run_trial(one, sweep, {"learning_rate": 0.001, "discount": 1.0}, report)
    counts = [r["shipped"] for r in reports]
    assert counts == sorted(set(counts)), "it is kept before it is told"
    assert [r["steps"] for r in reports] == [0, 1024, 2048]
    first = parts_of(one.home)[-1]
    assert read_config(first).agent.ppo.learning_rate == 0.001
    run_trial(one, sweep, {"learning_rate": 0.001, "discount": 1.0}, report)
    assert [r["steps"] for r in reports[3:]] == [2048], "its last evaluation is told again"
    assert parts_of(one.home) == [first]

    source = checkpoints(first)[0]
    steps = int(source.name.removeprefix("step-"))
    assert steps < 2048
    (source / FROM).write_text(json.dumps({"trial": "a", "steps": steps}))
    taken = begin(other, sweep, {"learning_rate": 0.002, "discount": 1.0}, source)
    assert checkpoints(taken)[0].name == source.name
    assert read_config(taken).agent.ppo.learning_rate == 0.002
    assert begin(one, sweep, {}, source) == first, "its own checkpoint: its own run"
    run_trial(other, sweep, {}, report)
    assert min(line["steps"] for line in read_progress(taken)) == steps
    assert reports[-1]["steps"] == 2048


@pytest.mark.ray
@pytest.mark.parametrize("name", options_of("sweep"))
def test_tune_takes_what_it_is_told(name: str) -> None:
    told = compose_sweep([f"sweep={name}", f"agent={name if name in OWN else 'reference_ppo'}"])
    found = tune_config(told.sweep, 1000, seed=1)
    assert found.num_samples == told.sweep.trials
    assert (found.metric, found.mode) == ("score", "min")
    drawn = [domain(range_of("x", ["log", 0.001, 0.1])).sample() for _ in range(200)]
    assert 0.001 <= min(drawn) < 0.01 < max(drawn) <= 0.1


def sweep_command(*arguments: str) -> tuple[list[str], dict[str, str]]:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    return [sys.executable, "-m", "qcbench.cli.main", "sweep", *arguments], environment


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(1500)
def test_sweep_survives_kill_and_a_diverging_trial(tmp_path: Path) -> None:
    space = "sweep.space.learning_rate=[choice,0.001,1e18]"
    begun, environment = sweep_command(
        "sweep=asha", "sweep.trials=8", space, *TINY, "tracking=sqlite", "runs_dir=runs"
    )
    process = subprocess.Popen(begun, cwd=tmp_path, env=environment)
    until = time.monotonic() + 600
    while time.monotonic() < until and process.poll() is None:
        time.sleep(0.5)
        if len(list(tmp_path.glob("runs/sweep-*/trials/*/0/train-*/exported/policy.json"))) >= 3:
            break
    assert process.poll() is None, "it is killed before it ends"
    process.send_signal(signal.SIGKILL)
    process.wait()
    (folder,) = tmp_path.glob("runs/sweep-*")
    assert not (folder / "results.json").exists()
    resumed, _ = sweep_command(folder.name)
    done = subprocess.run(
        resumed, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((folder / "results.json").read_text())
    states = [r["status"] for r in results]
    assert len(results) == 8
    assert set(states) <= {"done", "stopped", "failed"}
    failed = [r for r in results if r["status"] == "failed"]
    assert all(r["settings"]["ppo.learning_rate"] == 1e18 for r in failed)
    assert failed, "the seed draws both learning rates"
    assert results[0]["best"] is not None
    best = compose_train(["agent=best"], [folder / "conf"])
    assert best.agent.ppo.learning_rate == results[0]["settings"]["ppo.learning_rate"]
    assert re.search(r"train it +qcbench train --config-dir", done.stdout)
    check_mlflow(tmp_path / "runs", folder.name)


def check_mlflow(runs: Path, name: str) -> None:
    client = open_client(store_uri(TrackingConfig(), runs))
    experiment = client.get_experiment_by_name("sweep")
    found = client.search_runs([experiment.experiment_id], f"tags.`qcbench.run` LIKE '{name}-%'")
    parents = [r for r in found if r.data.tags["qcbench.kind"] == "sweep"]
    assert len(parents) == 1
    children = [r for r in found if r.data.tags["qcbench.kind"] == "trial"]
    assert len(children) == 8
    assert {r.data.tags["mlflow.parentRunId"] for r in children} == {parents[0].info.run_id}
