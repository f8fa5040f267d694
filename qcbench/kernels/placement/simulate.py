"""Trials of the placement track on the kernel."""

from functools import partial
from typing import cast

from qcbench.cloud.cloud import Streams
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.kernels.engine import AnyPolicy, Simulator, late_policy
from qcbench.kernels.placement.outcome import Ended, LateRecords, records_of
from qcbench.kernels.placement.trial import EventTrial, TrialWorld
from qcbench.kernels.twins import fresh_twin
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Placement, PolicyContext, ScriptError


def simulator(scenario: Scenario, streams: Streams) -> Simulator:
    """Return what simulates trials on one world; its arrays are made once.

    Raises:
        InputError: the scenario cannot be compiled.
    """
    if scenario.workload.phases is not None:
        raise InputError(
            f"scenario {scenario.name}: engine compiled: jobs with phases have no kernel in track "
            "placement; use engine simpy"
        )
    return partial(_simulate, TrialWorld(scenario, streams))


def _simulate(
    world: TrialWorld, policy: AnyPolicy, context: PolicyContext, streams: Streams
) -> Records:
    python = late_policy("placement", policy, context)
    twin = fresh_twin("placement", policy, world.scenario.fleet)
    trial = EventTrial(world)
    if twin is None:
        trial.ask(cast(Placement, python()))
    elif not trial.run(twin, context):
        script = policy.parameters["file"] if isinstance(policy, PolicyConfig) else ""
        raise ScriptError(f"{script}: the script ends before the tasks do")
    return records_late(world, trial.ended(), streams)


def records_late(world: TrialWorld, ended: Ended, streams: Streams) -> Records:
    """Return the records of a trial that is over; they need the world for as long as they live."""
    scenario = world.scenario
    make = partial(records_of, scenario, world.splits, ended, streams)
    return LateRecords(scenario, ended, make, partial(world.summarise, ended))
