"""`qcbench/Allocation-v1` and `AllocationDiscrete-v1`: split a task, on the SimPy cloud."""

from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces

from qcbench.cloud.execution import Execution
from qcbench.envs.accounts import Account
from qcbench.envs.single import CloudEnv, _shown
from qcbench.errors import InputError
from qcbench.physics.communication import chain_time_s
from qcbench.policies.features.allocation_action import (
    LEAST_WEIGHT,
    MOST_WEIGHT,
    WAIT,
    set_holds,
    split_from_weights,
    split_over_emptiest,
    split_over_set,
)
from qcbench.policies.features.allocation_menu import menu
from qcbench.policies.features.rewards import cost_reward
from qcbench.sums import added
from qcbench.tracks import Track


class AllocationEnv(CloudEnv):
    """The agent gives each QPU a weight; `features.allocation_action` makes a split of them.

    Action: weights from -1 to 1, others are cut there; a QPU with 0 or less takes no part. The task
    waits where the others cannot hold it. There is no action that cannot be taken; the mask says
    which QPUs have free qubits.
    """

    track: ClassVar[Track] = "allocation"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        count = len(self.fleet)
        self._chain_qpu, self._chain_qubits, self._share = [0] * count, [0] * count, [0.0] * count
        self._decided_s = 0.0
        self._price_per_s = self.fleet.prices().tolist()

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Box(LEAST_WEIGHT, MOST_WEIGHT, (len(self.fleet),), np.float32)

    def _mask_size(self) -> int:
        return len(self.fleet)

    def _decide(self, action: Any) -> tuple[float, bool]:
        weights = np.asarray(action)
        if weights.shape != (len(self.fleet),) or weights.dtype.kind != "f":
            raise InputError(
                f"action {_shown(weights)}: must be {len(self.fleet)} weights of type float32"
            )
        if not np.isfinite(weights).all():
            raise InputError(f"action {weights.tolist()}: weights must be finite")
        view = self._view
        parts = split_from_weights(
            weights.astype(np.float32).clip(LEAST_WEIGHT, MOST_WEIGHT).tolist(),
            view.free_qubits.tolist(),
            view.task_qubits,
            view.running > 0,
            self._chain_qpu,
            self._chain_qubits,
            self._share,
        )
        return self._split(parts), False

    def _split(self, parts: int) -> float:
        """Answer with the chain that was written; return what is due at once."""
        cloud, view, config = self._cloud, self._view, self.options.reward
        if cloud is None:
            raise TypeError("no episode has begun")
        self._decided_s = view.now_s
        if parts == 0:
            cloud.answer(None)
            return 0.0
        qpus, qubits = self._chain_qpu[:parts], self._chain_qubits[:parts]
        exec_s = max(float(view.exec_s[qpu]) for qpu in qpus)
        comm_s = float(chain_time_s(qubits, view.time_per_qubit_s))
        fidelity = 1.0
        if config.fidelity:
            counts = np.array([parts])
            fidelity = float(view.fidelity(np.array(qpus), np.array(qubits), counts)[0])
            if config.kind == "makespan":
                fidelity += 1.0 - float(view.whole_fidelity.max())
        price = exec_s * added(self._price_per_s[qpu] for qpu in qpus)
        execution: Execution = self._account.execution(view.row)  # type: ignore[union-attr]
        waited_s = view.now_s - execution.submit_s
        time_s = waited_s + comm_s + exec_s
        self._account.charge(view.row, time_s)  # type: ignore[union-attr]
        promised = self._account.promise(  # type: ignore[union-attr]
            view.row, view.now_s + (comm_s + exec_s)
        )
        cloud.answer(dict(zip(qpus, qubits, strict=True)))
        return -promised + cost_reward(
            time_s, fidelity, price, config.per_second, config.fidelity, config.price
        )

    def _come_due(self, account: Account) -> float:
        due = super()._come_due(account)
        if self.options.reward.per_elapsed and self._cloud is not None:
            passed_s = self._cloud.cloud.clock.now - self._decided_s
            due -= self.options.reward.per_elapsed * passed_s
        return due


class AllocationDiscreteEnv(AllocationEnv):
    """The agent chooses a set of QPUs, or to wait.

    Action: 0 waits, action i takes set i - 1 of `features.allocation_menu`; the emptiest QPU of a
    set gets most. The mask allows the sets that can hold the task now, and waiting while anything
    runs. A forbidden action is a violation: the task waits, or, where nothing runs, goes to the
    emptiest QPUs; the penalty is due.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._menu: list[list[bool]] = menu(self.fleet).tolist()

    def _action_space(self) -> spaces.Space[Any]:
        return spaces.Discrete(1 + len(menu(self.fleet)))

    def _mask_size(self) -> int:
        return 1 + len(menu(self.fleet))

    def _write_mask(self, view: Any) -> None:
        free, qubits = view.free_qubits.tolist(), view.task_qubits
        self._mask[WAIT] = view.running > 0
        for place, uses in enumerate(self._menu):
            self._mask[1 + place] = set_holds(uses, free, qubits)

    def _decide(self, action: Any) -> tuple[float, bool]:
        choice = self._whole(action)
        violation = self._forbidden(choice)
        view = self._view
        free, qubits = view.free_qubits.tolist(), view.task_qubits
        chain = self._chain_qpu, self._chain_qubits
        if violation:
            parts = 0 if view.running else split_over_emptiest(free, qubits, *chain)
        elif choice == WAIT:
            parts = 0
        else:
            parts = split_over_set(self._menu[choice - 1], free, qubits, *chain)
        penalty = self.options.reward.violation if violation else 0.0
        return self._split(parts) - penalty, violation
