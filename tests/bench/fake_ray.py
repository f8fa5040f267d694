"""Ray without processes or time: actors that wait for CPUs, and a clock that waiting moves."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    """Stands for an actor that died."""


class RayTaskError(RayError):
    """Stands for a call that raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass(eq=False)
class Ref:
    """An answer; `value` once it has come."""

    value: Any = None
    here: bool = False


@dataclass(eq=False)
class Actor:
    """An actor; `node` once it has a CPU."""

    made: Callable[[], Any]
    node: str | None = None
    worker: Any = None
    dead: bool = False
    calls: deque[tuple[str, tuple[Any, ...], Ref]] = field(default_factory=deque)

    def __getattr__(self, name: str) -> Any:
        def remote(*arguments: Any) -> Ref:
            ref = Ref()
            self.calls.append((name, arguments, ref))
            return ref

        return SimpleNamespace(remote=remote)


class FakeRay:
    """A cluster.

    Attributes:
        nodes: CPUs by name of a node.
        taken: CPUs by name that others use.
        bad: nodes whose workers are refused, with what they say.
        clock: the time [s].
        events: what happens when, such as a node that joins: (time [s], what).
    """

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self, nodes: dict[str, int]) -> None:
        self.nodes = dict(nodes)
        self.taken: dict[str, int] = {}
        self.bad: dict[str, Exception] = {}
        self.clock = 1000.0
        self.events: list[tuple[float, Callable[[], None]]] = []
        self.actors: list[Actor] = []
        self.most_hired = 0

    def at(self, after_s: float, what: Callable[[], None]) -> None:
        self.events.append((self.clock + after_s, what))

    def lose(self, name: str) -> None:
        """Take a node and all that is on it away."""
        del self.nodes[name]
        for actor in self.actors:
            if actor.node == name:
                actor.dead = True

    @property
    def pending(self) -> int:
        return sum(actor.node is None for actor in self._alive())

    # What the driver calls.

    def remote(self, **_: Any) -> Callable[[type], Any]:
        def decorate(kind: type) -> Any:
            def hire(*arguments: Any) -> Actor:
                actor = Actor(lambda: kind(*arguments))
                self.actors.append(actor)
                self.most_hired = max(self.most_hired, len(self._alive()))
                return actor

            return SimpleNamespace(remote=hire)

        return decorate

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": float(sum(self.nodes.values()))}

    def kill(self, actor: Actor) -> None:
        actor.dead = True

    def get(self, ref: Ref) -> Any:
        assert ref.here
        if isinstance(ref.value, Exception):
            raise ref.value
        return ref.value

    def wait(
        self, refs: Sequence[Ref], *, num_returns: int, timeout: float
    ) -> tuple[list[Ref], list[Ref]]:
        assert refs
        assert len(refs) == len(set(refs))
        here = [ref for ref in refs if ref.here]
        if not here and timeout:
            self._advance()
            here = [ref for ref in refs if ref.here]
            self.clock += timeout
        here = here[:num_returns]
        return here, [ref for ref in refs if ref not in here]

    def monotonic(self) -> float:
        return self.clock

    def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def perf_counter(self) -> float:
        return self.clock

    # How it goes on.

    def _alive(self) -> list[Actor]:
        return [actor for actor in self.actors if not actor.dead]

    def _advance(self) -> None:
        due = [event for event in self.events if event[0] <= self.clock]
        self.events = [event for event in self.events if event[0] > self.clock]
        for _, what in due:
            what()
        for actor in self._alive():
            if actor.node is None:
                actor.node = self._free()
        for actor in self.actors:
            if actor.dead:
                for _, _, ref in actor.calls:
                    ref.value, ref.here = RayError("the actor died"), True
                actor.calls.clear()
            elif actor.node is not None and actor.calls:
                self._run(actor)

    def _run(self, actor: Actor) -> None:
        name, arguments, ref = actor.calls.popleft()
        ref.here = True
        if error := self.bad.get(str(actor.node)):
            ref.value = RayTaskError(error) if name == "ready" else error
            return
        if actor.worker is None:
            actor.worker = actor.made()
        ref.value = getattr(actor.worker, name)(*arguments)

    def _free(self) -> str | None:
        for node, cpus in self.nodes.items():
            used = sum(actor.node == node for actor in self._alive())
            if used + self.taken.get(node, 0) < cpus:
                return node
        return None
