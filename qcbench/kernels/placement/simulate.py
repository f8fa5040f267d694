"""One trial of the placement track on the kernel."""

from qcbench.cloud.cloud import Streams
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.kernels.engine import AnyPolicy, python_policy
from qcbench.kernels.placement.outcome import records_of
from qcbench.kernels.placement.trial import EventTrial
from qcbench.kernels.placement.worlds import worlds_of
from qcbench.kernels.rules import limits_of
from qcbench.kernels.twins import make_twin
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Placement, PolicyContext, ScriptError
from qcbench.policies.twins import TwinContext


def simulate(
    scenario: Scenario, policy: AnyPolicy, context: PolicyContext, streams: Streams
) -> Records:
    """Return what `Cloud(scenario, decide, streams).run()` returns.

    Raises:
        InputError: the scenario cannot be compiled, or a policy's parameters do not fit.
        PolicyError: the policy took a decision that is none; a script that ends too early is one.
    """
    if scenario.workload.phases is not None:
        raise InputError(
            f"scenario {scenario.name}: engine compiled: jobs with phases have no kernel in track "
            "placement; use engine simpy"
        )
    python: Placement = python_policy("placement", policy, context)  # type: ignore[assignment]
    twin = make_twin("placement", policy, TwinContext(scenario.fleet))
    worlds = worlds_of([scenario])
    trial = EventTrial(scenario, streams, worlds, limits_of(scenario.rules))
    if twin is None:
        trial.ask(python, scenario)
    elif not trial.run(twin, context.rng):
        script = policy.parameters["file"] if isinstance(policy, PolicyConfig) else ""
        raise ScriptError(f"{script}: the script ends before the tasks do")
    return records_of(scenario, trial.state, trial.rows, streams.drift)
