"""Workloads and models of other packages: what they say is what a trial runs with."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qcbench.api import compose_simulate, simulate, trial_of
from qcbench.bench.run import simulate_trial
from qcbench.cli.main import main
from qcbench.cloud.records import Records
from qcbench.errors import InputError
from qcbench.plugins import PluginError

CODE = '''"""Of a package."""

import numpy as np

from qcbench.workload.workload import Workload


def narrow(context, *, widest: int = 5):
    """Packaged circuits of few qubits."""
    return context.packaged(max_qubits=widest)


def spaced(context, *, gap_s: float = 7.0):
    """Packaged circuits, each some time after the other."""
    tasks = context.packaged()
    return Workload(np.arange(len(tasks)) * gap_s, tasks)


def mean(context):
    """No tasks."""
    return [1, 2]


def raising(context):
    """Raises."""
    return {}["missing"]


def as_d1cps(tasks, fleet, *, factor: float = 1.0):
    """Return what QSimPy's model says."""
    depth = np.stack([tasks.compiled[qpu.family].depth for qpu in fleet], axis=1)
    return factor * depth / fleet.figures("d1cps") * tasks.shots[:, None]


def flat(tasks, fleet, *, value: float = 0.5):
    """Return one figure for everything."""
    return np.full((len(tasks), len(fleet)), value)


def column(tasks, fleet):
    """Return a column."""
    return np.ones(len(tasks))


def words(tasks, fleet):
    """Return words."""
    return "long"
