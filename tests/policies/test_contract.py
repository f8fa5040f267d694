"""What every registered policy owes to its broker, whoever wrote it."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_samples import write_sample
from views import allocation_views, batches, placement_views, queue_views, random_fleet

from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet
from qcbench.policies import registry
from qcbench.policies.batch.problem import Batch
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.view import AllocationView, PlacementView, QueueView

VIEWS: dict[str, Callable[[int, Fleet, int], Iterator[Any]]] = {
    "placement": placement_views,
    "allocation": allocation_views,
    "queueing": queue_views,
    "partition": batches,
}
MAY_VIOLATE = {"round_robin", "greedy", "greedy_error", "random", "scripted"}
"""The published heuristics, which do not look at what fits; `scripted` does what it is told."""
ALL = [(track, name) for track in registry.TRACKS for name in registry.names(track)]
QPUS = [1, 2, 5, 40]
DECISIONS = 60

everyone = pytest.mark.parametrize(("track", "name"), ALL, ids=[f"{t}-{n}" for t, n in ALL])


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Any, str, Fleet, np.random.Generator], Any]:
    def build(track: Any, name: str, fleet: Fleet, rng: np.random.Generator) -> Any:
        parameters: dict[str, bool | int | float | str] = {}
        if name == "scripted":
            file = tmp_path / f"{len(fleet)}.csv"
            file.write_text("action\n" + "".join(f"{k % len(fleet)}\n" for k in range(DECISIONS)))
            parameters["file"] = str(file)
        if name == "learned":
            parameters["path"] = str(write_sample(tmp_path / "policy", track))
        if "moves" in registry.find(track, name).parameters:
            parameters |= {"moves": 200, "restarts": 1}
        config = PolicyConfig(name=name, parameters=parameters)
        decide: Any = registry.make(track, config, PolicyContext(fleet, rng))
        if track == "partition":
            return lambda batch: [nodes.tolist() for nodes in decide(batch)]
        return decide

    return build


def check_legal(view: Any, decision: Any, name: str) -> None:
    if isinstance(view, PlacementView):
        assert type(decision) is int
        assert 0 <= decision < len(view.fleet)
        if name not in MAY_VIOLATE:
            assert view.feasible[decision]
    elif isinstance(view, AllocationView):
        if decision is None:
            return
        parts = decision if isinstance(decision, dict) else dict(enumerate(decision))
        assert isinstance(decision, dict) or len(decision) == len(view.fleet)
        assert sum(parts.values()) == view.task_qubits
        assert all(0 <= part <= view.free_qubits[qpu] for qpu, part in parts.items())
    elif isinstance(view, Batch):
        assert [len(nodes) for nodes in decision] == view.demands.tolist()
        held = view.allocation([np.array(nodes) for nodes in decision]).sum(axis=0)
        assert (held <= view.capacities).all()
    elif isinstance(view, QueueView):
        assert type(decision) is int
        assert 0 <= decision < len(view.waiting)


@everyone
@pytest.mark.parametrize("qpus", QPUS)
def test_every_decision_is_legal(make: Any, track: Any, name: str, qpus: int) -> None:
    fleet = random_fleet(np.random.default_rng(qpus), qpus)
    decide = make(track, name, fleet, np.random.default_rng(0))
    decisions = 0
    for view in VIEWS[track](qpus, fleet, DECISIONS):
        check_legal(view, decide(view), name)
        decisions += 1
    assert decisions == DECISIONS


@pytest.mark.parametrize("name", registry.names("allocation"))
def test_an_allocation_never_waits_where_everything_is_free(make: Any, name: str) -> None:
    fleet = random_fleet(np.random.default_rng(4), 4)
    decide = make("allocation", name, fleet, np.random.default_rng(0))
    for view in allocation_views(4, fleet, DECISIONS):
        if (view.free_qubits == fleet.qubits).all():
            assert decide(view) is not None


@everyone
@pytest.mark.parametrize("qpus", QPUS)
def test_equal_streams_and_situations_give_equal_decisions(
    make: Any, track: Any, name: str, qpus: int
) -> None:
    """Pure in its stream: no clock, no global generator, nothing left over from another trial."""

    def decisions() -> list[Any]:
        fleet = random_fleet(np.random.default_rng(qpus), qpus)
        decide = make(track, name, fleet, np.random.default_rng(17))
        return [decide(view) for view in VIEWS[track](qpus, fleet, DECISIONS)]

    first = decisions()
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    assert decisions() == first
    fleet = random_fleet(np.random.default_rng(qpus), qpus)
    one = make(track, name, fleet, np.random.default_rng(17))
    other = make(track, name, fleet, np.random.default_rng(99))
    mixed = []
    for view, twin in zip(
        VIEWS[track](qpus, fleet, DECISIONS), VIEWS[track](qpus + 1, fleet, DECISIONS), strict=True
    ):
        mixed.append(one(view))
        other(twin)
    assert mixed == first  # two instances side by side share nothing


@everyone
def test_a_decision_leaves_the_view_as_it_was(make: Any, track: Any, name: str) -> None:
    fleet = random_fleet(np.random.default_rng(3), 3)
    decide = make(track, name, fleet, np.random.default_rng(0))

    def contents(view: Any) -> dict[str, Any]:
        found = {}
        for attribute in dir(view):
            value = getattr(view, attribute)
            if attribute.startswith("_") or callable(value) or attribute == "fleet":
                continue
            found[attribute] = value.tolist() if isinstance(value, np.ndarray) else value
        return found

    for view in VIEWS[track](3, fleet, 20):
        before = contents(view)
        assert len(before) >= 3
        decide(view)
        assert contents(view) == before


@pytest.mark.parametrize("track", registry.TRACKS)
def test_arrays_of_a_view_cannot_be_written(track: Any) -> None:
    fleet = random_fleet(np.random.default_rng(3), 3)
    view = next(VIEWS[track](0, fleet, 1))
    arrays = {
        attribute: getattr(view, attribute)
        for attribute in dir(view)
        if isinstance(getattr(view, attribute), np.ndarray)
    }
    assert track == "queueing" or arrays
    for name, array in {**arrays, "qubits": fleet.qubits}.items():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
        assert not array.flags.writeable, name


@everyone
def test_every_policy_says_what_it_is_and_has_typed_keyword_parameters(
    track: Any, name: str
) -> None:
    info = registry.find(track, name)
    assert info.summary
    assert not info.summary.endswith(".")
    for parameter in info.parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.annotation is not parameter.empty
    if any(p.default is p.empty for p in info.parameters.values()):
        with pytest.raises(InputError, match="is missing"):
            registry.check_parameters(track, PolicyConfig(name=name))
    else:
        defaults = {key: p.default for key, p in info.parameters.items()}
        registry.check_parameters(track, PolicyConfig(name=name, parameters=defaults))
