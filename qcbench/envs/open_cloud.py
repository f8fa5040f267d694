"""The cloud with the policy's place left open: stepped from decision to decision.

The cloud runs as it stands, in a greenlet of its own; where it asks its policy, the greenlet hands
the view out and sleeps until the decision is given back. There is no second simulator.
"""

from typing import Any, TypeAlias

from greenlet import GreenletExit, getcurrent, greenlet

from qcbench.cloud.cloud import Cloud, Streams
from qcbench.cloud.records import Records
from qcbench.cloud.scenario import Scenario
from qcbench.policies.view import AllocationView, PlacementView, QueueView

View: TypeAlias = PlacementView | AllocationView | QueueView


class OpenCloud:
    """A cloud that stops at each decision.

    Attributes:
        cloud: what runs; its clock stands at the decision.
        view: of the decision that is due; None before `start` and when none is left.
    """

    def __init__(self, scenario: Scenario, streams: Streams) -> None:
        self.cloud = Cloud(scenario, self._ask, streams)
        self.view: View | None = None
        self._records: Records | None = None
        self._closed = False
        self._loop = greenlet(self._run)

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
        self._closed = True
        self.view = None
        if self._loop and not self._loop.dead:
            self._loop.parent = getcurrent()
            self._loop.throw(GreenletExit)

    def _go_on(self, *decision: Any) -> View | None:
        self._loop.parent = getcurrent()
        self.view = self._loop.switch(*decision)
        return self.view

    def _run(self) -> None:
        self._records = self.cloud.run()

    def _ask(self, view: View) -> Any:
        if self._closed:
            raise GreenletExit
        parent: Any = getcurrent().parent
        return parent.switch(view)
