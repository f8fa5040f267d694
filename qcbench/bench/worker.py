"""The process that runs trials: a plain class, which the driver makes a Ray actor of."""

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from qcbench.bench import nodes
from qcbench.bench.secret_variables import forget_secrets

if TYPE_CHECKING:
    from qcbench.bench.facts import FactsOf
    from qcbench.bench.outcome import Outcome, RunTrial
    from qcbench.bench.trial import Trial


class Worker:
    """Runs chunks of trials, those on one world together.

    The class itself needs no other package, so that it begins, and says what is missing, on a node
    that lacks some.
    """

    def __init__(
        self,
        target: "str | RunTrial",
        track: str,
        needed: Sequence[str] = (),
        facts: "str | FactsOf" = "",
    ) -> None:
        self._target = target
        self._facts = facts
        self._track = track
        self._needed = needed
        # Before any code of a policy runs.
        forget_secrets()
        self._name = f"{os.uname().nodename}:{os.getpid()}"

    def ready(self) -> str:
        """Import what runs a trial, so that a worker that cannot is found out before it is used.

        Raises:
            InputError: a node that lacks packages.
        """
        nodes.check(self._needed)
        from qcbench.bench.outcome import resolve  # noqa: PLC0415 - after the check

        resolve(self._target)
        if self._facts:
            resolve(self._facts)
        return self._name

    def run(self, trials: "Sequence[Trial]", bearers: Collection[str] = ()) -> "list[Outcome]":
        """Run the trials; one that raises is a failed outcome.

        Args:
            trials: in this order.
            bearers: ids of those that bring the facts of their world along.
        """
        from qcbench.bench.outcome import attempts, resolve  # noqa: PLC0415

        function, facts = resolve(self._target), resolve(self._facts) if bearers else None
        found = attempts(function, trials, self._track, self._name, facts_of=facts, bearers=bearers)
        return [outcome for batch in found for outcome in batch]
