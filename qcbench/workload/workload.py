"""What a cloud is asked to do: jobs with their arrivals, tasks with their circuits' features."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from qcbench.arrays import FloatArray, IntArray
from qcbench.errors import InputError
from qcbench.sums import added
from qcbench.workload.interaction_graph import InteractionGraph

UNKNOWN = -1
"""Depth and gates of a task without a circuit."""
MOST = 2**31 - 1
"""Layers, gates, shots and qubits of a task; the product of two of them has 64 bits."""
MOST_VALUE = 1e290
"""Of a job: the sum over all jobs is a number."""


@dataclass(frozen=True)
class CompiledFeatures:
    """Features of every task's circuit after transpilation for one family, shape (tasks,) each.

    ``depth`` is -1 where the circuit does not fit the family's devices; gate counts are 0 there.
    ``one_qubit_gates`` leaves out rotations about z, which IBM devices do in software: exactly and
    in no time.
    """

    depth: IntArray
    one_qubit_gates: IntArray
    two_qubit_gates: IntArray
    measurements: IntArray


@dataclass(frozen=True)
class Tasks:
    """The circuits to execute, one entry a task, as columns of equal length.

    Attributes:
        algorithm: benchmark or file name of the circuit.
        qubits: width of the circuit before transpilation.
        depth: depth before transpilation (layers); -1 where there is no circuit, but a duration
            alone.
        shots: repetitions; 1 where there is no circuit.
        two_qubit_gates: number of gates on two or more qubits before transpilation; -1 where there
            is no circuit.
        compiled: features per transpilation family.
        duration_s: execution time on any QPU where the workload itself states it, else None.
        graphs: interaction graph of each circuit where the source has them, else None.
    """

    algorithm: Sequence[str]
    qubits: IntArray
    depth: IntArray
    shots: IntArray
    two_qubit_gates: IntArray
    compiled: Mapping[str, CompiledFeatures] = field(default_factory=dict)
    duration_s: FloatArray | None = None
    graphs: Sequence[InteractionGraph] | None = None

    def __post_init__(self) -> None:
        for name in ("qubits", "depth", "shots", "two_qubit_gates"):
            column = getattr(self, name)
            if column.max(initial=0) > MOST:
                row = int(column.argmax())
                raise InputError(
                    f"task {row} ({self.algorithm[row]}): {name} is {column[row]}; at most {MOST}"
                )

    def __len__(self) -> int:
        return len(self.qubits)

    @staticmethod
    def without_circuits(algorithm: str, qubits: IntArray, duration_s: FloatArray) -> "Tasks":
        """Return tasks of which no more is known than how wide they are and how long they take."""
        unknown = np.full(len(qubits), UNKNOWN, dtype=np.int64)
        return Tasks(
            algorithm=[algorithm] * len(qubits),
            qubits=qubits,
            depth=unknown,
            shots=np.ones(len(qubits), dtype=np.int64),
            two_qubit_gates=unknown,
            duration_s=duration_s,
        )

    @property
    def have_circuits(self) -> bool:
        """Whether depth, gates and shots of all tasks are known."""
        return bool((self.depth > UNKNOWN).all() and (self.two_qubit_gates > UNKNOWN).all())

    def require_circuits(self, needed_by: str, otherwise: str) -> None:
        """Check that depth, gates and shots of all tasks are known.

        Args:
            needed_by: whoever needs them, for the message.
            otherwise: what the user can do than take a workload of circuits.

        Raises:
            InputError: there is a task without a circuit.
        """
        if not self.have_circuits:
            unknown = (self.depth <= UNKNOWN) | (self.two_qubit_gates <= UNKNOWN)
            row = int(np.flatnonzero(unknown)[0])
            raise InputError(
                f"task {row} ({self.algorithm[row]}) has no circuit, only a duration, and "
                f"{needed_by} needs depth, gates and shots; {otherwise}, or a workload of circuits"
            )

    def take(self, rows: IntArray) -> "Tasks":
        """Return the tasks at these positions, in this order."""
        return Tasks(
            algorithm=[self.algorithm[row] for row in rows.tolist()],
            qubits=self.qubits[rows],
            depth=self.depth[rows],
            shots=self.shots[rows],
            two_qubit_gates=self.two_qubit_gates[rows],
            compiled={
                family: CompiledFeatures(
                    depth=features.depth[rows],
                    one_qubit_gates=features.one_qubit_gates[rows],
                    two_qubit_gates=features.two_qubit_gates[rows],
                    measurements=features.measurements[rows],
                )
                for family, features in self.compiled.items()
            },
            duration_s=None if self.duration_s is None else self.duration_s[rows],
            graphs=None if self.graphs is None else [self.graphs[row] for row in rows.tolist()],
        )


@dataclass(frozen=True, slots=True)
class ClassicalPhase:
    """Work on the classical pool, in operations."""

    operations: float


@dataclass(frozen=True, slots=True)
class QuantumPhase:
    """One execution of a task's circuit; ``task`` is its row in `Tasks`."""

    task: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """Phases that are gone through several times: the equal iterations of a hybrid algorithm."""

    times: int
    phases: tuple[ClassicalPhase | QuantumPhase, ...]


Phase = ClassicalPhase | QuantumPhase | Repeat


