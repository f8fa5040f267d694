"""Settings of RLlib's agents: the YAML group `agent`. Ray is imported only when one is trained."""

import re
from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, MaxLen, MinLen

from qcbench.agents.options import check_sets
from qcbench.configs import Amount, Count, NotNegative, Positive, Share, config
from qcbench.errors import InputError
from qcbench.policies.exported.card import Activation, Width
from qcbench.policies.features.layout import Observation
from qcbench.policies.features.observer import check_observation
from qcbench.policies.features.queueing import SLOTS
from qcbench.policies.features.rewards import Reward
from qcbench.tracks import TRACKS, LearnedTrack


@config
class PerItemSettings:
    """A network that scores each item, see `qcbench.policies.exported.card.PerItem`.

    Attributes:
        offset: coefficients of features that are added to the scores: none or one.
    """

    kind: Literal["per_item"] = "per_item"
    encoder: Annotated[tuple[Width, ...], MinLen(1)] = (64, 64)
    context: tuple[Width, ...] = (64,)
    head: tuple[Width, ...] = (64,)
    activation: Activation = "relu"
    offset: Annotated[dict[str, float], MaxLen(1)] = field(default_factory=dict)


@config
class PlainSettings:
    """A plain network over the whole observation, see `qcbench.policies.exported.card.Plain`.

    The value has layers of its own, as many and as wide as the torso's.
    """

    kind: Literal["plain"] = "plain"
    torso: tuple[Width, ...] = (256, 256)
    head: tuple[Width, ...] = ()
    activation: Activation = "relu"


@config
class Common:
    """Settings that all of RLlib's agents have.

    Attributes:
        name: in results.
        worlds: of split `train` that are drawn from; as many as an environment usually takes
            where None.
        max_decisions: after which an episode is cut off in training; as the rules of the scenario
            say where None.
        slots: waiting tasks that are seen, for queueing.
        sets: for allocation, whether a decision is to wait or one of all sets of QPUs, instead of
            a weight for each QPU.
        observation: `usual`; `relative`, without units of its own; `deadlines`, with due times and
            values; or `legacy`, which is QSimPy's, for placement.
        masked: whether infeasible actions are kept from the agent in training; otherwise they are
            violations, which it has to unlearn.
        reward: what decisions cost in training.
        steps: decisions after which training ends.
        environments: that run side by side.
        env_runners: actors of Ray that the environments are shared out to; 0 has all of them in the
            process that trains.
        learners: actors of Ray that every gradient step is shared out to; 0 takes them in the
            process that trains.
        callbacks: classes of RLlib's callbacks, `module:Class`: one, or several that are called in
            this order. Modules are looked for in the working folder too.
        learning_rate: of the optimiser.
        discount: of later rewards, for each decision.
        gradient_norm: at which gradients are cut.
    """

    name: str
    track: LearnedTrack = "placement"
    worlds: Count | None = None
    max_decisions: Count | None = None
    slots: Count = SLOTS
    sets: bool = False
    observation: Observation = "usual"
    masked: bool = True
    reward: Reward
    network: PerItemSettings | PlainSettings = field(default_factory=PerItemSettings)
    steps: Count = 1_000_000
    environments: Count = 32
    env_runners: Amount = 0
    learners: Amount = 0
    callbacks: str | tuple[str, ...] = ()
    learning_rate: Positive = 3e-4
    discount: Share = 0.99
    gradient_norm: Positive = 0.5

    def __post_init__(self) -> None:
        check_observation(self.observation, self.track, "agent.observation")
        check_sets(self.sets, self.track)
        if self.sets and isinstance(self.network, PerItemSettings):
            raise InputError("agent.sets: goes with a plain network")
        if self.observation == "legacy" and isinstance(self.network, PerItemSettings):
            raise InputError("agent.observation: legacy goes with a plain network")
        if self.reward.kind == "hindsight" and not self.masked:
            raise InputError("agent.reward.kind: hindsight knows no violations; set masked to true")
        self._check_shares("environments", "env_runners", self.environments)
        for name in self.callback_names:
            if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*(?<!\.py):[^\W\d]\w*", name):
                raise InputError(f"agent.callbacks: {name!r}; a class is named as module:Class")

    @property
    def callback_names(self) -> tuple[str, ...]:
        """The names of all callbacks."""
        return (self.callbacks,) if isinstance(self.callbacks, str) else self.callbacks

    def _check_shares(self, name: str, among: str, count: int) -> None:
        """Refuse what cannot be shared out evenly: what is learned would not be the same."""
        actors = getattr(self, among)
        if actors and count % actors:
            raise InputError(
                f"agent.{among}: {actors}; agent.{name}, which is {count}, must be a multiple of it"
            )


