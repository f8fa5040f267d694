"""What parameters of a policy cost: whole trials on the same worlds, in this process or in actors.

A cost depends on the parameters and the worlds alone, so it does not matter who computes it, how
many do, or whether one of them dies.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, log
from typing import Any, Protocol, TypeAlias

import numpy as np

from qcbench.agents.agent import LostError
from qcbench.agents.evaluation import Validation, mean_of, means_in_its_worlds
from qcbench.agents.front import Front
from qcbench.bench.cluster import Cluster
from qcbench.bench.ledger import EXTRA_DEATHS
from qcbench.bench.metrics.names import goal_of
from qcbench.bench.session import RunError
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.errors import InputError, QcbenchError
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig

Make: TypeAlias = "Callable[[], Source]"
"""Makes a source in the process that calls it."""

HOPELESS = 1e6
"""Cost of parameters under which a metric has no value: more than all others, and finite."""

LEAST = 1e-3
"""Of the baseline's mean: less of a metric than that is no better."""


class Trials(Protocol):
    """Judges parameters."""

    def costs(self, policies: Sequence[PolicyConfig]) -> list[float]:
        """Return the cost of each, the mean over the sources."""

    def close(self) -> None:
        """Let go of processes."""


class Source:
    """The worlds of one scenario that parameters are judged on, drawn once.

    Args:
        worlds: of the scenario; the first `count` of split `train` are taken.
        metric, baseline: the track's usual ones where None.
        guards: metrics, and by how much of the baseline's mean they may be worse.
        penalty: cost of each that is worse by all of the baseline's mean more than that.
        front: what is judged in the place of a metric.
    """

    def __init__(
        self,
        worlds: ScenarioWorlds,
        count: int,
        metric: str | None,
        baseline: str | None,
        guards: Mapping[str, float],
        penalty: float,
        front: Front | None = None,
    ) -> None:
        self._worlds = Validation(
            worlds,
            split="train",
            count=count,
            metric=metric,
            baseline=baseline,
            beside=[*guards],
            front=front,
        )
        self._guards, self._penalty = dict(guards), penalty
        judged = self._worlds
        if not judged.baseline_mean > 0.0:
            raise judged.without_ratio("settings")
        for name in guards:
            if not isfinite(mean_of(judged.baseline_rows, name)):
                raise InputError(
                    f"agent.guards.{name}: {judged.baseline} has none in {judged.name}; "
                    f"leave it out with ~agent.guards.{name}"
                )

    def cost(self, policy: PolicyConfig) -> float:
        """Return the logarithm of the metric's ratio to the baseline, and what guards cost."""
        judged = self._worlds
        resolved = registry.resolve(judged.track, policy)
        rows, baseline = judged.rows(resolved), judged.baseline_rows
        own, other = means_in_its_worlds(rows, baseline, judged.metric)
        if not own >= 0.0 or _cut_off(rows) > _cut_off(baseline):
            return HOPELESS
        own = max(own, LEAST * other)
        cost = log(own / other) if judged.goal == "min" else log(other / own)
        for name, allowed in self._guards.items():
            now, before = means_in_its_worlds(rows, baseline, name)
            if not isfinite(now):
                return HOPELESS
            worse = now - before if goal_of(name) == "min" else before - now
            # Of what the baseline has none of, such as drops, every one counts as it is.
            worse /= abs(before) or 1.0
            cost += self._penalty * max(0.0, worse - allowed)
        return cost if isfinite(cost) else HOPELESS


def _cut_off(rows: Sequence[Mapping[str, Any]]) -> int:
    """Return how many trials were cut off: their figures are those of the tasks that ended."""
    return sum(bool(row["truncated"]) for row in rows)


class LocalTrials:
    """Judges in this process; see `Trials`."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = list(sources)

    def costs(self, policies: Sequence[PolicyConfig]) -> list[float]:
        """See `Trials`."""
        return [
            float(np.mean([source.cost(policy) for source in self._sources])) for policy in policies
        ]

    def close(self) -> None:
        """There is nothing to let go of."""


class TrialActor:
    """Judges on all sources; their worlds are drawn when they are first asked for. An actor."""

    def __init__(self) -> None:
        self._sources: dict[int, Source] = {}

    def cost(
        self, at: tuple[int, int], maker: list[Any], policy: PolicyConfig
    ) -> tuple[tuple[int, int], float]:
        """Return the cost on one source, with where it belongs: answers are not in their order.

        Args:
            at: number of the policy, and of the source.
            maker: the object of Ray that makes the source, in a list so that it is fetched once.
            policy: that is judged.
        """
        source = at[1]
        if source not in self._sources:
            import ray  # noqa: PLC0415 - seconds

            self._sources[source] = ray.get(maker[0])()
        return at, self._sources[source].cost(policy)


class ActorTrials:
    """Judges in actors of Ray, on whatever nodes; see `Trials`.

    One that dies is started anew by Ray, and asked again: what it knew it draws again. Where they
    die too often, others take their places for whoever asks once more.

    Args:
        cluster: that is joined.
        makers: make the sources, in the process that calls them.
        first: a policy that is judged at once, so that what cannot be is said at the beginning.

    Raises:
        InputError: as `Source`.
        RunError: the actors die, or do not answer.
    """

    def __init__(self, cluster: Cluster, makers: Sequence[Make], first: PolicyConfig) -> None:
        again = cluster.config.retries + EXTRA_DEATHS
        options = {"num_cpus": 1, "max_restarts": again, "max_task_retries": again}
        kind = cluster.ray.remote(**options, **cluster.actor_options)(TrialActor)
        self._makers = [cluster.ray.put(make) for make in makers]
        self._count = cluster.config.workers or max(1, cluster.cores)
        self._cluster, self._kind = cluster, kind
        self._actors: list[Any] = []
        try:
            self.costs([first])
        except LostError as error:
            raise RunError(str(error)) from error
        except BaseException:
            self.close()
            raise

    def costs(self, policies: Sequence[PolicyConfig]) -> list[float]:
        """See `Trials`.

        Raises:
            LostError: an actor died too often, or did not answer.
        """
        from ray.exceptions import (  # noqa: PLC0415
            GetTimeoutError,
            ObjectLostError,
            RayActorError,
            RayTaskError,
        )
        from ray.util import ActorPool  # noqa: PLC0415 - seconds

        if not self._actors:
            self._actors = [self._kind.remote() for _ in range(self._count)]
        pool = ActorPool(self._actors)
        shape = (len(policies), len(self._makers))
        for at in np.ndindex(shape):
            given = at, [self._makers[at[1]]], policies[at[0]]
            pool.submit(lambda actor, given: actor.cost.remote(*given), given)
        found = np.empty(shape)
        try:
            while pool.has_next():
                at, cost = pool.get_next_unordered(timeout=self._cluster.config.timeout_s)
                found[at] = cost
        except RayTaskError as error:
            if isinstance(error.cause, QcbenchError):
                raise error.cause from error
            raise
        except (RayActorError, ObjectLostError, GetTimeoutError, TimeoutError) as error:
            self.close()
            raise LostError("the actors that run the trials die, or do not answer") from error
        return [float(each) for each in found.mean(axis=1)]

    def close(self) -> None:
        """Let the actors go."""
        for actor in self._actors:
            self._cluster.ray.kill(actor)
        self._actors = []
