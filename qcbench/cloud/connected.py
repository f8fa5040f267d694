"""Connected sets of free qubits on a coupling map: what parts of a split may take."""

from collections.abc import Iterable

from qcbench.errors import InputError
from qcbench.fleet.profile import QpuProfile


class ConnectedQubits:
    """The free qubits of one QPU, and the search for a connected set of them.

    Whether a set of a size exists is decided exactly: it does where a connected component of the
    free qubits is as large. Which one to take is a search, since a careless choice cuts the rest
    into pieces: sets are grown from several qubits, and the one that leaves the largest component
    is taken. The search ends when nothing is cut off, or after a bounded number of steps.
    """

    def __init__(self, qpu: QpuProfile, search_steps: int) -> None:
        if qpu.qubits > 1 and not qpu.coupling:
            raise InputError(
                f"QPU {qpu.name}: has no coupling map, which rules.dispatch.connected needs; give "
                "it one in the fleet, or set rules.dispatch.connected to false"
            )
        neighbours: list[set[int]] = [set() for _ in range(qpu.qubits)]
        for a, b in qpu.coupling:
            neighbours[a].add(b)
            neighbours[b].add(a)
        self._neighbours = neighbours
        self._search_steps = search_steps
        self._free = set(range(qpu.qubits))
        self._largest: int | None = None

    def largest(self) -> int:
        """Size of the largest connected set of free qubits."""
        if self._largest is None:
            self._largest = max(map(len, self._components(self._free)), default=0)
        return self._largest

    def take(self, count: int) -> tuple[int, ...]:
        """Take a connected set of this many free qubits, and return it in order.

        Raises:
            ValueError: there is none.
        """
        fitting = [c for c in self._components(self._free) if len(c) >= count]
        if not fitting:
            raise ValueError(f"no {count} free qubits are connected")
        component = min(fitting, key=lambda c: (len(c), min(c)))
        region = self._search(component, count)
        self._free -= region
        self._largest = None
        return tuple(sorted(region))

    def give(self, qubits: Iterable[int]) -> None:
        """Give qubits back."""
        self._free.update(qubits)
        self._largest = None

    def _search(self, component: set[int], count: int) -> set[int]:
        """Return a connected set within a component, chosen so that the rest stays together."""
        left = len(component) - count
        if left == 0:
            return component
        best: set[int] = set()
        best_rest = -1
        steps = 0
        degree = {q: len(self._neighbours[q] & component) for q in component}
        for start in sorted(component, key=lambda q: (degree[q], q)):
            region = self._grow(component, start, count)
            rest = max(map(len, self._components(component - region)))
            if rest > best_rest:
                best, best_rest = region, rest
            steps += len(component) + count
            if best_rest == left or steps >= self._search_steps:
                break
        return best

    def _grow(self, component: set[int], start: int, count: int) -> set[int]:
        """Grow a set from a qubit, each time by the neighbour with the fewest ways out."""
        region = {start}
        frontier = self._neighbours[start] & component
        while len(region) < count:
            outside = component - region
            chosen = min(frontier, key=lambda q: (len(self._neighbours[q] & outside), q))
            region.add(chosen)
            frontier |= self._neighbours[chosen] & component
            frontier -= region
        return region

    def _components(self, qubits: set[int]) -> list[set[int]]:
        left = set(qubits)
        components = []
        while left:
            component: set[int] = set()
            stack = [left.pop()]
            while stack:
                qubit = stack.pop()
                component.add(qubit)
                reached = self._neighbours[qubit] & left
                left -= reached
                stack += reached
            components.append(component)
        return components
