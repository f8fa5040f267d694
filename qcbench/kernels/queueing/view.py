"""The view of a queueing policy in Python, filled from the kernel's arrays."""

import numpy as np

from qcbench.cloud.estimates import task_table
from qcbench.errors import shown
from qcbench.kernels.queueing.layout import NONE, Clouds
from qcbench.kernels.queueing.load import Prepared
from qcbench.policies.protocol import PolicyError, Queueing
from qcbench.policies.view import QueueView, ReadOnlySequence, WaitingTask


class Window:
    """What a policy sees of one cloud of the kernel, kept from decision to decision."""

    def __init__(self, prepared: Prepared, clouds: Clouds, place: int) -> None:
        workload = prepared.scenario.workload
        self._workload = workload
        self._state = clouds.state[place]
        self._progress = clouds.progress[place]
        self._queue = clouds.waiting[place]
        self._fits = clouds.fits[place]
        self._waiting: list[WaitingTask] = []
        self._all = ReadOnlySequence(self._waiting)
        self.view = QueueView(
            prepared.scenario.fleet,
            task_table(workload.tasks, prepared.estimates),
        )
        if workload.priority is not None and len(workload):
            self.view.highest_priority = int(workload.priority.max())
        self._value = workload.values()
        self.view.highest_value = workload.highest_value()

    def ask(self, decide: Queueing) -> int:
        """Return the choice of a policy in the decision that is due.

        Raises:
            PolicyError: it is no choice.
        """
        state, view = self._state, self.view
        waiting = self._waiting
        head, count = int(state["head"]), int(state["waiting"])
        # What was chosen has been taken out; who joined since then is at the end.
        for place in range(len(waiting), count):
            waiting.append(self._task(int(self._queue[head + place])))
        places = None
        if state["fitting"] == NONE:
            view.waiting = self._all
        else:
            places = self._fits[: int(state["fitting"])].tolist()
            view.waiting = ReadOnlySequence([waiting[place] for place in places])
        view.now_s = float(state["now_s"])
        view.qpu = int(state["deciding"])
        choice = decide(view)
        if choice.__class__ is not int or not 0 <= choice < len(view.waiting):
            raise PolicyError(
                f"the policy returned {shown(choice)}; a choice is an int, a position in "
                f"0..{len(view.waiting) - 1}"
            )
        del waiting[choice if places is None else places[choice]]
        return choice

    def _task(self, job: int) -> WaitingTask:
        workload, own = self._workload, self._progress[job]
        return WaitingTask(
            row=int(own["task"]),
            job=job,
            arrival_s=float(own["joined_s"]),
            job_arrival_s=float(workload.arrival_s[job]),
            priority=1 if workload.priority is None else int(workload.priority[job]),
            qubits=int(own["qubits"]),
            user="" if workload.user is None else workload.user[job],
            mean_exec_s=float(own["mean_exec_s"]),
            ticket=int(own["ticket"]),
            attained_s=float(own["attained_s"]),
            remaining_s=float(own["remaining_s"]),
            due_s=np.inf if workload.due_s is None else float(workload.due_s[job]),
            value=float(self._value[job]),
        )
