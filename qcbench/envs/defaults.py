"""The worlds that environments take where none are named: one published study a track.

They are those of the scenarios `placement/qce5`, `allocation/eagle5` (100 jobs instead of 1,000)
and `serverless/small` (one day instead of seven), world by world.
"""

from dataclasses import dataclass, field
from functools import partial

from qcbench.cloud.cloud import Streams
from qcbench.cloud.deadlines import draw_deadlines
from qcbench.cloud.rules import Rules
from qcbench.cloud.scenario import Scenario
from qcbench.cloud.seeds import stream
from qcbench.envs.worlds import Split, Splits
from qcbench.errors import InputError, nearest
from qcbench.fleet.profile import Fleet
from qcbench.physics.config import PhysicsConfig
from qcbench.tracks import Track, is_learned, learned_tracks, module_of
from qcbench.workload.config import WorkloadConfig
from qcbench.workload.generate import make_workload

SUITE = "simulate"
"""Worlds are those of `qcbench simulate`."""


@dataclass(frozen=True)
class DrawnWorlds:
    """Worlds with one fleet and a workload that is drawn anew in every replicate."""

    name: str
    track: Track
    fleet: Fleet
    workload: WorkloadConfig
    rules: Rules
    physics: PhysicsConfig = field(default_factory=PhysicsConfig)
    splits: Splits = field(default_factory=Splits)

    def __call__(self, split: Split, index: int) -> tuple[Scenario, Streams]:
        """Draw a world."""
        replicate = self.splits.replicate(split, index)
        of_world = partial(stream, SUITE, self.name, replicate)
        workload = make_workload(
            self.workload,
            replicate,
            of_world("circuits"),
            of_world("arrivals"),
            until_s=self.rules.horizon_s,
        )
        scenario = Scenario(
            name=self.name,
            track=self.track,
            fleet=self.fleet,
            workload=workload,
            rules=self.rules,
            physics=self.physics,
        )
        law = self.workload.deadlines
        if law is not None:
            scenario = draw_deadlines(scenario, law, of_world("deadlines"))
        return scenario, Streams(of_world)


def default_worlds(track: Track) -> DrawnWorlds:
    """Return the usual worlds of a track.

    Raises:
        InputError: a track that has no environment.
    """
    if not is_learned(track):
        raise InputError(f"track {track}: has no environment{nearest(track, learned_tracks())}")
    found: DrawnWorlds = module_of("qcbench.envs", track, "defaults").default_worlds()
    return found