@config
class RllibPpo(Common):
    """`agent=ppo`: RLlib's proximal policy optimisation.

    Attributes:
        horizon: decisions of each environment between two updates.
        epochs, minibatch: passes over what was collected, and decisions of a gradient step.
        trace: lambda of the generalised advantages.
        clip: range of the ratio of probabilities in which an advantage still counts.
        entropy: weight of the policy's entropy.
        value, value_clip: weight of the squared error of the value, and at what it is cut.
        published_reward: of the allocation study of 2025: the mean over all QPUs of the fidelity
            of those that are used, whatever the split.
    """

    kind: Literal["rllib_ppo"] = "rllib_ppo"
    horizon: Count = 64
    epochs: Count = 4
    minibatch: Count = 256
    trace: Share = 0.95
    clip: Positive = 0.2
    entropy: NotNegative = 0.003
    value: NotNegative = 0.5
    value_clip: Positive = 1000.0
    published_reward: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_shares("minibatch", "learners", self.minibatch)
        self._check_shares("environments", "learners", self.environments)
        if self.minibatch > self.horizon * self.environments:
            raise InputError(
                f"agent.minibatch: {self.minibatch}; an update has only "
                f"{self.horizon * self.environments} decisions"
            )
        if self.published_reward and (TRACKS[self.track].choice != "split" or self.sets):
            raise InputError("agent.published_reward: is of weights on track allocation")


@config
class RllibA2c(Common):
    """`agent=a2c`: advantage actor-critic (Mnih et al., 2016) on the sampler of RLlib's PPO.

    RLlib has no A2C any more. One gradient step on all that was collected, RMSprop, returns
    without traces, advantages as they are, no ratio of probabilities and nothing cut but gradients.

    Attributes:
        horizon: decisions of each environment between two updates.
        entropy: weight of the policy's entropy.
        value: weight of the squared error of the value.
    """

    kind: Literal["rllib_a2c"] = "rllib_a2c"
    horizon: Count = 8
    entropy: NotNegative = 0.01
    value: NotNegative = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_shares("environments", "learners", self.environments)


@config
class AtomSettings:
    """A distribution of the value over equally spaced atoms (C51)."""

    count: Annotated[int, Ge(2)] = 51
    least: float = -10.0
    most: float = 10.0

    def __post_init__(self) -> None:
        if not self.least < self.most:
            raise InputError(f"agent.atoms: {self.least}..{self.most}; must rise")


@config
class ReplayLimits:
    """The replay memory.

    Attributes:
        capacity: decisions in it.
        alpha: how much priorities count; 0 draws evenly.
        beta: how far the bias of that is corrected.
        least_priority: added to each priority.
    """

    capacity: Count = 100_000
    alpha: Share = 0.6
    beta: Share = 0.4
    least_priority: Positive = 1e-6


@config
class Exploration:
    """Random actions: their share falls linearly from `first` to `last` in so many `steps`."""

    first: Share = 1.0
    last: Share = 0.05
    steps: Count = 10_000


@config
class RllibDqn(Common):
    """`agent=dqn`: RLlib's deep Q-learning with the parts of Rainbow that are switched on.

    Attributes:
        batch: decisions of a gradient step.
        horizon: decisions of each environment between two gradient steps.
        learning_starts: decisions before the first gradient step.
        target_steps: decisions after which the target network is renewed.
        n_step: rewards that are summed before the value is asked; two numbers for a range, both
            included. At an episode's end there are fewer.
        double: whether the next action is chosen by the network that learns.
        dueling: whether there is a stream for the value of the situation.
        atoms: of a distributional value; a number where None.
    """

    kind: Literal["rllib_dqn"] = "rllib_dqn"
    batch: Count = 256
    horizon: Count = 4
    learning_starts: Amount = 1000
    target_steps: Count = 2000
    n_step: int | tuple[int, int] = 3
    double: bool = True
    dueling: bool = True
    atoms: AtomSettings | None = None
    replay: ReplayLimits = field(default_factory=ReplayLimits)
    exploration: Exploration = field(default_factory=Exploration)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_shares("batch", "learners", self.batch)
        least, most = steps_of(self.n_step)
        if not 1 <= least <= most:
            raise InputError(f"agent.n_step: {self.n_step}; must be 1 or more, or a range of such")
        if self.horizon < most:
            raise InputError(
                f"agent.horizon: {self.horizon}; RLlib wants no less than n_step, which is {most}"
            )
        if TRACKS[self.track].choice == "split" and not self.sets:
            raise InputError("agent.sets: Q-learning chooses; on track allocation set it to true")
        if self.atoms is not None and isinstance(self.network, PerItemSettings):
            raise InputError("agent.atoms: go with a plain network")


def steps_of(n_step: int | tuple[int, int]) -> tuple[int, int]:
    """Return the least and the largest number of steps."""
    return (n_step, n_step) if isinstance(n_step, int) else n_step
