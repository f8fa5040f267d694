"""A trial: one (scenario, policy, seed), the unit that is hashed, run, stored and resumed."""

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import polars as pl

MODEL_VERSION = 3
"""Raised whenever the same trial would give other numbers, so that old results are not reused."""


ADDED: Mapping[tuple[str, ...], Any] = {
    ("workload", "deadlines"): None,
    ("rules", "deadlines"): "observe",
    ("physics", "time", "overheads_s"): {},
}
"""Keys of a scenario that came after the first release, each with the value at which everything is
as it was without it: there it is not hashed, so that trials keep their ids."""


def as_before(scenario_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scenario without what was added and changes nothing."""
    content = dict(scenario_config)
    for path, value in ADDED.items():
        content = _without(content, path, value)
    return content


def _without(content: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return a mapping without what lies at a path, if it is this value."""
    first, *rest = path
    inside = content.get(first)
    if rest and isinstance(inside, Mapping):
        return {**content, first: _without(inside, tuple(rest), value)}
    if not rest and first in content and inside == value:
        return {name: content[name] for name in content if name != first}
    return dict(content)


class Correction(NamedTuple):
    """What was wrong of scenarios of a kind under this model version.

    Attributes:
        applies: whether a scenario is of that kind.
        path: of the part of it that gets a mark.
        before: what an earlier qcbench did wrong, as a sentence goes on.
    """

    applies: Callable[[Mapping[str, Any]], bool]
    path: tuple[str, ...]
    before: str


def _until_horizon(scenario: Mapping[str, Any], process: str) -> bool:
    """Whether arrivals of a process are drawn up to a horizon."""
    workload = scenario.get("workload", {})
    if scenario.get("rules", {}).get("horizon_s") is None or workload.get("tasks") != 0:
        return False
    # Of a file 0 means all that it has, whatever the horizon.
    drawn = workload["circuits"]["source"] in ("hybrid", "variational")
    return drawn and workload["arrivals"].get("process") == process


def _bursts_until(scenario: Mapping[str, Any]) -> bool:
    """Busy worlds had been refused, so that fewer jobs came than the rate says."""
    return _until_horizon(scenario, "bursts")


def _cut_minute(scenario: Mapping[str, Any]) -> bool:
    """The minute that the horizon cuts had been drawn in part, where a minute has many jobs."""
    if not _until_horizon(scenario, "minute"):
        return False
    horizon_s = float(scenario["rules"]["horizon_s"])
    per_minute = int(scenario["workload"]["arrivals"]["per_minute"])
    expected = horizon_s / 60.0 * per_minute
    return int(expected + 10.0 * expected**0.5) + 20 <= ceil(horizon_s / 60.0) * per_minute


def _taken_for_one(scenario: Mapping[str, Any]) -> bool:
    """Tasks of equal algorithm and width had been one, also of a file without subsets."""
    circuits = scenario.get("workload", {}).get("circuits", {})
    if circuits.get("source") != "file" or circuits.get("duplicates") != "collapse":
        return False
    stated = circuits.get("format", "auto")
    ending = str(circuits.get("path")).lower().removesuffix(".gz").rpartition(".")[2]
    return (ending if stated == "auto" else stated) in ("json", "parquet")


def _some_for_nothing(scenario: Mapping[str, Any]) -> bool:
    """Whatever a plan costs had been no more than nothing, where that is the least."""
    if scenario.get("track") != "partition":
        return False
    prices = [qpu.get("price_per_s") for qpu in scenario.get("fleet", {}).get("qpus", ())]
    return 0 in prices and any(price != 0 for price in prices)


CORRECTED: tuple[Correction, ...] = (
    *(
        Correction(applies, ("workload", "arrivals"), "too few jobs arrived before the horizon")
        for applies in (_bursts_until, _cut_minute)
    ),
    Correction(
        _taken_for_one,
        ("workload", "circuits"),
        "tasks of equal algorithm and width were one, also of a file without subsets",
    ),
    Correction(_some_for_nothing, ("fleet",), "gap_opt was 0 where the least cost is 0"),
)
"""Such a scenario is hashed with a mark, so that what was run before is not reused; no other trial
changes its id."""


def corrections(scenario_config: Mapping[str, Any]) -> list[Correction]:
    """Return what was wrong of a scenario under this model version."""
    return [each for each in CORRECTED if each.applies(scenario_config)]


def before_of(scenario_config: Mapping[str, Any]) -> str:
    """Return what an earlier qcbench did wrong in a scenario, as a sentence goes on, or ""."""
    return ", and ".join({each.before: 0 for each in corrections(scenario_config)})


def as_hashed(scenario_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a scenario goes into identities: as before, and with marks of corrections."""
    return marked(as_before(scenario_config))


def marked(scenario_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scenario with the marks of what was corrected in it; one without any as it is."""
    content = dict(scenario_config)
    for correction in corrections(content):
        content = _marked(content, correction.path)
    return content


def _marked(content: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """Return a mapping with a mark in what lies at a path."""
    if not path:
        return {**content, "corrected": 1}
    return {**content, path[0]: _marked(content[path[0]], path[1:])}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Plain data that determines every number of a result.

    Attributes:
        ordinal: position in the expanded suite; orders the result table and is not hashed.
        suite: name of the suite, part of every seed.
        scenario: name of the scenario.
        policy: label of the policy.
        replicate: which world; equal replicates of a scenario are the same world for all policies.
        seed: master seed of the suite.
        engine: `simpy`, or `compiled` for the numba twin.
        scenario_config: the resolved scenario as plain JSON data.
        policy_config: the resolved policy as plain JSON data.
        plugins: identities of others' code that the trial uses, see `qcbench.plugins`; those that
            are metrics are computed. A trial that uses none is hashed without.
    """

    ordinal: int
    suite: str
    scenario: str
    policy: str
    replicate: int
    scenario_config: Mapping[str, Any]
    policy_config: Mapping[str, Any]
    seed: int = 0
    engine: str = "simpy"
    plugins: Mapping[str, str] = field(default_factory=dict)
    trial_id: str = field(init=False)
    """First 16 hexadecimal digits of the SHA-256 of the resolved config and the model version."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "trial_id", self._hashed(as_hashed(self.scenario_config)))

    @property
    def id_before(self) -> str:
        """The id under which it was run before scenarios of its kind were corrected."""
        return self._hashed(as_before(self.scenario_config))

    @property
    def is_uncorrected(self) -> bool:
        """Whether it was run before its scenario was corrected."""
        return bool(corrections(self.scenario_config)) and self.trial_id == self.id_before

    def uncorrected(self) -> "Trial":
        """Return the trial as it was identified before that."""
        found = copy.copy(self)
        object.__setattr__(found, "trial_id", self.id_before)
        return found

    def decided_by(self, policy_config: Mapping[str, Any]) -> "Trial":
        """Return the trial, under its own id, with a policy whose files lie elsewhere now.

        Args:
            policy_config: that does what its own does.
        """
        moved = copy.copy(self)
        object.__setattr__(moved, "policy_config", policy_config)
        return moved

    def _hashed(self, scenario: Mapping[str, Any]) -> str:
        content = {
            "model_version": MODEL_VERSION,
            "suite": self.suite,
            "scenario": self.scenario,
            "policy": self.policy,
            "replicate": self.replicate,
            "seed": self.seed,
            "engine": self.engine,
            "scenario_config": scenario,
            "policy_config": self.policy_config,
            **({"plugins": self.plugins} if self.plugins else {}),
        }
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


class PlainRow(dict[str, float | int | str | None]):
    """A row that was made as it is stored, see `qcbench.bench.outcome.plain_row`."""


class TrialResult(NamedTuple):
    """What `run_trial` gives back: the row of the result table, and what cannot be reproduced.

    Attributes:
        row: coordinates, `status` (done or failed), `error`, then the metrics of the track
            (numbers, or None where undefined).
        wall_s: wall-clock time of the run [s].
        cpu_s: processor time of the run [s].
        traceback: where it failed, else empty.
        records: one row a task, for a suite that keeps them.
    """

    row: Mapping[str, Any]
    wall_s: float
    cpu_s: float
    traceback: str = ""
    records: "pl.DataFrame | None" = None


COORDINATES = ("trial_id", "suite", "scenario", "policy", "replicate", "seed", "engine", "track")
"""The first columns of the result table, in order; `status`, `error` and the metrics follow. All
but the last, which is the scenario's, are attributes of a trial."""

own_coordinates = attrgetter(*COORDINATES[:-1])
"""Returns the values of those of a trial."""
