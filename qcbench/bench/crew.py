"""How many workers a run has use for now, on a cluster that grows and shrinks.

A worker that finds no free CPU waits in Ray's list of what is wanted: that is what an autoscaler
adds nodes for, and it is forgotten when the driver ends. Ray's `request_resources` is not used: it
is one number for the whole cluster, which the next job overwrites and nobody takes back.
"""

from dataclasses import dataclass

WORTH_S = 60.0
"""Work that a further worker must have for it to be asked for [s]: what a node takes to start."""


@dataclass(frozen=True)
class Crew:
    """What is known when workers are hired.

    Attributes:
        told: workers that the user names; None where the cluster decides.
        elastic: whether more than the cores may be asked for: not of a private Ray.
    """

    told: int | None
    elastic: bool

    def wanted(self, *, cores: int, ready: int, worth: int, unresolved: int) -> int:
        """Return how many workers there should be, those that still wait for a CPU included.

        Args:
            cores: CPUs of the cluster now.
            ready: workers that run trials.
            worth: workers that would have `WORTH_S` of what waits.
            unresolved: trials without a result.

        One is always wanted, so that a cluster without a node hears that there is work. Beyond
        the cores as many are asked for as work already, as autoscalers double at most; those are
        not missed where nobody adds a node.
        """
        if self.told is not None:
            return min(self.told, unresolved)
        asked = min(worth, 2 * ready) if self.elastic else 0
        return min(unresolved, max(1, cores, asked))

    @staticmethod
    def present(*, hired: int, cores: int, ready: int) -> int:
        """Return among how many the work is shared out: without those that wait for a node."""
        return max(1, ready, min(hired, cores))
