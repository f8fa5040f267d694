"""The compiled engine: one call that gives the records of `Cloud(scenario, decide, streams).run()`.

Every track has a room of its own with a function `simulate` of the same signature as the one here;
it is imported, and numba with it, when a trial of that track runs.
"""

import importlib.util
from collections.abc import Callable
from typing import TypeAlias

from qcbench.cloud.cloud import Streams
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Rules
from qcbench.cloud.scenario import Scenario
from qcbench.errors import InputError
from qcbench.extras import install
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Decide, PolicyContext
from qcbench.tracks import TRACKS, Track, module_of

AnyPolicy: TypeAlias = PolicyConfig | Callable[[PolicyContext], Decide]
"""A registered policy, which may have a compiled twin, or a factory, which has none."""

COMPILED = tuple(track for track, info in TRACKS.items() if info.kernel)


def check(track: Track, rules: Rules, name: str = "") -> None:
    """Check that a scenario can run on the compiled engine.

    Raises:
        InputError: it cannot, or numba is not installed.
    """
    where = f"scenario {name}: engine compiled"
    if track not in COMPILED:
        raise InputError(
            f"{where}: track {track} has no kernel ({', '.join(COMPILED)} have); use engine simpy"
        )
    if rules.dispatch.holds_and_waits:
        raise InputError(
            f"{where}: rules.dispatch.order {rules.dispatch.order} has no kernel (fifo and "
            "backfill have); use engine simpy"
        )
    if importlib.util.find_spec("numba") is None:
        raise InputError(
            f"{where}: numba is not installed; `{install(['bench'])}`, or use engine simpy"
        )


def simulate(
    scenario: Scenario, policy: AnyPolicy, context: PolicyContext, streams: Streams
) -> Records:
    """Simulate one trial on the kernel of its track.

    Built-in policies run as compiled twins; any other is asked in Python at every decision, with
    the view that it has on the SimPy cloud.

    Raises:
        InputError: what the kernel does not know, see `check`.
        PolicyError: the policy took a decision that its track does not know.
    """
    check(scenario.track, scenario.rules, scenario.name)
    room = module_of("qcbench.kernels", scenario.track, "simulate")
    records: Records = room.simulate(scenario, policy, context, streams)
    return records


def python_policy(track: Track, policy: AnyPolicy, context: PolicyContext) -> Decide:
    """Build the policy in Python, for a kernel that is stepped from decision to decision."""
    if isinstance(policy, PolicyConfig):
        return registry.make(track, policy, context)
    return policy(context)
