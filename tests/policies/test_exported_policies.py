"""`policy=learned` and its shorter ways: it decides, it is identified by content, it runs alone."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_samples import (
    LAYOUTS,
    PLAIN,
    SMALL,
    earliest_completion_card,
    make_card,
    observation,
    random_tensors,
    write_sample,
)

import qcbench
from qcbench.api import compose_run, compose_simulate, trial_of
from qcbench.bench.contract.situations import random_fleet, situations
from qcbench.bench.run import simulate_trial
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.card import (
    CARD,
    HeuristicCard,
    PerItem,
    TrainedFleet,
)
from qcbench.policies.exported.choosing import Drawing, best
from qcbench.policies.exported.folder import (
    champions_dir,
    folder_of,
    read_folder_card,
    write_folder,
)
from qcbench.policies.exported.reference import policy_of
from qcbench.policies.exported.weights import expected_shapes
from qcbench.policies.features import placement
from qcbench.policies.protocol import PolicyContext

QCE5_NAMES = ("washington", "kolkata", "hanoi", "perth", "lagos")


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def learned(track: Any, fleet: Fleet, path: Path, seed: int = 0, **parameters: Any) -> Any:
    config = PolicyConfig(name="learned", parameters={"path": str(path), **parameters})
    return registry.make(track, config, PolicyContext(fleet, np.random.default_rng(seed)))


def test_a_network_of_zeros_with_an_offset_is_earliest_completion(tmp_path: Path) -> None:
    """The whole way from view to decision, against a heuristic of ten lines."""
    card, tensors = earliest_completion_card()
    folder = write_folder(tmp_path / "p", card, tensors)
    for scenario, seed in (
        ("placement/qce5", 0),
        ("placement/qce5", 1),
        ("placement/ibm12-stream", 0),
    ):
        more = ["workload.tasks=120"] if "stream" in scenario else []
        mine = qcbench.simulate(scenario, str(folder), seed, overrides=more)
        known = qcbench.simulate(scenario, "earliest_completion", seed, overrides=more)
        assert mine.qpu.tolist() == known.qpu.tolist()
        assert mine.finish_s.tolist() == known.finish_s.tolist()


@pytest.mark.parametrize("network", [SMALL, PLAIN], ids=["per_item", "plain"])
@pytest.mark.parametrize(
    ("track", "scenario"),
    [("placement", "placement/qce5"), ("queueing", "serverless/small")],
)
def test_simulations_without_violations(
    tmp_path: Path, track: Any, scenario: str, network: Any
) -> None:
    folder = write_sample(tmp_path / "p", track, network)
    short = ["rules.horizon_s=9000.0", "rules.warm_up_s=0.0"] if track == "queueing" else []
    for mode in ("greedy", "sample"):
        policy = {"name": str(folder), "parameters": {"mode": mode}}
        records = qcbench.simulate(scenario, policy, overrides=short)
        assert records.violations.sum() == 0
        again = qcbench.simulate(scenario, policy, overrides=short)
        assert records.qpu.tolist() == again.qpu.tolist()
        np.testing.assert_array_equal(records.finish_s, again.finish_s)


def test_an_allocation_is_split_by_the_weights(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "p", "allocation")
    records = qcbench.simulate("allocation/eagle5", str(folder), overrides=["workload.tasks=60"])
    assert (records.status == 0).all()
    card = make_card("allocation")
    # Only the first two QPUs of the fleet weigh anything: the bias of the last layer is -1, and
    # what lifts it is the speed of a QPU.
    network = replace(SMALL, encoder=(1,), context=(), head=())
    card = make_card("allocation", network)
    tensors: Any = {name: np.zeros(shape) for name, shape in expected_shapes(card).items()}
    slowness = [f.name for f in LAYOUTS["allocation"].each].index("slowness")
    tensors["encoder.0.weight"][0, slowness] = -10.0
    tensors["encoder.0.bias"][0] = 1.0  # 1 - 10 x slowness, at least 0
    tensors["head.0.weight"][0, 0] = 1.0
    tensors["head.0.bias"][0] = -0.5
    folder = write_folder(tmp_path / "fast", card, tensors)
    records = qcbench.simulate("allocation/eagle5", str(folder), overrides=["workload.tasks=60"])
    used = {qpu for parts in records.frame("x")["qpus"].to_list() for qpu in parts}
    assert used == {"strasbourg", "brussels"}


@pytest.mark.parametrize("track", ["placement", "allocation", "queueing"])
def test_greedy_draws_no_random_number_and_sampling_does(tmp_path: Path, track: Any) -> None:
    folder = write_sample(tmp_path / "p", track)
    fleet = random_fleet(np.random.default_rng(5), 5)

    def decisions(mode: str, seed: int) -> list[Any]:
        decide = learned(track, fleet, folder, seed, mode=mode)
        return [decide(view) for view in situations(track, 5, fleet, 60)]

    assert decisions("greedy", 1) == decisions("greedy", 2)
    assert decisions("sample", 1) == decisions("sample", 1)
    assert decisions("sample", 1) != decisions("sample", 2)


def test_a_spread_within_limits(tmp_path: Path) -> None:
    """Cut to nothing, a sampled policy is the greedy one."""
    fleet = random_fleet(np.random.default_rng(5), 5)
    network = replace(SMALL, outputs=2)

    def decisions(limits: tuple[float, ...], mode: str) -> list[Any]:
        more: Any = {"spread": "output", "spread_limits": limits}
        folder = write_sample(tmp_path / "p", "allocation", network, **more)
        decide = learned("allocation", fleet, folder, mode=mode)
        return [decide(view) for view in situations("allocation", 5, fleet, 60)]

    greedy = decisions((), "greedy")
    assert decisions((-50.0, -40.0), "sample") == greedy
    assert decisions((), "sample") != greedy
    folder = write_sample(tmp_path / "p", "allocation", SMALL, spread="none")
    with pytest.raises(InputError, match="has no spread; its mode can only be greedy"):
        learned("allocation", fleet, folder, mode="sample")


def test_choices() -> None:
    scores, allowed = [0.5, 3.0, 2.0, 2.0], [True, False, True, True]
    assert best(scores, allowed) == 2
    assert best([float("-inf")] * 2, [False, True]) == 1
    drawing = Drawing(np.random.default_rng(0))
    drawn = np.bincount([drawing.draw(scores, allowed) for _ in range(20_000)], minlength=4)
    shares = np.exp(scores) * allowed
    np.testing.assert_allclose(drawn / 20_000, shares / shares.sum(), atol=0.012)
    assert drawn[1] == 0


def test_sets_are_chosen_among_those_that_hold_the_task(tmp_path: Path) -> None:
    """A network that scores nothing takes the first set that is allowed; sampled, any of them."""
    fleet = random_fleet(np.random.default_rng(5), 5)
    own = TrainedFleet(name=fleet.name, qpus=fleet.names)
    card = make_card("allocation", PLAIN, action="set", spread="none", fleet=own)
    tensors: Any = {name: np.zeros(shape) for name, shape in expected_shapes(card).items()}
    tensors["head.1.bias"][0] = -1.0  # to wait comes last
    folder = write_folder(tmp_path / "p", card, tensors)
    decide = learned("allocation", fleet, folder)
    for view in situations("allocation", 5, fleet, 60):
        split = decide(view)
        free = view.free_qubits
        if split is None:
            assert free.sum() < view.task_qubits
            continue
        if len(split) == 1:
            qpu = next(iter(split))
            assert all(free[other] < view.task_qubits for other in range(qpu))
        else:
            assert free.max() < view.task_qubits
        assert all(1 <= part <= free[qpu] for qpu, part in split.items())
    sampled = learned("allocation", fleet, folder, mode="sample")
    drawn = [sampled(view) for view in situations("allocation", 5, fleet, 60)]
    assert {len(split) for split in drawn if split} >= {1, 2, 3, 4}
    assert None in drawn


def test_features_may_be_some_in_any_order(tmp_path: Path) -> None:
    """A policy that was trained on fewer features is scored on just these."""
    seen = replace(observation(placement.LAYOUT), shared=("load", "width"), each=("up", "regret"))
    network = PerItem(activation="relu", encoder=(4,))
    card = make_card("placement", network, observation=seen)
    tensors: Any = {name: np.zeros(shape) for name, shape in expected_shapes(card).items()}
    tensors["encoder.0.weight"][0, 1] = 1.0  # regret
    tensors["head.0.weight"][0, 0] = -1.0
    folder = write_folder(tmp_path / "p", card, tensors)
    mine = qcbench.simulate("placement/qce5", str(folder), 3)
    assert mine.qpu.tolist() == qcbench.simulate("placement/qce5", seed=3).qpu.tolist()


def test_features_of_another_version_are_refused(tmp_path: Path) -> None:
    fleet = random_fleet(np.random.default_rng(0), 3)
    for seen, message in (
        (replace(observation(placement.LAYOUT), each=("regret", "mood")), "feature 'mood' is not"),
        (replace(observation(placement.LAYOUT), layout="placement-v9"), "layout 'placement-v9'"),
    ):
        folder = write_sample(tmp_path / "p", "placement", observation=seen)
        with pytest.raises(InputError) as error:
            learned("placement", fleet, folder)
        assert one_line(error).startswith(str(folder / CARD))
        assert message in one_line(error)


def test_the_legacy_observation_runs(tmp_path: Path) -> None:
    seen = observation(placement.LEGACY_LAYOUT)
    folder = write_sample(tmp_path / "p", "placement", PLAIN, observation=seen)
    records = qcbench.simulate("placement/qce5", str(folder))
    assert (records.status == 0).all()
    assert records.violations.sum() == 0


def test_a_fleet_that_it_cannot_serve(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "p", "placement", PLAIN)
    with pytest.raises(InputError) as error:
        qcbench.simulate("placement/heron5-stream", str(folder))
    assert "serves fleet qce5 only (washington, kolkata, hanoi, perth, lagos" in one_line(error)
    backwards = Fleet(
        "backwards",
        tuple(QpuProfile(name=name, qubits=5, family="tiny") for name in reversed(QCE5_NAMES)),
    )
    with pytest.raises(InputError, match="in this order"):
        learned("placement", backwards, folder)
    known = TrainedFleet(name="qce5", qpus=QCE5_NAMES)
    sized = write_sample(tmp_path / "sized", "placement", SMALL, fleet=known)
    with pytest.raises(InputError, match="serves fleet qce5 only"):
        qcbench.simulate("placement/ibm12-stream", str(sized))


def test_a_queue_that_is_longer_than_what_it_looks_at(tmp_path: Path) -> None:
    seen = observation(LAYOUTS["queueing"], items=3)
    folder = write_sample(tmp_path / "p", "queueing", observation=seen)
    fleet = random_fleet(np.random.default_rng(1), 2)
    decide = learned("queueing", fleet, folder)
    chosen = {decide(view) for view in situations("queueing", 1, fleet, 60)}
    assert chosen <= {0, 1, 2}


def test_a_trial_is_identified_by_the_content(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "p", "placement")

    def trial(*more: str) -> Any:
        return trial_of(compose_simulate([f"policy={folder}", *more]))

    first = trial()
    assert first.policy == "p"
    assert first.policy_config["name"] == "learned"
    assert len(first.policy_config["parameters"]["sha256"]) == 64
    assert trial().trial_id == first.trial_id
    by_name = compose_simulate(["policy=learned", f"policy.parameters.path={folder}"])
    assert by_name.policy.parameters == first.policy_config["parameters"]
    assert trial_of(by_name).policy == "learned"
    assert trial("policy.parameters.mode=sample").trial_id != first.trial_id
    card = make_card("placement")
    write_folder(folder, card, random_tensors(card, 1))
    assert trial().trial_id != first.trial_id
    with pytest.raises(InputError, match="is not the policy that was meant"):
        simulate_trial(first)  # as a worker that finds other bytes


def test_a_suite_names_policies_by_where_they_lie(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "run-7" / "exported", "placement")
    heuristic = write_folder(
        tmp_path / "rule",
        HeuristicCard(track="placement", name="lookahead", parameters={"horizon": 3}),
        None,
    )
    told = compose_run([f"suite.policies=[earliest_completion,{folder},{heuristic}]"])
    names = [(p.label, p.name) for p in told.suite.policies]
    assert names[1:] == [("run-7", "learned"), ("rule", "lookahead")]
    assert told.suite.policies[2].parameters == {"horizon": 3, "samples": 32, "tail": 4.0}
    told = compose_run([f"suite.policies=[greedy,{folder}]", f"suite.baseline={folder}"])
    assert told.suite.baseline == "run-7"


def test_a_packaged_champion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named without a path, so that a trial is the same wherever qcbench is installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qcbench.policies.exported.folder.champions_dir", lambda: tmp_path)
    write_sample(tmp_path / "placement", "placement")
    write_sample(tmp_path / "placement" / "published", "placement", PLAIN)
    told = compose_simulate(["policy=champion"])
    assert told.policy.label == "champion"
    assert told.policy.parameters["path"] == "packaged:champion"
    assert (simulate_trial(trial_of(told)).status == 0).all()
    suite = compose_run(
        ["suite.policies=[champion,earliest_completion,'packaged:published']"]
    ).suite
    assert [p.label for p in suite.policies] == ["champion", "earliest_completion", "published"]
    with pytest.raises(InputError, match="no placement policy of this name is packaged; known: c"):
        compose_simulate(["policy=packaged:nobody"])


def test_packaged_champions_are_small_and_can_be_read() -> None:
    for card in champions_dir().rglob(CARD):
        track = card.relative_to(champions_dir()).parts[0]
        name = "champion" if card.parent.name == track else card.parent.name
        path = f"packaged:{name}"
        registry.resolve(
            track,  # type: ignore[arg-type]
            policy_of(read_folder_card(folder_of(track, path)), path, name),
        )
        assert sum(file.stat().st_size for file in card.parent.glob("*.*")) < 1_000_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["policy=./nowhere"], "./nowhere: no such folder"),
        (["policy=learned"], "policy learned: parameter path is missing"),
        (["policy=learned", "policy.parameters.path=3"], "parameter path is 3; it must be str"),
        (["policy=nobody/"], "nobody/: no such folder"),
        (["policy=partition", "policy.name=learned"], "policy partition: no such policy"),
    ],
)
def test_bad_names_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert message in said


def test_a_policy_of_another_track_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_sample(tmp_path / "p", "queueing")
    assert main(["simulate", f"policy={folder}"]) == 2
    assert "is a policy for track queueing, not for placement" in capsys.readouterr().err
    assert main(["simulate", f"policy={folder}", "policy.parameters.mod=greedy"]) == 2
    capsys.readouterr()
    placed = write_sample(tmp_path / "q", "placement")
    assert main(["simulate", f"policy={placed}", "policy.parameters.mode=best"]) == 2
    assert "mode is 'best'; it must be 'greedy' or 'sample'" in capsys.readouterr().err


ALONE = """
import sys
for name in ("ray", "torch", "gymnasium", "numba", "mlflow", "hydra", "pydantic", "qiskit"):
    sys.modules[name] = None  # importing it raises ImportError
import numpy as np
from qcbench.bench.contract.situations import random_fleet, situations
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
fleet = random_fleet(np.random.default_rng(1), 5)
config = PolicyConfig(name="learned", parameters={{"path": sys.argv[1]}})
decide = registry.make("{track}", config, PolicyContext(fleet, np.random.default_rng(0)))
print([decide(view) for view in situations("{track}", 1, fleet, 30)])
"""


@pytest.mark.parametrize("track", ["placement", "allocation", "queueing"])
def test_runs_where_none_of_the_heavy_libraries_can_be_imported(tmp_path: Path, track: str) -> None:
    folder = write_sample(tmp_path / "p", track)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            ALONE.format(track=track),
            folder,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    fleet = random_fleet(np.random.default_rng(1), 5)
    decide = learned(track, fleet, folder)
    assert done.stdout.strip() == str([decide(view) for view in situations(track, 1, fleet, 30)])
