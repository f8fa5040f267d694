"""Trials of the placement track on the kernel."""

from functools import partial

from qcbench.cloud.cloud import Streams
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.kernels.engine import AnyPolicy, Simulator
from qcbench.kernels.placement.outcome import records_of
from qcbench.kernels.placement.summing import summed
from qcbench.kernels.placement.trial import TrialWorld, simulated
from qcbench.policies.protocol import PolicyContext


def simulator(scenario: Scenario, streams: Streams) -> Simulator:
    """Return what simulates trials on one world; its arrays are made once.

    Raises:
        InputError: the scenario cannot be compiled.
    """
    workload = scenario.workload
    if workload.phases is not None:
        raise InputError(
            f"scenario {scenario.name}: engine compiled: jobs with phases have no kernel in track "
            "placement; use engine simpy"
        )
    world = TrialWorld(scenario, streams)
    if workload.due_s is not None or workload.user is not None:
        return Simulator(partial(_records, world))
    return Simulator(partial(_records, world), partial(summed, world))


def _records(
    world: TrialWorld, policy: AnyPolicy, context: PolicyContext, streams: Streams
) -> Records:
    rows = simulated(world, policy, context)
    return records_of(world.scenario, world.splits, world.state, rows, streams)
