"""Cold starts: the containers of classical tasks, with image pull, warm pool and keep-alive."""

from qcbench.cloud.rules import ColdStart


class Containers:
    """The containers of one function on the classical pool.

    A task takes the idle container that was used last; where none is idle, a new one is booted,
    after the image has been pulled once. Boot and pull take no share of the workers. A container
    that nobody has used for `keep_alive_s` is gone, but those of the warm pool always stay.

    Attributes:
        cold: tasks that had to wait for a new container.
        started: tasks that got a container.
    """

    def __init__(self, rules: ColdStart) -> None:
        self._rules = rules
        self._warm = rules.warm_pool
        """Idle containers of the warm pool."""
        self._idle: list[float] = []
        """When each other idle container was given back, in that order."""
        self._busy_of_pool = 0
        self._image_s = 0.0 if rules.warm_pool else None
        """When the image is there; None before the first pull."""
        self.cold = 0
        self.started = 0

    def acquire(self, now_s: float) -> float:
        """Take a container; return the time until it is ready [s]."""
        self.started += 1
        idle, keep_s = self._idle, self._rules.keep_alive_s
        if idle and now_s - idle[-1] <= keep_s:
            idle.pop()
            return 0.0
        idle.clear()  # the one used last is gone, so all of them are
        if self._warm:
            self._warm -= 1
            self._busy_of_pool += 1
            return 0.0
        self.cold += 1
        if self._image_s is None:
            self._image_s = now_s + self._rules.image_pull_s
        return max(0.0, self._image_s - now_s) + self._rules.boot_s

    def release(self, now_s: float) -> None:
        """Give a container back; the warm pool is filled up first."""
        if self._busy_of_pool:
            self._busy_of_pool -= 1
            self._warm += 1
        else:
            self._idle.append(now_s)
