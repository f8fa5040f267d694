"""Every YAML there is composes into the dataclass of its group."""

import dataclasses

import pytest
from omegaconf import OmegaConf

from qcbench.agents.config import TrainConfig, compose_train
from qcbench.api import (
    ResumeConfig,
    RunConfig,
    SimulateConfig,
    compose_resume,
    compose_run,
    compose_simulate,
)
from qcbench.api.contract import ContractConfig
from qcbench.api.solving import SolveConfig, compose_solve
from qcbench.bench.claim import ClaimConfig
from qcbench.bench.compose import compose, compose_alone, compose_scenario, to_plain
from qcbench.bench.conf_files import conf_dir, options_of
from qcbench.bench.config import ClusterConfig, ScenarioConfig
from qcbench.bench.scenario import build_scenario, resolve_scenario
from qcbench.bench.suite import check_suite, suite_scenarios
from qcbench.bench.typed import plain, typed
from qcbench.errors import InputError
from qcbench.fleet.config import FleetConfig
from qcbench.hardware.backend import BackendConfig
from qcbench.hardware.emulator_process import emulator_module
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.tracking.config import TrackingConfig
from qcbench.tracks import TRACKS
from qcbench.workload.config import WorkloadConfig

ON_A_FILE = {"placement/qsimpy-file", "allocation/job-file", "serverless/jobs"}
"""Scenarios that are nothing without a file of the user's."""
ALONE = {
    "claim": ClaimConfig,
    "fleet": FleetConfig,
    "workload": WorkloadConfig,
    "cluster": ClusterConfig,
    "tracking": TrackingConfig,
    "faults": emulator_module("config").FaultsConfig,
    "backend": BackendConfig,
}


def test_every_group_is_known() -> None:
    groups = {path.name for path in conf_dir().iterdir() if path.is_dir()}
    assert groups == {*ALONE, "agent", "mix", "policy", "scenario", "suite", "sweep"}


@pytest.mark.parametrize("name", options_of("agent"))
def test_agent_is_typed_and_fits_a_scenario_of_its_track(name: str) -> None:
    track = to_plain(compose("train", [f"agent={name}"]))["agent"]["track"]
    told = compose_train([f"agent={name}", f"scenario={TRACKS[track].scenario}"])
    assert told.agent.name == name, "an agent is found by its name"
    assert typed(TrainConfig, plain(told), "") == told


@pytest.mark.parametrize(
    ("group", "name"), [(g, n) for g in ALONE for n in options_of(g)], ids=lambda part: part
)
def test_group_file_is_typed(group: str, name: str) -> None:
    composed = compose(f"{group}/{name}")
    circuits = composed[group].get("circuits")
    if circuits is not None and OmegaConf.is_missing(circuits, "path"):
        circuits.path = "some.csv"
    data = to_plain(composed)[group]
    value = typed(ALONE[group], data, group)
    assert typed(ALONE[group], plain(value), group) == value


@pytest.mark.parametrize("name", options_of("scenario"))
def test_scenario_is_typed_and_draws_a_world(name: str) -> None:
    if name in ON_A_FILE:
        with pytest.raises(InputError, match=r"scenario\.workload\.circuits\.path: is missing"):
            compose_scenario(name)
        return
    scenario = compose_scenario(name)
    resolved = resolve_scenario(scenario, "test", 0)
    assert typed(ScenarioConfig, plain(resolved), "scenario") == resolved
    assert len(build_scenario(resolved, "test", 0, 0).workload) > 0


CROSSINGS = {"serverless-bigc-v1", "serverless-bigq-v1"}
"""Suites of many dozen scenarios each."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.e2e] if name in CROSSINGS else [])
        for name in options_of("suite")
    ],
)
def test_suite_composes_and_resolves(name: str) -> None:
    told = compose_run([f"suite={name}"])
    check_suite(told.suite)
    assert told.suite.name == name, "a suite is found by its name"
    scenarios = suite_scenarios(told.suite)
    assert [s.name for s in scenarios] == [entry.name for entry in told.suite.scenarios]
    loads = [s.offered_load for s in scenarios if s.track == "placement"]
    assert all(load is not None and load > 0 for load in loads)


def test_placement_v1_is_the_suite_that_was_promised() -> None:
    suite = compose_run(["suite=placement-v1"]).suite
    loads = [s.offered_load or 0.0 for s in suite_scenarios(suite)]
    fleets = {s.fleet.name for s in suite_scenarios(suite)}
    assert suite.replicates == 30
    assert len(suite.policies) >= 8
    assert len(fleets) >= 3
    assert min(loads) < 1 < max(loads)


@pytest.mark.parametrize("name", [n for n in options_of("policy") if n != "default"])
def test_policy_file_names_a_policy_with_known_parameters(name: str) -> None:
    data = to_plain(compose("policy-alone", [f"policy={name}"]))["policy"]
    config = typed(PolicyConfig, data, "policy")
    if config.name == "champion":  # of whichever tracks have one
        assert config.label == "champion"
        return
    tracks = [track for track in TRACKS if config.name in registry.names(track)]
    assert tracks, f"{name} is no policy"
    if name not in {"scripted", "learned"}:  # they are nothing without a file
        registry.check_parameters(tracks[0], config)


def test_every_parameterised_policy_has_a_file() -> None:
    for track in TRACKS:
        for name in registry.names(track):
            if registry.find(track, name).parameters:
                assert name in options_of("policy")


def test_contract_file_is_typed_with_every_key_of_its_config() -> None:
    data = to_plain(compose("test-policy", ["policy=greedy"]))
    assert typed(ContractConfig, data, "").policy.name == "greedy"
    assert data.keys() == {field.name for field in dataclasses.fields(ContractConfig)}


@pytest.mark.parametrize(
    ("value", "cls"),
    [
        (compose_run(), RunConfig),
        (compose_resume(), ResumeConfig),
        (compose_simulate(), SimulateConfig),
        (compose_solve(), SolveConfig),
    ],
    ids=["run", "resume", "simulate", "solve"],
)
def test_verbs_are_typed(value: object, cls: type) -> None:
    assert isinstance(value, cls)
    assert dataclasses.is_dataclass(value)


def test_emulator_is_typed_with_every_key_of_its_config() -> None:
    config = emulator_module("config").EmulatorConfig
    data = to_plain(compose("emulator"))
    assert typed(config, data, "") == config(), "the file shows the defaults"
    assert data.keys() == {field.name for field in dataclasses.fields(config)}


@pytest.mark.parametrize(
    ("group", "name"),
    [(g, n) for g in ("policy", "fleet") for n in options_of(g) if n != "default"],  # has no name
)
def test_a_file_that_is_only_read_gives_what_hydra_composes(group: str, name: str) -> None:
    composed = to_plain(compose(f"{group}-alone", [f"{group}={name}"]))[group]
    assert compose_alone(group, name) == composed
