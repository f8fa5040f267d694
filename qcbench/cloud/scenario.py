"""A scenario with everything drawn: what one trial simulates."""

from dataclasses import dataclass, field
from functools import cached_property

from qcbench.cloud.estimates import Estimates, estimate
from qcbench.cloud.rules import Rules
from qcbench.fleet.profile import Fleet
from qcbench.physics.config import PhysicsConfig
from qcbench.tracks import Track
from qcbench.workload.workload import Workload


@dataclass(frozen=True)
class Scenario:
    """Fleet, workload, rules and physics, and the kind of decision that a policy takes."""

    fleet: Fleet
    workload: Workload
    track: Track = "placement"
    rules: Rules = field(default_factory=Rules)
    physics: PhysicsConfig = field(default_factory=PhysicsConfig)
    name: str = ""

    @cached_property
    def estimates(self) -> Estimates:
        """What physics says of every task on every QPU, found once.

        Raises:
            InputError: see `qcbench.cloud.estimates.estimate`.
        """
        splits = self.rules.dispatch.qpus == "shared"
        return estimate(self.workload.tasks, self.fleet, self.physics, splits=splits)
