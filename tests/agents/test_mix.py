"""Trainings over several scenarios: what they are made of, and what cannot be mixed."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("gymnasium")

import torch
from omegaconf import OmegaConf

from qcbench.agents import training
from qcbench.agents.config import TrainConfig, check, compose_train, stored
from qcbench.agents.evaluation import Evaluation
from qcbench.agents.learners import make_learner
from qcbench.agents.mix import DrawnValue, SourceEntry
from qcbench.agents.mixed_shards import MixedShards
from qcbench.agents.mixed_validation import MixedValidation
from qcbench.agents.reference_agent import ReferencePpo, local_shards
from qcbench.agents.reference_ppo import Step, generator_of
from qcbench.agents.reference_shards import LocalShards
from qcbench.agents.run_folder import evaluations, read_progress
from qcbench.agents.sweep.config import compose_sweep
from qcbench.bench.conf_files import options_of
from qcbench.bench.environments import world_source
from qcbench.bench.progress import Silent
from qcbench.bench.typed import plain, typed
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.policies.exported.folder import read_folder

TWO = "scenario=[placement/qce5,placement/ibm12-stream]"
SMALL = [
    *("agent.worlds=8", "agent.network.encoder=[8]", "agent.network.context=[8]"),
    *("agent.network.head=[8]", "agent.ppo.environments=10", "agent.ppo.horizon=8"),
    *("agent.ppo.minibatches=2", "workload.tasks=12", "validation.worlds=2", "tracking=none"),
]

FOUR = ["agent=reference_ppo", "agent.ppo.environments=4", "agent.ppo.horizon=1"]
"""Decisions of an update."""


AGENTS = {
    "placement": "reference_ppo",
    "queueing": "tuned_queueing",
    "allocation": "tuned_allocation",
}
"""One for each mix, of its track."""


@pytest.mark.e2e
@pytest.mark.parametrize("name", options_of("mix"))
def test_every_mix_composes(name: str) -> None:
    told = compose_train([f"mix={name}", f"agent={AGENTS[name]}"])
    assert len(told.scenarios) > 2
    assert len({scenario.name for scenario in told.scenarios}) == len(told.scenarios)
    assert typed(TrainConfig, plain(told), "") == told
    assert "further" in stored(told)


def test_one_scenario_is_kept_as_ever() -> None:
    told = compose_train()
    assert "further" not in stored(told)
    assert typed(TrainConfig, stored(told), "") == told


def test_overrides_go_to_all_scenarios_and_entries_have_their_own() -> None:
    told = compose_train([TWO, "workload.tasks=20", "fleet=heron5"])
    assert [scenario.workload.tasks for scenario in told.scenarios] == [20, 20]
    assert {scenario.fleet.name for scenario in told.scenarios} == {"heron5"}
    entry = "{base: placement/qce5-stream, name: x, overrides: ['workload.arrivals.load=1.3']}"
    told = compose_train([f"scenario=[placement/qce5,{entry}]"])
    assert told.further[0].name == "x"
    assert plain(told.further[0].workload)["arrivals"]["load"] == 1.3


DRAWN = SourceEntry(
    base="placement/random-stream",
    name="random",
    times=8,
    draws=[
        DrawnValue(values=[0, 1_000_000], override="fleet.random.seed=VALUE"),
        DrawnValue(values=[0.5, 1.5], override="workload.arrivals.load=VALUE"),
    ],
)


def test_values_are_drawn_by_the_seed() -> None:
    first = list(DRAWN.drawn(0))
    assert first == list(DRAWN.drawn(0))
    assert [entry.name for entry in first] == [f"random/{place}" for place in range(8)]
    told = {text for entry in first for text in entry.overrides}
    assert len(told) == 16
    for text in told:
        key, _, value = text.partition("=")
        assert value.isdigit() if key == "fleet.random.seed" else 0.5 <= float(value) <= 1.5
    assert first != list(DRAWN.drawn(1))


@pytest.mark.e2e
def test_drawn_fleets_have_numbers_of_qpus_of_their_own() -> None:
    told = compose_train(["mix=placement"])
    found = [scenario for scenario in told.scenarios if scenario.name.startswith("random")]
    counts = {len(scenario.fleet.qpus) for scenario in found}
    assert len(counts) > 3
    assert all(4 <= count <= 12 for count in counts)


def test_sweeps_take_a_mix() -> None:
    assert len(compose_sweep([TWO]).training().scenarios) == 2


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["scenario=[placement/qce5,allocation/eagle5]"], "what is learned on together is of one"),
        (["scenario=[placement/qce5,placement/qce5]"], "is there twice; give one of them a name"),
        (
            [TWO, "agent=ppo"],
            "agent ppo: learns on one scenario; reference_ppo, distilled and tuned",
        ),
        ([TWO, "agent=dqn"], "agent dqn: learns on one scenario"),
        (
            [
                "agent=reference_ppo_allocation",
                "scenario=[allocation/eagle5,{base: allocation/eagle5, name: b}]",
            ],
            "agent.sets: sets are of one fleet",
        ),
        (
            [TWO, "+scenario=placement/qce5"],
            "scenario: is chosen already; choose another with scenario=NAME",
        ),
        (
            [TWO, *FOUR, "agent.ppo.minibatches=3"],
            "agent.ppo.minibatches: 3; an update, of each of 2 scenarios, has only 2 decisions",
        ),
        (["mix=placement", "scenario=placement/qce5"], "leave one out"),
        (["mix=plcement"], "no such mix; did you mean placement"),
        (["scenario=[]"], "mix.sources: is empty"),
        (["+mix.sources=placement/qce5"], "mix.sources: 'placement/qce5'; it is a list such as"),
        (["scenario=[{bas: x}]"], "mix.sources[0].bas: no such key"),
        (
            ["scenario=[{base: placement/qce5, draws: [{values: [2, 1], override: VALUE}]}]"],
            "the least comes first",
        ),
        (
            ["scenario=[{base: placement/qce5, draws: [{values: [1, 2], override: x}]}]"],
            "has no VALUE in the place of a value",
        ),
        ([TWO, "workload.tass=3"], "workload.tass: no such key"),
        ([TWO, "agent.reward.kind=makespan"], "makespan is of track allocation"),
    ],
)
def test_what_cannot_be_mixed_is_one_line(
    tmp_path: Path, overrides: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"runs_dir={tmp_path}", "tracking=none", *overrides]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_config_is_shown_with_its_mix(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--cfg", "job", "--package", "mix", TWO]) == 0
    assert "placement/ibm12-stream" in capsys.readouterr().out
    for verb in (["train"], ["sweep"], ["submit", "train"]):
        assert main([*verb, "--cfg", "job", "mix=placement", "fleet=heron5"]) == 0
        out = capsys.readouterr().out
        shown: Any = OmegaConf.to_container(OmegaConf.create(out))
        assert "scenario" not in shown, "it is trained on those of the mix alone"
        assert len(shown["mix"]["sources"]) == 11
        for source in shown["mix"]["sources"]:
            assert source["overrides"][-1] == "fleet@scenario.fleet=heron5"
    assert main(["train", "--cfg", "job", "mix=placement", "scenario=placement/qce5"]) == 2
    assert "leave one out" in capsys.readouterr().err


def evaluation(relative: float, **changes: Any) -> Evaluation:
    given = {
        **{"metric": "m", "worlds": 4, "mean": 1.0, "baseline": 1.0},
        **{"relative_percent": relative, "low": relative - 3.0, "high": relative + 3.0},
        **{"goal": "min", "violations": 0, "truncated": 0, "collapsed": False, "figures": {}},
    }
    return Evaluation(**{**given, **changes})


class Judged:
    """A validation that has come to its end."""

    baseline, count = "b", 4

    def __init__(self, name: str, found: Evaluation, better: float) -> None:
        self.name, self._found = name, (found, better)

    def compare(self, _: Path) -> tuple[Evaluation, float]:
        return self._found


def test_sources_count_alike_and_the_worst_is_named() -> None:
    parts: Any = [
        Judged("a", evaluation(-10.0), 1.0),
        Judged("b", evaluation(4.0, violations=2), 0.25),
        Judged("c", evaluation(-3.0, collapsed=True), 0.5),
        Judged("d", evaluation(-3.0), 0.25),
    ]
    found = MixedValidation(parts).judge(Path())
    assert found.relative_percent == pytest.approx(-3.0)
    assert found.mean == pytest.approx(0.97)
    assert (found.low, found.high) == pytest.approx((-4.5, -1.5))
    assert found.figures["mean_rank"] == pytest.approx(1.5)
    assert found.figures["worst_percent"] == 4.0
    assert found.figures["b/relative_percent"] == 4.0
    assert (found.worlds, found.violations, found.collapsed) == (16, 2, True)
    assert "worst scenario +4.00 %, mean rank 1.50 of 2" in found.line


@pytest.mark.e2e
def test_sources_are_normalised_each_by_itself() -> None:
    told = compose_train([TWO, *SMALL])
    agent = told.agent
    assert isinstance(agent, ReferencePpo)
    sources = [world_source(scenario, suite="train") for scenario in told.scenarios]
    shards = local_shards(agent, sources, 0, LocalShards, range(2))
    assert isinstance(shards, MixedShards)
    assert [part.envs.num_envs for part in shards.parts] == [5, 5]
    assert [part.envs.single_action_space.n for part in shards.parts] == [5, 12]
    network = shards.parts[0].network
    weights = [parameter.detach() for parameter in network.parameters()]
    shards.collect(weights, [generator_of(0, 0), generator_of(0, 1)], 0)

    def gradients(*size: float) -> list[torch.Tensor]:
        mean, spread = [torch.tensor(0.0)] * 2, [torch.tensor(each) for each in size]
        step = Step(0, 0, mean, spread, 1.0)
        told = shards.gradients(weights, step)
        return [torch.cat([each.flatten() for each in one.gradients]) for one in told]

    one, other = gradients(1.0, 1.0), gradients(1.0, 8.0)
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[1], other[1])
    shards.close()


@pytest.mark.e2e
def test_a_training_over_several_scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = "{base: placement/qce5-unreliable, name: unreliable}"
    overrides = [f"scenario=[placement/qce5,placement/ibm12-stream,{entry}]", *SMALL]
    told = compose_train([*overrides, "agent.ppo.steps=200", f"runs_dir={tmp_path}"])
    notes: list[str] = []

    def run(config: TrainConfig) -> training.Trained:
        display = Silent()
        monkeypatch.setattr(display, "note", notes.append)
        return training.start(config, display=display)

    done = run(told)
    assert done.complete
    assert any("unreliable: its future is not as estimated" in note for note in notes)
    found = read_folder(done.folder / "exported")
    assert found.card.fleet == "any"
    assert found.card.provenance.scenario.split(", ")[2] == "unreliable"
    last = list(evaluations(read_progress(done.folder)))[-1][1]
    assert last.metric == "mean_completion_s_ratio"
    assert last.worlds == 6
    assert "unreliable/relative_percent" in last.figures
    again = run(told)
    files = [
        (each.folder / "exported" / "weights.safetensors").read_bytes() for each in (done, again)
    ]
    assert files[0] == files[1]
    assert training.go_on(done.folder).complete


@pytest.mark.e2e
def test_what_is_to_be_known_of_a_mix_is_told_once_also_by_one_who_goes_on() -> None:
    entry = "{base: placement/qce5-unreliable, name: unreliable}"
    given = ["agent=distilled", f"scenario=[placement/qce5,{entry}]", *SMALL, "agent.go_on=true"]
    given += ["agent.teacher.steps=80", "agent.teacher.horizon=4", "agent.teacher.samples=2"]
    told = compose_train([*given, "agent.ppo.steps=80", "agent.network.offset={}"])
    sources = [world_source(scenario, suite="test", seed=0) for scenario in told.scenarios]
    learner = make_learner(told.agent, sources, 0, None)
    updates = list(learner.run(lambda: False))
    assert updates[-1].steps == learner.total
    notes = [note for update in updates for note in update.notes]
    assert notes == [note for note in notes if "unreliable: its future is not" in note]
    assert len(notes) == 1
    learner.close()


def test_a_typed_config_of_two_with_one_name_is_refused() -> None:
    told = compose_train([TWO])
    data = plain(told)
    data["further"][0]["name"] = told.scenario.name
    with pytest.raises(InputError, match="is there twice"):
        check(typed(TrainConfig, data, ""))


def test_what_has_no_ratio_to_the_baseline_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["agent=reference_ppo", TWO, "validation.metric=violations", "validation.worlds=2"]
    assert main(["train", *told, "tracking=none", f"runs_dir={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert "validation.metric: violations of earliest_completion is 0 on average in" in said
    assert "choose another metric" in said


def test_narrow_ranges_are_drawn_from_as_wide_ones_are() -> None:
    """Four digits would make one value, and that beside the range, of all that is drawn here."""
    for least, most in ((1000000.5, 1000001.5), (0.123456, 0.123457), (-0.00012341, -0.00012339)):
        source = SourceEntry(
            base="placement/random-stream",
            name="random",
            times=200,
            draws=[DrawnValue(values=[least, most], override="x=VALUE")],
        )
        drawn = [float(entry.overrides[-1].partition("=")[2]) for entry in source.drawn(0)]
        assert all(least <= value <= most for value in drawn)
        assert len(set(drawn)) > 60
        assert min(drawn) < least + 0.1 * (most - least)
        assert max(drawn) > most - 0.1 * (most - least)
