"""What every registered policy owes to its broker: the checks of `qcbench test-policy`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_samples import write_sample

from qcbench.bench.contract.checks import CHECKS, DECISIONS, Check, checks_of, problem_of
from qcbench.bench.contract.edges import edges
from qcbench.bench.contract.situations import random_fleet, situations
from qcbench.bench.contract.subjects import registered
from qcbench.errors import InputError
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext
from qcbench.tracks import TRACKS

ALL = [
    pytest.param(track, name, check, id=f"{track}-{name}-{check.run.__name__.strip('_')}")
    for track in TRACKS
    for name in registry.names(track)
    for check in checks_of(track)
    # A file of splits is for the tasks of one workload; see test_scripted_splits.
    if (track, name) != ("allocation", "scripted")
]


@pytest.mark.parametrize(("track", "name", "check"), ALL)
def test_every_policy_keeps_the_contract(
    track: Any, name: str, check: Check, tmp_path: Path
) -> None:
    parameters: dict[str, bool | int | float | str] = {}
    if name == "learned":
        parameters["path"] = str(write_sample(tmp_path / "policy", track))
    if name == "scripted":
        parameters["file"] = str(tmp_path / "5.csv")
    if "moves" in registry.find(track, name).parameters:
        parameters |= {"moves": 200, "restarts": 1}
    subject = registered(track, PolicyConfig(name=name, parameters=parameters))
    if name == "scripted":  # a script is for one number of QPUs and of decisions

        def scripted(context: PolicyContext) -> Any:
            qpus = len(context.fleet)
            file = tmp_path / f"{qpus}.csv"
            turns = "".join(f"{k % qpus}\n" for k in range(100 * DECISIONS))
            file.write_text(f"action\n{turns}")
            return subject.info.factory(context, file=str(file))

        (tmp_path / "5.csv").touch()
        subject = replace(subject, factory=scripted)
    assert problem_of(check, subject) == ""


def test_every_check_is_of_some_track() -> None:
    assert {check.promise for track in TRACKS for check in checks_of(track)} == {
        check.promise for check in CHECKS
    }


@pytest.mark.parametrize("track", TRACKS)
def test_arrays_of_a_view_cannot_be_written(track: Any) -> None:
    fleet = random_fleet(np.random.default_rng(3), 3)
    for view in (next(situations(track, 0, fleet, 1)), *(edge.view for edge in edges(track))):
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


@pytest.mark.parametrize("track", TRACKS)
def test_parameters_without_a_default_are_asked_for(track: Any) -> None:
    for name in registry.names(track):
        info = registry.find(track, name)
        assert not info.summary.endswith(".")
        if any(p.default is p.empty for p in info.parameters.values()):
            with pytest.raises(InputError, match="is missing"):
                registry.check_parameters(track, PolicyConfig(name=name))
        else:
            defaults = {key: p.default for key, p in info.parameters.items()}
            registry.check_parameters(track, PolicyConfig(name=name, parameters=defaults))
