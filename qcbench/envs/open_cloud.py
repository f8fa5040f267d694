"""The cloud with the policy's place left open: stepped from decision to decision.

The cloud runs as it stands, in a greenlet of its own; where it asks its policy, the greenlet hands
the view out and sleeps until the decision is given back. There is no second simulator.
"""

from sys import is_finalizing
from threading import get_ident
from typing import Any, TypeAlias

from greenlet import GreenletExit, getcurrent, greenlet

from qcbench.cloud.cloud import Cloud, Streams
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.policies.view import AllocationView, PlacementView, QueueView

View: TypeAlias = PlacementView | AllocationView | QueueView


class Gate:
    """Where the cloud asks and waits: all that its greenlet knows of the world outside.

    A sleeping greenlet is never collected as part of a cycle, so nothing in it refers to the
    `OpenCloud`, which closes it when it goes.
    """

    __slots__ = ("closed",)

    def __init__(self) -> None:
        self.closed = False

    def ask(self, view: View) -> Any:
        """Hand a view out, sleep, and return the decision."""
        if self.closed:
            raise GreenletExit
        outside: Any = getcurrent().parent
        return outside.switch(view)


class OpenCloud:
    """A cloud that stops at each decision.

    Attributes:
        cloud: what runs; its clock stands at the decision.
        view: of the decision that is due; None before `start` and when none is left.
    """

    def __init__(self, scenario: Scenario, streams: Streams) -> None:
        self._gate = Gate()
        self.cloud = Cloud(scenario, self._gate.ask, streams)
        self.view: View | None = None
        self._records: Records | None = None
        self._thread = get_ident()
        self._loop = greenlet(self.cloud.run)

    @property
    def over(self) -> bool:
        """Whether the cloud has run to its end."""
        return bool(self._loop.dead)

    def start(self) -> View | None:
        """Run to the first decision; return its view, or None where there is none.

        Raises:
            InputError: the scenario cannot be run.
        """
        return self._go_on()

    def answer(self, decision: Any) -> View | None:
        """Give the decision that is due and run to the next; return its view.

        Raises:
            PolicyError: a decision that the track does not know.
            RuntimeError: another thread than the one that made this cloud.
        """
        return self._go_on(decision)

    def records(self) -> Records:
        """Return what has happened up to now; a cloud that was not at its end is closed."""
        if self._records is None:
            self._records = self.cloud.records()
            self.close()
        return self._records

    def close(self) -> None:
        """Let go of a cloud that has not reached its end."""
        self._gate.closed = True
        self.view = None
        if self._loop and not self._loop.dead and self._thread == get_ident():
            self._loop.parent = getcurrent()
            self._loop.throw(GreenletExit)

    def __del__(self) -> None:
        # Neither where the scenario was refused, nor when the interpreter goes.
        if hasattr(self, "_loop") and not is_finalizing():
            self.close()

    def _go_on(self, *decision: Any) -> View | None:
        if self._thread != get_ident():
            raise RuntimeError("an environment is stepped in the thread that has reset it")
        self._loop.parent = getcurrent()
        handed_out = self._loop.switch(*decision)
        if self._loop.dead:
            self._records, self.view = handed_out, None
        else:
            self.view = handed_out
        return self.view
