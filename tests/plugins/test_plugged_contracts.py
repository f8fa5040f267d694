"""The contracts of plug-ins find what is wrong with them, and nothing with those that are right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qcbench
from qcbench.errors import InputError
from qcbench.workload.workload import Tasks, Workload


def packaged(context: Any, *, widest: int = 9) -> Tasks:
    """Draw packaged circuits."""
    tasks: Tasks = context.packaged(max_qubits=widest)
    return tasks


def too_few(context: Any) -> Tasks:
    """Draw a task less."""
    tasks: Tasks = context.packaged(max(1, context.tasks - 1))
    return tasks


def of_everybody(context: Any) -> Tasks:
    """Draw from the generator of everybody."""
    tasks: Tasks = context.packaged()
    return tasks.take(np.random.permutation(len(tasks)))  # noqa: NPY002


def shotless(context: Any) -> Workload:
    """Ask for no shot."""
    tasks = context.packaged()
    tasks.shots[:] = 0
    return Workload(np.zeros(len(tasks)), tasks)


def positional(context: Any, widest: int = 9) -> Tasks:
    """Have a parameter that is no keyword."""
    return packaged(context, widest=widest)


def undocumented(context: Any) -> Tasks:
    return packaged(context)


@pytest.mark.parametrize(
    ("law", "broken"),
    [
        (packaged, ""),
        (too_few, "returned 6 tasks where 7 are asked for"),
        (of_everybody, "differs where the generators are equal; draw from context.rng"),
        (shotless, "task 0: shots is 0; at least 1"),
        (positional, "parameter widest is not keyword-only; write workload(context, *, widest)"),
        (undocumented, "has no docstring"),
    ],
)
def test_workloads(law: Callable[..., Any], broken: str) -> None:
    found = qcbench.check_plugin("workloads", law)
    assert (found == []) if not broken else (len(found) == 1 and broken in found[0]), found


def by_depth(tasks: Any, fleet: Any, *, layer_s: float = 1e-6) -> Any:
    """Return depth times shots."""
    return np.repeat((tasks.depth * tasks.shots * layer_s)[:, None], len(fleet), axis=1)


def by_the_mean(tasks: Any, fleet: Any) -> Any:
    """Depend on the others."""
    return by_depth(tasks, fleet) / max(1.0, tasks.depth.mean())


def drawn(tasks: Any, fleet: Any) -> Any:
    """Draw."""
    return np.random.random((len(tasks), len(fleet)))  # noqa: NPY002


def changing(tasks: Any, fleet: Any) -> Any:
    """Change what it is given."""
    tasks.qubits[:] = 1
    return np.ones((len(tasks), len(fleet)))


def above_one(tasks: Any, fleet: Any) -> Any:
    """Return what is no fidelity."""
    return np.full((len(tasks), len(fleet)), 1.2)


def choosy(tasks: Any, fleet: Any) -> Any:
    """Refuse every fleet."""
    raise InputError(f"fleet {fleet.name}: is none of mine")


@pytest.mark.parametrize(
    ("kind", "model", "broken"),
    [
        ("time_models", by_depth, []),
        ("time_models", above_one, []),
        ("time_models", by_the_mean, ["depends on the other tasks"]),
        ("fidelity_models", drawn, ["another answer", "depends on the other tasks"]),
        ("time_models", changing, ["changes qubits"]),
        ("fidelity_models", above_one, ["a fidelity is in 0..1"]),
        ("time_models", choosy, ["is none of mine"]),
    ],
)
def test_models(kind: str, model: Callable[..., Any], broken: list[str]) -> None:
    found = qcbench.check_plugin(kind, model)
    assert bool(found) == bool(broken)
    for words in broken:
        assert any(words in line for line in found), found


def mean_wait(records: Any, warm_up_s: float) -> float | None:
    """Return the mean wait."""
    seen = records.arrival_s >= warm_up_s
    return float(np.nanmean(records.wait_s[seen])) if seen.any() else None


def careless(records: Any, warm_up_s: float) -> float:
    """Take for granted that there is a task."""
    return float(records.wait_s[records.arrival_s >= warm_up_s].max())


def writing(records: Any, warm_up_s: float) -> float:
    """Write into the records."""
    records.wait_s[:] += 1.0
    return 0.0


def share_own(records: Any, warm_up_s: float) -> float:
    """Have a name that is taken."""
    return 0.0


@pytest.mark.parametrize(
    ("metric", "broken"),
    [
        (mean_wait, ""),
        (careless, "can tell where there is nothing to measure: metric careless raised ValueErr"),
        (writing, "changes wait_s of the records"),
        (share_own, "names that begin with share_ are qcbench's"),
    ],
)
def test_metrics(metric: Callable[..., Any], broken: str) -> None:
    found = qcbench.check_plugin("metrics", metric, track="placement")
    assert (found == []) if not broken else any(broken in line for line in found), found


FLEET = "name: lab\nqpus:\n  - {name: a, qubits: 27, family: ibmq27}\n"


def test_configs(install: Callable[..., Path]) -> None:
    files = {"acme/__init__.py": "", "acme/conf/fleet/lab.yaml": FLEET}
    install("acme", {"configs": {"acme": "acme:conf"}}, files)
    assert qcbench.check_plugin("configs", "acme") == []
    files = {
        "ajax/__init__.py": "",
        "ajax/conf/fleet/broken.yaml": FLEET.replace("qubits", "qubts"),
        "ajax/conf/fleet/qce5.yaml": FLEET,
        "ajax/conf/suite/idle.yaml": "name: idle\ntrack: placement\n",
    }
    install("ajax", {"configs": {"ajax": "ajax:conf", "none": "ajax:data"}}, files)
    found = qcbench.check_plugin("configs", "ajax")
    assert len(found) == 3, found
    assert any("qubts: no such key" in line for line in found)
    assert any("fleet/qce5.yaml: qcbench has one of this name too" in line for line in found)
    assert any("suite idle can be used" in line for line in found)
    assert len(qcbench.check_plugin("configs", "none")) == 1


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("policies", "policies are checked by qcbench.check_policy"),
        ("providers", "are checked by `qcbench replay test`"),
        ("metric", "no such kind of plug-in; did you mean metrics"),
    ],
)
def test_kinds_without_this_contract(kind: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        qcbench.check_plugin(kind, "x")


def test_parameters_of_a_contract_are_checked() -> None:
    with pytest.raises(InputError, match="time model by_depth: no parameter layer"):
        qcbench.check_plugin("time_models", by_depth, parameters={"layer": 1.0})
    with pytest.raises(InputError, match="metrics: 'nothing'; no installed package has such"):
        qcbench.check_plugin("metrics", "nothing")
