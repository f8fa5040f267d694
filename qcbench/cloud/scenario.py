"""A scenario with everything drawn: what one trial simulates."""

from dataclasses import dataclass, field

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