'''
POINTS = {
    "workloads": {name: f"acme:{name}" for name in ("narrow", "spaced", "mean", "raising")},
    "time_models": {name: f"acme:{name}" for name in ("as_d1cps", "flat", "column", "words")},
    "fidelity_models": {name: f"acme:{name}" for name in ("flat", "column")},
}


@pytest.fixture(autouse=True)
def acme(install: Callable[..., Path]) -> None:
    install("acme", POINTS, {"acme.py": CODE})


def workload(name: str, process: str, **parameters: object) -> list[str]:
    told = ",".join(f"{key}: {value}" for key, value in parameters.items())
    return [
        f"workload.circuits={{source: plugin, name: {name}, parameters: {{{told}}}}}",
        f"workload.arrivals={process}",
        "workload.tasks=30",
    ]


def model(key: str, name: str, **parameters: object) -> str:
    told = ",".join(f"{key}: {value}" for key, value in parameters.items())
    return f"physics.{key}={{model: plugin, name: {name}, parameters: {{{told}}}}}"


def run(*told: str, engine: str = "simpy") -> Records:
    return simulate_trial(trial_of(compose_simulate([*told, f"engine={engine}"])))


POISSON = "{process: poisson, rate_per_s: 0.2}"


def test_tasks_arrive_as_the_config_says() -> None:
    records = run(*workload("narrow", POISSON, widest=3), "policy=greedy")
    assert len(records.workload) == 30
    assert records.workload.tasks.qubits.max() <= 3
    gaps_s = np.diff(records.workload.arrival_s)
    assert 0 < gaps_s.mean() < 25


def test_all_policies_meet_the_same_world_and_replicates_differ() -> None:
    told = workload("narrow", POISSON)
    first, second = run(*told, "policy=greedy"), run(*told, "policy=random")
    assert np.array_equal(first.workload.arrival_s, second.workload.arrival_s)
    assert list(first.workload.tasks.algorithm) == list(second.workload.tasks.algorithm)
    other = run(*told, "policy=greedy", "seed=1")
    assert list(first.workload.tasks.algorithm) != list(other.workload.tasks.algorithm)


def test_a_load_becomes_a_rate() -> None:
    told = workload("narrow", "{process: poisson, load: 0.5}")
    trial = trial_of(compose_simulate(told))
    assert trial.scenario_config["offered_load"] == 0.5
    assert trial.scenario_config["workload"]["arrivals"]["rate_per_s"] > 0
    assert trial.plugins.keys() == {"workloads/narrow"}


def test_a_workload_with_its_own_arrivals() -> None:
    records = run(*workload("spaced", "{process: file}", gap_s=3.5), "policy=greedy")
    assert np.array_equal(records.workload.arrival_s, np.arange(30) * 3.5)


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_both_engines_run_it(engine: str) -> None:
    told = [*workload("spaced", "{process: file}"), model("time", "as_d1cps", factor=2.0)]
    records = run(*told, "policy=greedy", engine=engine)
    plain = run(*workload("spaced", "{process: file}"), "policy=greedy")
    assert (records.status == 0).all()
    assert np.allclose(records.estimates.exec_s, 2.0 * plain.estimates.exec_s)


def test_a_model_that_says_the_same_gives_the_same_trial() -> None:
    """The formula of a packaged model, written by somebody else."""
    usual = run("scenario=placement/qce5", "policy=earliest_completion")
    theirs = run("scenario=placement/qce5", "policy=earliest_completion", model("time", "as_d1cps"))
    assert np.array_equal(usual.qpu, theirs.qpu)
    np.testing.assert_allclose(theirs.completion_s, usual.completion_s, rtol=1e-12)
    assert np.array_equal(usual.fidelity, theirs.fidelity)


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_part_of_a_split_is_as_good_as_the_whole(engine: str) -> None:
    told = ["scenario=allocation/eagle5", "workload.tasks=20", "policy=speed"]
    records = run(*told, model("fidelity", "flat", value=0.5), engine=engine)
    parts = np.array([len(each) for each in records.parts])
    assert parts.max() > 1
    np.testing.assert_allclose(records.fidelity, 0.5 * 0.94 ** (parts - 1.0))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (workload("narow", POISSON), "workload.circuits.name: 'narow'; no installed package has"),
        (
            workload("narrow", POISSON, width=3),
            "workload narrow: no parameter width; did you",
        ),
        (workload("narrow", POISSON, widest=2.5), "parameter widest is 2.5; it must be int"),
        (workload("narrow", "{process: file}"), "process: file; workload narrow has no arrivals"),
        (workload("spaced", POISSON), "must be file, since workload spaced has arrivals"),
        (workload("narrow", "{process: qsimpy}"), "process qsimpy needs circuits from a file"),
        ([model("time", "as_d1cp")], "physics.time.name: 'as_d1cp'; no installed package has such"),
        ([model("time", "flat", values=1)], "time model flat: no parameter values"),
        ([model("fidelity", "flt")], "physics.fidelity.name: 'flt'; no installed package has such"),
        (["physics.time.model=plugin"], "physics.time.name: is missing"),
    ],
)
def test_what_does_not_fit_is_one_line(
    told: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *told]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (workload("mean", POISSON), r"workload mean: returned \[1, 2\]; it is Tasks or"),
        (
            workload("raising", POISSON),
            r"workload raising raised KeyError: 'missing' \(acme.py, li",
        ),
        ([model("time", "column")], r"returned an array of shape \(2600,\); for 2600"),
        ([model("time", "words")], "time model words: returned 'long'; it is an array of numbers"),
        ([model("time", "flat", value=-1)], r"gives task 0 \(\w+\) -1 on .*; an execution time is"),
        ([model("fidelity", "flat", value=1.5)], r"gives task 0 .* 1.5 on .*; a fidelity is in 0"),
    ],
)
def test_code_that_fails_is_one_line(
    told: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PluginError, match=message):
        run(*told)
    assert main(["simulate", *told]) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)


def test_from_python() -> None:
    records = simulate("placement/qce5", "greedy", overrides=[model("fidelity", "flat")])
    assert (records.fidelity == 0.5).all()
    with pytest.raises(InputError, match="no parameter worth"):
        simulate("placement/qce5", overrides=[model("fidelity", "flat", worth=1)])
