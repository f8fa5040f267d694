"""From the settings of an agent to one that learns; its library is imported only then."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import assert_never

from qcbench.agents.agent import Learner
from qcbench.agents.config import AgentConfig, TrainConfig, ValidationConfig, code_of_others
from qcbench.agents.distilled_agent import Distilled, DistilledLearner
from qcbench.agents.reference_agent import (
    MakeShards,
    ReferenceLearner,
    ReferencePpo,
    ReferenceSettings,
)
from qcbench.agents.reference_ppo import Shards
from qcbench.agents.rllib.settings import Common, RllibA2c, RllibDqn, RllibPpo
from qcbench.agents.tuned_agent import Tuned, TunedLearner
from qcbench.bench import nodes
from qcbench.bench.cluster import Cluster, check, connect, is_inline
from qcbench.bench.config import ClusterConfig
from qcbench.bench.jobs.plugged import files_of
from qcbench.bench.manifest import usable_cores
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.errors import InputError
from qcbench.plugins import distribution_of, distributions, top_of

EXTRAS = ("agents",)
"""Of the package: what a node needs for an agent besides what it needs for a suite."""


def check_code(agent: AgentConfig) -> None:
    """Load what an agent names of somebody's code, before anything is begun for it.

    Raises:
        InputError: it cannot be loaded, or is not what it must be.
    """
    if isinstance(agent, Common) and agent.callback_names:
        from qcbench.agents.rllib.callbacks import classes  # noqa: PLC0415 - ray: seconds

        classes(agent.callback_names)


def needs_of(settings: TrainConfig) -> tuple[str, ...]:
    """Return what a node needs for a training: packages, such as `acme==1.2` with its callbacks."""
    return (*nodes.requirements(EXTRAS), *distributions([code_of_others(settings)]))


def modules_of(agent: AgentConfig) -> dict[str, Path]:
    """Return the files of an agent's callbacks that belong to no package, by where Python looks.

    Raises:
        InputError: as of `check_code`.
    """
    check_code(agent)
    names = agent.callback_names if isinstance(agent, Common) else ()
    tops = dict.fromkeys(map(top_of, names))
    return {name: path for top in tops if not distribution_of(top) for name, path in files_of(top)}


@contextmanager
def joined(settings: TrainConfig, cluster: ClusterConfig) -> Iterator[Cluster | None]:
    """Join the cluster that an agent's actors are to live on, for the length of the context.

    An agent that asks for none trains in this process, whatever the cluster: then there is nothing.
    RLlib starts a private Ray of its own where no other is joined.

    Raises:
        InputError: no cluster there, one that cannot be joined, a node that lacks packages, or
            somebody's code that cannot be used.
    """
    agent = settings.agent
    check(cluster)
    check_code(agent)
    local = cluster.address == "local"
    if isinstance(agent, ReferenceSettings | Tuned):
        alone = isinstance(agent, ReferenceSettings) and agent.ppo.shards == 1
        if alone or is_inline(cluster):
            yield None
            return
        with connect(cluster, _cores(agent, cluster)) as found:
            if not local:
                nodes.check_everywhere(needs_of(settings))
            yield found
        return
    if local:
        yield None
        return
    if is_inline(cluster):
        raise InputError(
            f"cluster: agent {agent.name} is one of RLlib's, which need a Ray; choose cluster=local"
        )
    with connect(cluster, 1) as found:
        if agent.env_runners or agent.learners:
            nodes.check_everywhere(needs_of(settings))
        yield found


def _cores(agent: ReferenceSettings | Tuned, cluster: ClusterConfig) -> int:
    """Return the cores of a private Ray for the actors of an agent."""
    if isinstance(agent, Tuned):
        return cluster.workers or usable_cores()
    threads = agent.ppo.threads
    workers = cluster.workers or max(1, usable_cores() // threads)
    return threads * min(agent.ppo.shards, workers)


def make_learner(
    agent: AgentConfig,
    sources: Sequence[ScenarioWorlds],
    seed: int,
    cluster: Cluster | None = None,
    judged: ValidationConfig | None = None,
) -> Learner:
    """Return an untrained agent.

    Args:
        sources: worlds of the scenarios; training is on split `train`.
        seed: of all that is drawn.
        cluster: what `joined` gives.
        judged: how training is judged; an agent that learns from whole trials goes by it too.

    Raises:
        InputError: settings that do not fit the scenario, or a package that is missing.
    """
    shards: Callable[[MakeShards, int], Shards] | None = None
    if isinstance(agent, ReferenceSettings) and cluster is not None:
        from qcbench.agents.reference_actors import ActorShards  # noqa: PLC0415 - ray: seconds

        found, ppo = cluster, agent.ppo

        def shards(make: MakeShards, count: int) -> Shards:
            return ActorShards(found, ppo, make, count)

    match agent:
        case ReferencePpo():
            return ReferenceLearner(agent, sources, seed, shards)
        case Distilled():
            return DistilledLearner(agent, sources, seed, shards)
        case Tuned():
            by = judged or ValidationConfig()
            return TunedLearner(agent, sources, seed, by.metric, by.baseline, cluster)
        case RllibPpo():
            from qcbench.agents.rllib.policy_gradient import (  # noqa: PLC0415 - ray: seconds
                ppo_learner,
            )

            return ppo_learner(agent, sources[0], seed)
        case RllibA2c():
            from qcbench.agents.rllib.policy_gradient import a2c_learner  # noqa: PLC0415

            return a2c_learner(agent, sources[0], seed)
        case RllibDqn():
            from qcbench.agents.rllib.dqn import dqn_learner  # noqa: PLC0415

            return dqn_learner(agent, sources[0], seed)
        case _:
            assert_never(agent)
