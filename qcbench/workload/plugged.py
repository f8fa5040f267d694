"""Workloads of other packages.

An entry point of the group `qcbench.workloads` refers to a function `workload(context, *, ...)`. It
returns `Tasks`, which then arrive as `workload.arrivals` says, or a whole `Workload` with arrivals,
phases, users and due times of its own; then `workload.arrivals.process` is `file`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from numpy.random import Generator

from qcbench import signatures
from qcbench.errors import InputError, shown
from qcbench.plugins import PluginError, called, find
from qcbench.workload.arrivals.draw import draw_arrivals
from qcbench.workload.circuits.selection import draw_uniform
from qcbench.workload.circuits.table import load_circuits
from qcbench.workload.config import FileArrivals, MqtCircuits, PluginCircuits, WorkloadConfig
from qcbench.workload.workload import Tasks, Workload

GIVEN = 1
"""Arguments of such a function that its config does not give: the context."""


@dataclass(frozen=True)
class WorkloadContext:
    """What such a function is given.

    Attributes:
        tasks: how many tasks are asked for, at least 1.
        replicate: number of the world.
        rng: generator for the choice of circuits; all policies of a replicate get the same.
        arrivals_rng: generator for arrival times, where the function draws them.
    """

    tasks: int
    replicate: int
    rng: Generator
    arrivals_rng: Generator

    def packaged(self, tasks: int | None = None, **choice: Any) -> Tasks:
        """Draw circuits of the packaged ones, each by itself, with what models need to know.

        Args:
            tasks: how many; as many as are asked for where None.
            choice: `algorithms`, `min_qubits`, `max_qubits`, `shots` as in YAML.
        """
        wanted = MqtCircuits(selection="uniform", **choice)
        table = load_circuits()
        rows = table.rows(wanted.algorithms, wanted.min_qubits, wanted.max_qubits)
        drawn = draw_uniform(self.rng, rows, self.tasks if tasks is None else tasks)
        return table.with_shots(wanted.shots).take(drawn)


Law: TypeAlias = Callable[..., Tasks | Workload]


def plugged_workload(
    config: WorkloadConfig,
    circuits: PluginCircuits,
    replicate: int,
    rng: Generator,
    arrivals_rng: Generator,
) -> Workload:
    """Make the workload of one replicate by a function of another package.

    Raises:
        InputError: there is none, a parameter does not fit, or its arrivals and those of the config
            do not go together.
        PluginError: it raises, or returns something else.
    """
    title = f"workload {circuits.name}"
    law = find("workloads", circuits.name, "workload.circuits.name").function()
    signatures.check_given(title, signatures.parameters_of(title, law, GIVEN), circuits.parameters)
    context = WorkloadContext(config.tasks, replicate, rng, arrivals_rng)
    found = made(title, law, context, circuits.parameters)
    own = isinstance(config.arrivals, FileArrivals)
    if isinstance(found, Workload):
        if not own:
            raise InputError(
                f"workload.arrivals.process: must be file, since {title} has arrivals of its own"
            )
        return found
    if own:
        raise InputError(
            f"workload.arrivals.process: file; {title} has no arrivals of its own, so it must be "
            "another one, such as poisson"
        )
    return Workload(draw_arrivals(config.arrivals, len(found), arrivals_rng), found)


def made(
    title: str, law: Law, context: WorkloadContext, parameters: Mapping[str, Any]
) -> Tasks | Workload:
    """Ask for a workload and check that it is one; errors as of `plugged_workload`."""
    try:
        found = called(title, partial(law, context), **parameters)
    except InputError as error:  # a workload that is none says so when it is made
        raise PluginError(f"{title}: {error}") from error
    if not isinstance(found, Tasks | Workload):
        raise PluginError(f"{title}: returned {shown(found)}; it is Tasks or a Workload")
    tasks = found.tasks if isinstance(found, Workload) else found
    if not len(tasks):
        raise PluginError(f"{title}: returned no task")
    return found