@dataclass(frozen=True)
class Workload:
    """Jobs in order of arrival, and the tasks they execute.

    Attributes:
        arrival_s: arrival time of each job, non-decreasing, shape (jobs,) [s].
        tasks: the circuits.
        job_id: the user's name of each job; its position where empty.
        phases: the phases of each job; where None, job ``i`` is one execution of task ``i``.
        priority: weight of each job, 1 where None.
        user: owner of each job, empty where None.
        quota_per_s: jobs a second that a user is entitled to, where there are quotas.
        due_s: when each job should be done, infinite for one without a due time, shape (jobs,);
            None where no job has one [s].
        value: what each job is worth, shape (jobs,); 1 where None.
        value_fades_s: after so much time beyond its due time a job is worth nothing; its value
            falls linearly, or at once where 0.
    """

    arrival_s: FloatArray
    tasks: Tasks
    job_id: Sequence[str] = ()
    phases: Sequence[Sequence[Phase]] | None = None
    priority: IntArray | None = None
    user: Sequence[str] | None = None
    quota_per_s: Mapping[str, float] = field(default_factory=dict)
    due_s: FloatArray | None = None
    value: FloatArray | None = None
    value_fades_s: float = 0.0

    def __post_init__(self) -> None:
        arrivals = self.arrival_s
        if not np.all(np.isfinite(arrivals)):
            row = int(np.flatnonzero(~np.isfinite(arrivals))[0])
            raise InputError(f"job {self.name(row)}: arrival_s is not a number")
        if len(arrivals) and arrivals.min() < 0:
            row = int(np.flatnonzero(arrivals < 0)[0])
            raise InputError(
                f"job {self.name(row)}: arrival_s is {arrivals[row]:g}; it must not be negative"
            )
        falls = np.flatnonzero(np.diff(arrivals) < 0)
        if len(falls):
            row = int(falls[0]) + 1
            raise InputError(
                f"job {self.name(row)}: arrives at {arrivals[row]:g} s, before its predecessor at "
                f"{arrivals[row - 1]:g} s; sort the jobs by arrival"
            )
        for name in ("due_s", "value"):
            column = getattr(self, name)
            if column is not None and len(column) != len(arrivals):
                raise InputError(
                    f"{len(column)} {name} for {len(arrivals)} jobs; every job has one"
                )
        if self.value is not None and len(arrivals) and not self.value.max() <= MOST_VALUE:
            row = int(self.value.argmax())
            raise InputError(
                f"job {self.name(row)}: value is {self.value[row]:g}; it is at most {MOST_VALUE:g}"
            )
        if self.due_s is not None and np.isnan(self.due_s).any():
            raise InputError(
                f"job {self.name(int(np.isnan(self.due_s).argmax()))}: due_s is no time"
            )
        if self.phases is None and len(arrivals) != len(self.tasks):
            raise InputError(
                f"{len(arrivals)} arrivals for {len(self.tasks)} tasks; every task needs one"
            )

    def __len__(self) -> int:
        return len(self.arrival_s)

    def quantum_phases(self, job: int) -> Iterator[tuple[int, int]]:
        """Yield the tasks of a job and how often each is executed in a row of iterations."""
        if self.phases is None:
            yield job, 1
            return
        for phase in self.phases[job]:
            if isinstance(phase, QuantumPhase):
                yield phase.task, 1
            elif isinstance(phase, Repeat):
                for part in phase.phases:
                    if isinstance(part, QuantumPhase):
                        yield part.task, phase.times

    def executions(self) -> IntArray:
        """Return how often each task is executed, shape (tasks,)."""
        if self.phases is None:
            return np.ones(len(self.tasks), dtype=np.int64)
        counts = np.zeros(len(self.tasks), dtype=np.int64)
        for job in range(len(self)):
            for task, times in self.quantum_phases(job):
                counts[task] += times
        return counts

    def alone_s(self, exec_s: FloatArray, operations_per_s: float) -> FloatArray:
        """Return how long each job takes that never waits, shape (jobs,) [s].

        Args:
            exec_s: of each task, shape (tasks,).
            operations_per_s: of classical phases.
        """
        if self.phases is None:
            return exec_s
        times = exec_s.tolist()

        def phase_s(phase: Phase) -> float:
            if isinstance(phase, ClassicalPhase):
                return phase.operations / operations_per_s
            if isinstance(phase, QuantumPhase):
                return float(times[phase.task])
            return phase.times * added(map(phase_s, phase.phases))

        return np.array([added(map(phase_s, phases)) for phases in self.phases])

    def values(self) -> FloatArray:
        """Return what each job is worth, 1 where nothing else is said, shape (jobs,)."""
        return np.ones(len(self)) if self.value is None else self.value

    def highest_value(self) -> float:
        """Return the most that a job is worth."""
        return float(self.values().max(initial=0.0))

    def name(self, row: int) -> str:
        """Name of the job at this position."""
        return self.job_id[row] if len(self.job_id) else str(row)

    def with_arrivals(self, arrival_s: FloatArray) -> "Workload":
        """Return the same jobs with other arrival times; due times move with them."""
        due_s = None if self.due_s is None else moved(self.due_s, self.arrival_s, arrival_s)
        return replace(self, arrival_s=arrival_s, due_s=due_s)


def moved(due_s: FloatArray, before_s: FloatArray, after_s: FloatArray) -> FloatArray:
    """Return due times that leave as much time from other arrivals."""
    return np.where(before_s == after_s, due_s, after_s + (due_s - before_s))
