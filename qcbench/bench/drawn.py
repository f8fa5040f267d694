"""What trials of one process have in common: configs are read once, a world is drawn once.

A trial stays a pure function of its own data: what is kept is what would be made again. Trials of a
world follow each other (`qcbench.bench.ledger`), so that one world is enough to keep.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

from qcbench.bench.config import ScenarioConfig
from qcbench.bench.scenario import build_scenario
from qcbench.bench.seeds import streams_of
from qcbench.bench.trial import Trial
from qcbench.bench.typed import typed
from qcbench.cloud.cloud import Streams
from qcbench.cloud.scenario import Scenario
from qcbench.identity import MadeOnce
from qcbench.kernels import engine
from qcbench.kernels.engine import Simulator
from qcbench.plugins import check_meant
from qcbench.policies.config import PolicyConfig


class ConfigKey:
    """A config as the key of what was made of it: equal content is an equal key.

    Trials of a scenario hold one mapping, or such as say the same where they came from another
    process. These are compared as text, in which 1, 1.0 and true are three values.
    """

    __slots__ = ("mapping", "name")

    def __init__(self, name: str, mapping: Mapping[str, Any]) -> None:
        self.name = name
        self.mapping = mapping

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConfigKey):
            return NotImplemented
        return self.mapping is other.mapping or repr(self.mapping) == repr(other.mapping)


@lru_cache(maxsize=8)
def _scenario(content: ConfigKey) -> ScenarioConfig:
    return typed(ScenarioConfig, content.mapping, "scenario")


@lru_cache(maxsize=64)
def _policy(content: ConfigKey) -> PolicyConfig:
    return typed(PolicyConfig, content.mapping, "policy")


_read = MadeOnce(lambda mapping: _policy(ConfigKey(str(mapping.get("name")), mapping)))
"""The policy of a mapping, which trials that come together share."""


@dataclass(frozen=True)
class SharedWorld:
    """What trials under different policies have in common.

    Attributes:
        scenario: with everything drawn.
        streams: makes the generators of what the rules leave to chance, at their beginning.
    """

    scenario: Scenario
    streams: Callable[[], Streams]

    @cached_property
    def compiled(self) -> Simulator:
        """Simulates trials on the compiled engine.

        Raises:
            InputError: the scenario is not for that engine.
        """
        return engine.simulator(self.scenario, self.streams())


@lru_cache(maxsize=1)  # a week of jobs takes hundreds of megabytes
def _world(content: ConfigKey, suite: str, replicate: int, seed: int) -> SharedWorld:
    _world.cache_clear()  # not two of them at a time
    scenario = build_scenario(_scenario(content), suite, replicate, seed)
    return SharedWorld(scenario, partial(streams_of, suite, content.name, replicate, seed=seed))


def policy_of(trial: Trial) -> PolicyConfig:
    """Return the typed policy of a trial.

    Raises:
        InputError: it cannot be used.
    """
    return _read(trial.policy_config)


def world_of(trial: Trial, *, shared: bool) -> SharedWorld:
    """Return the world of a trial.

    Args:
        shared: it may be that of another trial. Somebody's policy or metric, which might write
            into what it is shown, gets one of its own.

    Raises:
        InputError: the scenario cannot be used, or code of another package that the trial names is
            not here.
    """
    check_meant(trial.plugins)
    content = ConfigKey(trial.scenario, trial.scenario_config)
    draw = _world if shared else _world.__wrapped__
    return draw(content, trial.suite, trial.replicate, trial.seed)
