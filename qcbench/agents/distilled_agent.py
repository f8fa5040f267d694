"""`agent=distilled`: a network that learns what rollouts would do, and may go on by itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from qcbench.agents.agent import Update
from qcbench.agents.distilled_shards import DistilledShards
from qcbench.agents.reference_agent import MakeShards, ReferenceLearner, ReferenceSettings
from qcbench.agents.reference_ppo import Shards
from qcbench.agents.teacher import Teacher
from qcbench.bench.worlds import ScenarioWorlds
from qcbench.configs import config
from qcbench.errors import InputError
from qcbench.policies.exported.card import Card
from qcbench.policies.exported.weights import Tensors

IMPROVING = "improving"
"""Folder of a checkpoint with the state of what follows imitation."""


@config
class Distilled(ReferenceSettings):
    """An agent that imitates rollouts; everything else is as of the reference trainer.

    Attributes:
        teacher: who is imitated.
        go_on: go on by the reference trainer after that, for `ppo.steps`.
    """

    kind: Literal["distilled"] = "distilled"
    name: str = "distilled"
    teacher: Teacher = field(default_factory=Teacher)
    go_on: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.track != "placement":
            raise InputError(
                f"agent.track: {self.track}; distilled imitates rollouts, which are of track "
                "placement"
            )

    @property
    def steps(self) -> int:
        """Decisions after which training ends."""
        return self.teacher.steps + (self.ppo.steps if self.go_on else 0)

    @property
    def imitation(self) -> ReferenceSettings:
        """The settings while it imitates."""
        given = self.teacher
        ppo = replace(
            self.ppo, steps=given.steps, learning_rate=given.learning_rate, epochs=given.epochs
        )
        return replace(self, ppo=ppo)


class DistilledLearner:
    """Imitates, and then may go on; arguments as of `ReferenceLearner`."""

    def __init__(
        self,
        settings: Distilled,
        sources: Sequence[ScenarioWorlds],
        seed: int,
        shards: Callable[[MakeShards, int], Shards] | None = None,
    ) -> None:
        kind = partial(DistilledShards, teacher=settings.teacher, seed=seed)
        self.settings = settings
        self._imitation = ReferenceLearner(settings.imitation, sources, seed, shards, kind)
        self._improving: ReferenceLearner | None = None
        self._improve = partial(ReferenceLearner, settings, sources, seed + 1, shards)
        self.total = settings.steps

    @property
    def steps(self) -> int:
        """Decisions up to now."""
        return self._imitation.steps + (self._improving.steps if self._improving else 0)

    def run(self, should_stop: Callable[[], bool]) -> Iterator[Update]:
        """Train to the end, or until told to stop; yields after each update."""
        if self._improving is None:
            yield from self._imitation.run(should_stop)
            if should_stop() or not self.settings.go_on:
                return
        improving = self._go_on()
        for update in improving.run(should_stop):
            yield replace(update, steps=self.steps)

    def save(self, folder: Path) -> None:
        """Write the state."""
        self._imitation.save(folder)
        if self._improving is not None:
            (folder / IMPROVING).mkdir()
            self._improving.save(folder / IMPROVING)

    def restore(self, folder: Path) -> None:
        """Go on from a state."""
        self._imitation.restore(folder)
        if (folder / IMPROVING).is_dir():
            self._go_on().restore(folder / IMPROVING)

    def policy(self) -> tuple[Card, Tensors]:
        """Return what would be exported now."""
        return (self._improving or self._imitation).policy()

    def close(self) -> None:
        """Let go of environments and processes."""
        (self._improving or self._imitation).close()

    def _go_on(self) -> ReferenceLearner:
        """Return what follows imitation; it begins with the network that imitates."""
        if self._improving is None:
            self._imitation.close()
            self._improving = self._improve()
            self._improving.notes = self._imitation.notes  # but for those that are told
            imitating = self._imitation.trainer.network
            self._improving.trainer.network.load_state_dict(imitating.state_dict())
        return self._improving
