"""`qcbench/Allocation-v1` and `AllocationDiscrete-v1` as vector environments on the kernel."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces

from qcbench.arrays import BoolArray, IntArray
from qcbench.envs.allocation import batch
from qcbench.envs.allocation.bank import Bank, draw_bank
from qcbench.envs.options import Options
from qcbench.envs.steps import NOT_BEGUN, RESULT, Output, Table
from qcbench.envs.vector import Clouds, CloudVectorEnv, Vector
from qcbench.errors import InputError
from qcbench.kernels.allocation.arrays import make_outcomes, make_state
from qcbench.kernels.compiling import compiled_for
from qcbench.policies.features.allocation_action import LEAST_WEIGHT, MOST_WEIGHT
from qcbench.policies.features.allocation_menu import menu
from qcbench.tracks import Track


class AllocationClouds:
    """E clouds with shared QPUs, each at a decision of an episode."""

    def __init__(self, options: Options, count: int, autoreset: int, sets: BoolArray) -> None:
        self.bank: Bank = draw_bank(options)
        self._where = f"split {options.split} of {options.source.name}"
        bank, qpus = self.bank, len(options.source.fleet)
        self._discrete = len(sets) > 0
        self._told = _told(options, autoreset, bank.max_decisions, discrete=self._discrete)
        self.episodes: Table = np.zeros(count, dtype=batch.EPISODE)
        self.episodes["number"] = -1
        self.episodes["ended"] = NOT_BEGUN
        self.results: Table = np.zeros(count, dtype=RESULT)
        self._no_weights = np.zeros((0, qpus), dtype=np.float32)
        self._no_choices = np.zeros(0, dtype=np.int64)
        self._none = np.zeros(0, dtype=np.bool_)
        self._compiled: Callable[..., int] | None = None
        self._arrays = batch.Parts(
            settings=bank.settings,
            worlds=bank.worlds,
            quality=bank.quality,
            price=bank.price,
            state=make_state(count, bank.worlds, charge=bank.settings.charge),
            outcomes=make_outcomes(count, bank.worlds, keep=False),
            menu=sets,
            episodes=self.episodes,
            results=self.results,
        )

    def worlds(self) -> IntArray:
        """Return the world that each is in, shape (E,)."""
        worlds: IntArray = self._arrays.state.clouds["world"].copy()
        return worlds

    def begin(self, which: BoolArray, chosen: IntArray, out: Output) -> None:
        """Begin episodes."""
        self.episodes["stage"][which] = batch.READY
        self.episodes["passed"][which] = 0
        nothing = batch.Actions(self._no_weights, self._no_choices)
        self._go_on(np.ascontiguousarray(which), np.ascontiguousarray(chosen), nothing, out)

    def step(self, actions: Vector, out: Output) -> bool:
        """Take a decision in every cloud."""
        if self._discrete:
            taken = batch.Actions(self._no_weights, actions)
        else:
            taken = batch.Actions(actions, self._no_choices)
        return self._go_on(self._none, self._no_choices, taken, out)

    def _go_on(
        self, which: BoolArray, chosen: IntArray, actions: batch.Actions, out: Output
    ) -> bool:
        """Go on to the next decision of all, drawing more failures where they run out.

        Returns:
            Whether an episode ended.

        Raises:
            InputError: worlds ask for no decision.
        """
        at = 0
        ended = False
        while True:
            told = self._arrays, self._told, which, chosen, actions, out, at
            if self._compiled is None:
                self._compiled = compiled_for(batch.go_on, told)
            at = self._compiled(*told)
            if at < 0:
                break
            self.bank.extend()
            self._arrays = self._arrays._replace(worlds=self.bank.worlds)
            ended = ended or bool(out.terminated.any() or out.truncated.any())
        if at <= batch.EMPTY:
            world = int(self._arrays.state.clouds["world"][batch.EMPTY - at])
            raise InputError(
                f"world {world} of {self._where}: asks for no decision, so that there is nothing "
                "to learn; take another scenario"
            )
        return ended or at == batch.ENDED


class AllocationVectorEnv(CloudVectorEnv):
    """Many clouds, in each of which the agent gives every QPU a weight at every step.

    Actions are those of `AllocationEnv`.
    """

    track: ClassVar[Track] = "allocation"

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Box(LEAST_WEIGHT, MOST_WEIGHT, (len(self.fleet),), np.float32)

    def _mask_size(self) -> int:
        return len(self.fleet)

    def _make_clouds(self, autoreset: int) -> Clouds:
        sets = np.zeros((0, len(self.fleet)), dtype=np.bool_)
        return AllocationClouds(self.options, self.num_envs, autoreset, sets)

    def _checked(self, actions: Vector) -> Vector:
        weights = np.asarray(actions)
        shape = (self.num_envs, len(self.fleet))
        if weights.shape != shape or weights.dtype.kind != "f":
            raise InputError(
                f"actions of shape {weights.shape} and type {weights.dtype}: must be weights of "
                f"shape {shape} and type float32"
            )
        # The step cuts them to their range in place.
        taken = weights.astype(np.float32, order="C", copy=True)
        if not batch.all_finite(taken) and not np.isfinite(weights).all():
            at = int((~np.isfinite(weights)).any(axis=1).argmax())
            raise InputError(
                f"action {weights[at].tolist()} of environment {at}: weights must be finite"
            )
        return taken


class AllocationDiscreteVectorEnv(CloudVectorEnv):
    """Many clouds, in each of which the agent chooses a set of QPUs, or waits, at every step.

    Actions are those of `AllocationDiscreteEnv`.
    """

    track: ClassVar[Track] = "allocation"

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Discrete(self._mask_size())

    def _mask_size(self) -> int:
        return 1 + len(menu(self.fleet))

    def _make_clouds(self, autoreset: int) -> Clouds:
        return AllocationClouds(self.options, self.num_envs, autoreset, menu(self.fleet))

    def _checked(self, actions: Vector) -> Vector:
        return self._whole(actions)


def _told(
    options: Options, autoreset: int, max_decisions: int | None, *, discrete: bool
) -> batch.Told:
    reward = options.reward
    return batch.Told(
        per_second=reward.per_second,
        per_elapsed=reward.per_elapsed,
        per_infidelity=reward.fidelity,
        per_price=reward.price,
        violation=reward.violation,
        failure=reward.failure,
        drop=reward.drop,
        autoreset=autoreset,
        max_decisions=np.iinfo(np.int64).max if max_decisions is None else max_decisions,
        discrete=discrete,
        against_best=reward.kind == "makespan",
    )
