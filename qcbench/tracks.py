"""The tracks: for each kind of decision one record of what it is and what is usual on it.

A track is one entry of `TRACKS` and the modules that are named after it. Rooms ask the entry for
facts and `module_of` for what they have for the track; no other table lists the tracks:

  qcbench/policies/TRACK/          its policies, one file each
  qcbench/bench/metrics/TRACK      `NAMES`, `PREFIXES`, `MORE_IS_BETTER`, `metrics`, `bounded`, and
                                   `metrics_of_summaries` where metrics need no records
  qcbench/bench/contract/TRACK     `SCENARIO`, `OVERRIDES`, `views`, `edges`
  qcbench/kernels/TRACK/simulate   `simulate`, where it has a kernel
  qcbench/policies/features/TRACK  `LAYOUTS`, `USUAL_REWARD`, where it is learned
  qcbench/policies/features/observers/TRACK  `observer`, where it is learned
  qcbench/envs/TRACK/              `defaults`, `single`, `vector`, where it is learned
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Literal, TypeAlias, TypeGuard

Track: TypeAlias = Literal["placement", "allocation", "queueing", "partition"]
"""The name of a track."""
LearnedTrack: TypeAlias = Literal["placement", "allocation", "queueing"]
"""The name of a track that agents are trained on."""


@dataclass(frozen=True, kw_only=True)
class TrackInfo:
    """What a track is, and what is usual on it.

    Attributes:
        decision: what a policy decides, in words.
        choice: what a decision names: a QPU, a split over QPUs, a waiting task, or the nodes of
            every qubit.
        at_once: one decision is taken, about the whole workload.
        mode, qpus: how tasks meet QPUs, see `qcbench.cloud.rules.Dispatch`.
        scenario: that is taken where none is named.
        suite: to try a policy in.
        baseline: the policy that others are compared with, and that is taken where none is named.
        metric, goal: that policies are judged by where no other is named, and whether more is
            better.
        promotion_worlds: that candidates for the champion are judged on.
        guards: metrics in which one that is judged over a suite may not be worse than the standing
            champion, each by more than a share of what that has.
        validation_worlds: that agents are judged on while they learn; 0 where none do.
        rest: what a completion time holds besides wait and execution.
        kernel: there is a compiled twin of the cloud.
        environments: their Gymnasium ids, the usual one first.
        observations: that agents can choose from, the usual one first; see
            `qcbench.policies.features.layout.layout_named`.
        rewards: kinds of reward that there are.
    """

    decision: str
    choice: Literal["qpu", "split", "waiting", "nodes"]
    at_once: bool = False
    mode: Literal["push", "pull"]
    qpus: Literal["exclusive", "shared"]
    scenario: str
    suite: str
    baseline: str
    metric: str
    goal: Literal["min", "max"] = "min"
    promotion_worlds: int
    guards: Mapping[str, float]
    validation_worlds: int = 0
    rest: str
    kernel: bool = False
    environments: tuple[str, ...] = ()
    observations: tuple[str, ...] = ()
    rewards: tuple[str, ...] = ()


TRACKS: Mapping[Track, TrackInfo] = {
    "placement": TrackInfo(
        decision="which QPU a task goes to",
        choice="qpu",
        mode="push",
        qpus="exclusive",
        scenario="placement/qce5",
        suite="quickstart",
        baseline="earliest_completion",
        metric="mean_completion_s",
        promotion_worlds=200,
        guards={"p99_completion_s": 0.05, "makespan_s": 0.05, "mean_fidelity": 0.02},
        validation_worlds=400,
        rest="other delays",
        kernel=True,
        environments=("qcbench/Placement-v1",),
        observations=("usual", "relative", "deadlines", "legacy"),
        rewards=("cost", "hindsight", "legacy"),
    ),
    "allocation": TrackInfo(
        decision="how many qubits of which QPUs a task gets, and when",
        choice="split",
        mode="push",
        qpus="shared",
        scenario="allocation/eagle5",
        suite="allocation-v1",
        baseline="speed",
        metric="makespan_s",
        promotion_worlds=30,
        guards={"p99_completion_s": 0.05, "mean_fidelity": 0.02},
        validation_worlds=10,
        rest="communication",
        kernel=True,
        environments=("qcbench/Allocation-v1", "qcbench/AllocationDiscrete-v1"),
        observations=("usual", "relative", "deadlines"),
        rewards=("cost", "makespan"),
    ),
    "queueing": TrackInfo(
        decision="which waiting task a free QPU takes next",
        choice="waiting",
        mode="pull",
        qpus="exclusive",
        scenario="serverless/small",
        suite="serverless-small-v1",
        baseline="fifo",
        metric="mean_job_s",
        promotion_worlds=20,
        guards={"p99_job_s": 0.05, "mean_fidelity": 0.02},
        validation_worlds=4,
        rest="classical phases",
        kernel=True,
        environments=("qcbench/Queueing-v1",),
        observations=("usual", "relative", "deadlines"),
        rewards=("cost", "hindsight"),
    ),
    "partition": TrackInfo(
        decision="which node each qubit of each circuit of a batch lies on",
        choice="nodes",
        at_once=True,
        mode="push",
        qpus="shared",
        scenario="partition/nodes20",
        suite="partition-v1",
        baseline="pragm_pp",
        metric="total_node_cost",
        promotion_worlds=30,
        guards={"makespan_s": 0.05},
        rest="communication",
    ),
}
"""All tracks, in the order in which they are listed."""

USUAL: Track = "placement"
"""What is taken where neither a scenario nor anything else says which track is meant."""


def is_track(name: str | None) -> TypeGuard[Track]:
    """Whether there is a track of this name."""
    return name in TRACKS


def is_learned(track: Track) -> TypeGuard[LearnedTrack]:
    """Whether agents are trained on a track: whether it has environments."""
    return bool(TRACKS[track].environments)


def learned_tracks() -> list[LearnedTrack]:
    """Return the tracks that agents are trained on."""
    return [track for track in TRACKS if is_learned(track)]


@cache
def module_of(room: str, track: Track, part: str = "") -> ModuleType:
    """Return what a room has for a track: the module or package of its name in it, or a part of it.

    Raises:
        ModuleNotFoundError: the room has nothing for this track.
    """
    return import_module(".".join(filter(None, (room, track, part))))
