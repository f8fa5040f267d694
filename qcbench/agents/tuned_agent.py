"""`kind: tuned`: the parameters of a policy, searched by whole trials.

CMA-ES (Hansen, *The CMA Evolution Strategy: A Tutorial*, 2016; the package `cmaes`) draws settings,
each is judged on the same worlds of every scenario, and the distribution moves to the better ones.
What is exported is the mean of the distribution: a policy of the package under a card.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from functools import partial
from math import exp, floor, log, log10
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Gt, Interval, Le, MinLen

from qcbench.agents.agent import Update
from qcbench.agents.front import Front
from qcbench.agents.space import Range, Value, range_of
from qcbench.agents.tuned_trials import ActorTrials, LocalTrials, Source, Trials
from qcbench.arrays import FloatArray
from qcbench.bench.cluster import Cluster
from qcbench.bench.metrics.names import check_metric
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.configs import Count, NotNegative, Share, config
from qcbench.errors import InputError
from qcbench.files import write_text
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.card import HeuristicCard
from qcbench.signatures import as_meant
from qcbench.tracks import LearnedTrack

STATE = "search.json"
DIGITS = 3
"""Of parameters: more would claim more than so many trials say."""

MOST_SETTINGS = 1_000_000


@config
class Tuned:
    """Parameters that are searched, and how they are judged.

    Attributes:
        track: of the policy.
        policy: a registered one, which has parameters.
        space: what is searched, by parameter: `[uniform, FROM, TO]` or `[log, FROM, TO]`.
        start: where the search begins: at the policy's `usual` values, or in the `middle` of each
            range, as it does for values that lie outside.
        parameters: others of the policy that are not its usual ones.
        generations: how often the distribution moves.
        population: settings that are drawn each time.
        spread: standard deviation at the beginning, as a share of each range.
        worlds: of split `train`, in each scenario; all settings are judged on the same ones.
        guards: metrics, and by how much of the baseline's mean they may be worse, such as `5%`.
        penalty: what a guard costs that is worse by all of the baseline's mean more than that, in
            units of the logarithm of the metric.
        front: settings are judged by what they reach with several values of a parameter that is
            not searched, in the place of a metric.
    """

    kind: Literal["tuned"] = "tuned"
    name: str = "tuned"
    track: LearnedTrack = "queueing"
    policy: str
    space: Annotated[dict[str, list[Value]], MinLen(1)]
    start: Literal["usual", "middle"] = "usual"
    parameters: dict[str, Value] = field(default_factory=dict)
    generations: Annotated[Count, Le(MOST_SETTINGS)] = 40
    population: Annotated[int, Interval(ge=4, le=MOST_SETTINGS)] = 12
    spread: Annotated[float, Gt(0), Le(1)] = 0.25
    worlds: Count = 4
    guards: dict[str, Share] = field(default_factory=dict)
    penalty: NotNegative = 2.0
    front: Front | None = None

    def __post_init__(self) -> None:
        for name, found in self.ranges.items():
            where = f"agent.space.{name}"
            if found.kind == "choice":
                raise InputError(f"{where}: a choice; numbers are searched, by uniform or log")
            if name in self.parameters:
                raise InputError(f"{where}: is among agent.parameters too; leave one out")
        for share in (0.0, 1.0):
            registry.check_parameters(self.track, self.at(np.full(len(self.space), share)))
        for name in self.guards:
            check_metric(self.track, name, "agent.guards")
        if self.front is not None:
            if self.front.parameter in {*self.space, *self.parameters}:
                raise InputError(
                    f"agent.front.parameter: {self.front.parameter} is in agent.space or "
                    "agent.parameters too; leave one out"
                )
            self.front.check(self.track, [self.at(np.full(len(self.space), 0.5))])

    @property
    def ranges(self) -> dict[str, Range]:
        """What each parameter is drawn from."""
        return {name: range_of(f"agent.space.{name}", given) for name, given in self.space.items()}

    @property
    def steps(self) -> int:
        """Settings after which the search ends."""
        return self.generations * self.population

    def at(self, point: FloatArray) -> PolicyConfig:
        """Return the policy at a point of the unit cube: a share of the range of each parameter."""
        found: dict[str, Value] = {}
        for (name, given), share in zip(self.ranges.items(), point.tolist(), strict=True):
            found[name] = _value(given, share, whole=self._whole(name))
        parameters = {**self.parameters, **found}
        return PolicyConfig(name=self.policy, label=self.name, parameters=parameters)

    def usual(self, name: str) -> object:
        """Return the value that a parameter of the policy has where none is given.

        Raises:
            InputError: no such policy, or it has no such parameter.
        """
        return self._parameter(name).default

    def _parameter(self, name: str) -> Any:
        info = registry.find(self.track, self.policy)
        if name not in info.parameters:
            registry.check_given(info, {name: 0.0})
        return info.parameters[name]

    def _whole(self, name: str) -> bool:
        """Whether a parameter takes whole numbers alone."""
        return type(as_meant(2, self._parameter(name).annotation)) is int


class TunedLearner:
    """Searches parameters; a step is a setting that was judged.

    Args:
        settings: of the agent.
        sources: worlds of the scenarios; settings are judged on split `train`.
        seed: of what is drawn.
        metric, baseline: that decide; of the track where None.
        cluster: on which the trials run; in this process where None.

    Raises:
        InputError: what a scenario cannot be simulated or compared with.
        RunError: actors that run the trials die, or do not answer.
    """

    def __init__(
        self,
        settings: Tuned,
        sources: Sequence[ScenarioWorlds],
        seed: int,
        metric: str | None = None,
        baseline: str | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        makers = [
            partial(
                Source,
                worlds,
                settings.worlds,
                metric,
                baseline,
                settings.guards,
                settings.penalty,
                settings.front,
            )
            for worlds in sources
        ]
        self.settings, self.total, self._seed = settings, settings.steps, seed
        self._begin()
        self._trials: Trials = (
            LocalTrials([make() for make in makers])
            if cluster is None
            else ActorTrials(cluster, makers, settings.at(self._search.mean))
        )

    @property
    def steps(self) -> int:
        """Settings that were judged."""
        return sum(map(len, self._costs))

    def run(self, should_stop: Callable[[], bool]) -> Iterator[Update]:
        """Search to the end, or until told to stop; yields after each generation."""
        while len(self._costs) < self.settings.generations and not should_stop():
            drawn = self._draw()
            costs = self._trials.costs([self.settings.at(point) for point in drawn])
            self._move(drawn, costs)
            figures = {"cost": float(np.median(costs)), "least_cost": min(costs)}
            yield Update(self.steps, figures | {"spread": float(np.std(drawn, axis=0).mean())})

    def save(self, folder: Path) -> None:
        """Write which settings were judged, and what they cost."""
        state = {"points": np.array(self._points).tolist(), "costs": self._costs}
        write_text(folder / STATE, json.dumps(state))

    def restore(self, folder: Path) -> None:
        """Go on from what was written: the search draws the same settings again.

        Raises:
            InputError: it cannot be read, or is of an agent that draws others.
        """
        file, settings = folder / STATE, self.settings
        try:
            state = json.loads(file.read_text(encoding="utf-8"))
            costs = np.array(state["costs"], dtype=np.float64).reshape(-1, settings.population)
            points = np.array(state["points"], dtype=np.float64)
            points = points.reshape(*costs.shape, len(settings.space))
        except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
            raise InputError(f"{file}: is not of this agent ({error})") from None
        if not np.isfinite(costs).all() or len(costs) > settings.generations:
            raise InputError(f"{file}: is not of this agent (too many costs, or such as are none)")
        self._begin()
        for kept, told in zip(points, costs.tolist(), strict=True):
            drawn = self._draw()
            if not np.allclose(drawn, kept):
                raise InputError(
                    f"{file}: is not of this agent: it draws other settings, as other values of "
                    "space, spread, start or seed would, or another version of cmaes"
                )
            self._move(drawn, told)

    def policy(self) -> tuple[HeuristicCard, None]:
        """Return what would be exported now."""
        found = self.settings.at(self._search.mean)
        return HeuristicCard(
            track=self.settings.track, name=found.name, parameters=found.parameters
        ), None

    def close(self) -> None:
        """Let go of processes."""
        self._trials.close()

    def _begin(self) -> None:
        """Put the search to its beginning."""
        from cmaes import CMA  # noqa: PLC0415 - only this agent needs it

        self._costs: list[list[float]] = []
        self._points: list[list[FloatArray]] = []
        self._search = CMA(
            mean=np.array([self._first(name, each) for name, each in self.settings.ranges.items()]),
            sigma=self.settings.spread,
            bounds=np.array([[0.0, 1.0]] * len(self.settings.space)),
            seed=self._seed % 2**32,
            population_size=self.settings.population,
        )

    def _first(self, name: str, given: Range) -> float:
        """Return where in its range a parameter begins."""
        usual = self.settings.usual(name)
        least, most = given.ends
        if self.settings.start == "middle" or not isinstance(usual, int | float):
            return 0.5
        if not least <= usual <= most:
            return 0.5
        if given.kind == "log":
            return log(usual / least) / log(most / least)
        return (usual - least) / (most - least)

    def _draw(self) -> list[FloatArray]:
        return [self._search.ask() for _ in range(self.settings.population)]

    def _move(self, drawn: Sequence[FloatArray], costs: list[float]) -> None:
        self._search.tell(list(zip(drawn, costs, strict=True)))
        self._costs.append(costs)
        self._points.append(list(drawn))


def _value(given: Range, share: float, *, whole: bool) -> float | int:
    """Return the number at a share of a range, rounded within it."""
    least, most = given.ends
    if given.kind == "log":
        value = exp(log(least) + share * (log(most) - log(least)))
    else:
        value = least + share * (most - least)
    if whole:
        return round(value)
    # To so many digits, or to a hundredth of the range where that is finer.
    places = DIGITS - 1 - floor(log10(abs(value))) if value else 0
    places = max(places, 1 - floor(log10(most - least)))
    return min(most, max(least, round(value, places)))
