"""What parameters of a policy cost: whole trials on the same worlds, in this process or in actors.

A cost depends on the parameters and the worlds alone, so it does not matter who computes it, how
many do, or whether one of them dies.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, log
from typing import Any, Protocol, TypeAlias

import numpy as np

from qcbench.agents.agent import LostError
from qcbench.agents.evaluation import Validation, mean_of
from qcbench.bench.cluster import Cluster
from qcbench.bench.ledger import EXTRA_DEATHS
from qcbench.bench.manifest import usable_cores
from qcbench.bench.metrics.names import goal_of
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.errors import QcbenchError
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig

Make: TypeAlias = "Callable[[], Source]"
"""Makes a source in the process that calls it."""

HOPELESS = 1e6
"""Cost of parameters under which a metric has no value: more than all others, and finite."""


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
    """

    def __init__(
        self,
        worlds: ScenarioWorlds,
        count: int,
        metric: str | None,
        baseline: str | None,
        guards: Mapping[str, float],
        penalty: float,
    ) -> None:
        self._worlds = Validation(
            worlds, split="train", count=count, metric=metric, baseline=baseline, beside=[*guards]
        )
        self._guards, self._penalty = dict(guards), penalty

    def cost(self, policy: PolicyConfig) -> float:
        """Return the logarithm of the metric's ratio to the baseline, and what guards cost."""
        judged = self._worlds
        resolved = registry.resolve(judged.track, policy)
        rows, baseline = judged.rows(resolved), judged.baseline_rows
        own, other = (mean_of(found, judged.metric) for found in (rows, baseline))
        if not (own > 0.0 and other > 0.0):
            return HOPELESS
        cost = log(own / other) if judged.goal == "min" else log(other / own)
        for name, allowed in self._guards.items():
            before, now = mean_of(baseline, name), mean_of(rows, name)
            worse = now - before if goal_of(name) == "min" else before - now
            # Of what the baseline has none of, such as drops, every one counts as it is.
            worse /= abs(before) or 1.0
            cost += self._penalty * max(0.0, worse - allowed)
        return cost if isfinite(cost) else HOPELESS


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

    def cost(self, place: int, maker: list[Any], policy: PolicyConfig) -> float:
        """Return the cost on one source.

        Args:
            place: of the source.
            maker: the object of Ray that makes it, in a list so that it is fetched only once.
            policy: that is judged.
        """
        if place not in self._sources:
            import ray  # noqa: PLC0415 - seconds

            self._sources[place] = ray.get(maker[0])()
        return self._sources[place].cost(policy)


class ActorTrials:
    """Judges in actors of Ray, on whatever nodes; see `Trials`.

    One that dies is started anew by Ray, and asked again: what it knew it draws again.

    Args:
        cluster: that is joined.
        makers: make the sources, in the process that calls them.
    """

    def __init__(self, cluster: Cluster, makers: Sequence[Make]) -> None:
        again = cluster.config.retries + EXTRA_DEATHS
        options = {"num_cpus": 1, "max_restarts": again, "max_task_retries": again}
        kind = cluster.ray.remote(**options, **cluster.actor_options)(TrialActor)
        self._makers = [cluster.ray.put(make) for make in makers]
        count = cluster.config.workers or max(1, min(cluster.cores, usable_cores()))
        self._cluster = cluster
        self._actors = [kind.remote() for _ in range(count)]

    def costs(self, policies: Sequence[PolicyConfig]) -> list[float]:
        """See `Trials`.

        Raises:
            LostError: an actor died too often, or did not answer.
        """
        from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError  # noqa: PLC0415
        from ray.util import ActorPool  # noqa: PLC0415 - seconds

        makers = list(enumerate(self._makers))
        asked = [(place, [maker], policy) for policy in policies for place, maker in makers]
        pool = ActorPool(self._actors)
        for each in asked:
            pool.submit(lambda actor, given: actor.cost.remote(*given), each)
        try:
            found = [pool.get_next(timeout=self._cluster.config.timeout_s) for _ in asked]
        except RayTaskError as error:
            if isinstance(error.cause, QcbenchError):
                raise error.cause from error
            raise
        except (RayActorError, GetTimeoutError, TimeoutError) as error:
            raise LostError("the actors that run the trials die") from error
        return [float(each) for each in np.reshape(found, (len(policies), -1)).mean(axis=1)]

    def close(self) -> None:
        """Let the actors go."""
        for actor in self._actors:
            self._cluster.ray.kill(actor)
