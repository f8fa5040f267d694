"""The compiled engine: it gives the records of `Cloud(scenario, decide, streams).run()`.

Every track has a room of its own with a function `simulator` of the same signature as the one here;
it is imported, and numba with it, when a trial of that track runs.
"""

import importlib.util
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from qcbench.cloud.cloud import Streams
from qcbench.cloud.records import Records
from qcbench.cloud.rules import Rules
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.summary import Summaries
from qcbench.errors import InputError
from qcbench.extras import install
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import Decide, PolicyContext
from qcbench.tracks import TRACKS, Track, module_of

AnyPolicy: TypeAlias = PolicyConfig | Callable[[PolicyContext], Decide]
"""A registered policy, which may have a compiled twin, or a factory, which has none."""


class Asked(NamedTuple):
    """A trial on a world: its policy, and what that may know."""

    policy: AnyPolicy
    context: PolicyContext


class Ended(NamedTuple):
    """What the simulation of a trial took [s], and why it failed if it did."""

    wall_s: float
    cpu_s: float
    error: BaseException | None = None


Summed: TypeAlias = Callable[[Sequence[Asked]], tuple[list[Ended], Summaries]]
"""Simulates trials and adds them up: returns how each ended, and what those that did not fail add
up to after the warm-up, in their order."""


class Simulator(NamedTuple):
    """Simulates trials on the world that it was made for.

    Built-in policies run as compiled twins; any other is asked in Python at every decision, with
    the view that it has on the SimPy cloud. A decision that its track does not know is a
    `PolicyError`.

    Attributes:
        records: simulates a trial under a policy, given the world's streams from their beginning.
        summed: simulates trials of which nobody wants to see the records, in a fraction of the
            time: those whose twins know the fleet alone in one compiled call. None where metrics
            of the world's trials need records.
    """

    records: Callable[[AnyPolicy, PolicyContext, Streams], Records]
    summed: Summed | None = None


COMPILED = tuple(track for track, info in TRACKS.items() if info.kernel)


def hindrance(track: Track, rules: Rules, name: str = "") -> str:
    """Return why a scenario cannot run on the compiled engine; empty where it can."""
    where = f"scenario {name}: engine compiled"
    if track not in COMPILED:
        return (
            f"{where}: track {track} has no kernel ({', '.join(COMPILED)} have); use engine simpy"
        )
    if rules.dispatch.holds_and_waits:
        return (
            f"{where}: rules.dispatch.order {rules.dispatch.order} has no kernel (fifo and "
            "backfill have); use engine simpy"
        )
    if importlib.util.find_spec("numba") is None:
        return f"{where}: numba is not installed; `{install(['bench'])}`, or use engine simpy"
    return ""


def check(track: Track, rules: Rules, name: str = "") -> None:
    """Check that a scenario can run on the compiled engine.

    Raises:
        InputError: it cannot, or numba is not installed.
    """
    if reason := hindrance(track, rules, name):
        raise InputError(reason)


def simulator(scenario: Scenario, streams: Streams) -> Simulator:
    """Return what simulates trials on one world with the kernel of its track.

    What does not depend on the policy is done here, or in the first trial.

    Raises:
        InputError: what the kernel does not know, see `check`.
    """
    check(scenario.track, scenario.rules, scenario.name)
    room = module_of("qcbench.kernels", scenario.track, "simulate")
    found: Simulator = room.simulator(scenario, streams)
    return found


def simulate(
    scenario: Scenario, policy: AnyPolicy, context: PolicyContext, streams: Streams
) -> Records:
    """Simulate one trial, see `Simulator`."""
    return simulator(scenario, streams).records(policy, context, streams)


def python_policy(track: Track, policy: AnyPolicy, context: PolicyContext) -> Decide:
    """Build the policy in Python, for a kernel that is stepped from decision to decision."""
    if isinstance(policy, PolicyConfig):
        return registry.make(track, policy, context)
    return policy(context)


def late_policy(track: Track, policy: AnyPolicy, context: PolicyContext) -> Callable[[], Decide]:
    """Return what gives the policy in Python, which can be built; no trial of a twin asks for it.

    See `qcbench.policies.registry.builder`.
    """
    if isinstance(policy, PolicyConfig):
        return registry.builder(track, policy, context)
    decide = policy(context)
    return lambda: decide
