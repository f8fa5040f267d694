"""The door to qiskit: what it raises, warns of or cannot do becomes one line about the input."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any

from qcbench.errors import InputError
from qcbench.workload.circuits.limits import (
    MOST_BITS,
    MOST_NESTED,
    MOST_OPERATIONS,
    MOST_QUBITS,
)
from qcbench.workload.circuits.targets import INSTALL

WITHOUT_DEFINITION = frozenset({"measure", "reset", "barrier", "delay"})


@contextmanager
def asking_qiskit(say: Callable[[str], str]) -> Iterator[None]:
    """Turn what qiskit raises, panics of its compiled parts included, into an `InputError`.

    Its warnings are for programmers and are not shown.

    Args:
        say: makes the line of a reason.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputError:
        raise
    except ImportError as error:
        name = error.name or _in_one_line(error)
        raise InputError(f"circuits are read with {name}; {INSTALL}") from error
    except MemoryError as error:
        raise InputError(say("it takes more memory than there is")) from error
    except RecursionError as error:
        raise InputError(say("it is nested too deeply")) from error
    except Exception as error:
        # Its importers and passes let errors of all kinds through.
        raise InputError(say(_in_one_line(error) or type(error).__name__)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise InputError(say("its contents make no sense")) from error


def _in_one_line(error: BaseException) -> str:
    reason = " ".join(str(error).split())
    if (
        len(reason) > 1
        and reason[0] == reason[-1]
        and reason[0] in "'\""
        and reason.count(reason[0]) == 2
    ):
        reason = reason[1:-1]  # qiskit's errors print with quotes around them
    return reason


def check_circuit(circuit: Any, where: str, of_gate: Callable[[str], str] | None = None) -> None:
    """Refuse a `QuantumCircuit` that is no task: whose features or executions are not defined.

    Args:
        where: what the circuit is called in messages.
        of_gate: returns where a gate is named, by its name; `where` where None.

    Raises:
        InputError: one line that says what would be right.
    """
    if not circuit.num_qubits:
        raise InputError(f"{where}: declares no qubits")
    for count, most, what in (
        (circuit.num_qubits, MOST_QUBITS, "qubits"),
        (circuit.num_clbits, MOST_BITS, "classical bits"),
    ):
        if count > most:
            raise InputError(f"{where}: has {count} {what}; at most {most}")
    if circuit.parameters:
        names = ", ".join(sorted(parameter.name for parameter in circuit.parameters)[:3])
        raise InputError(f"{where}: has free parameters ({names}); give them values")
    if any(hasattr(entry.operation, "blocks") for entry in circuit.data):
        raise InputError(f"{where}: has control flow; depth is defined for circuits without it")
    _CircuitWalk(where, of_gate or (lambda _name: where)).of(circuit)


class _CircuitWalk:
    """Looks at every operation of a circuit and of the definitions of its gates."""

    def __init__(self, where: str, of_gate: Callable[[str], str]) -> None:
        self.where, self.of_gate = where, of_gate
        self._known: dict[tuple[str, str], int] = {}

    def of(self, circuit: Any, depth: int = 0) -> int:
        """Return the number of operations, gates replaced by their definitions."""
        if depth > MOST_NESTED:
            raise InputError(
                f"{self.where}: gates are defined by gates more than {MOST_NESTED} times"
            )
        total = 0
        for entry in circuit.data:
            total += self._of_operation(entry.operation, depth)
            if total > MOST_OPERATIONS:
                raise InputError(
                    f"{self.where}: has more than {MOST_OPERATIONS} operations, gates replaced by "
                    "their definitions"
                )
        return total

    def _of_operation(self, operation: Any, depth: int) -> int:
        name = str(operation.name)
        parameters = getattr(operation, "params", ())
        for value in parameters:
            if isinstance(value, int | float) and not isfinite(value):
                raise InputError(
                    f"{self.of_gate(name)}: {name} has the parameter {value}; must be finite"
                )
        if name == "store" or hasattr(operation, "blocks"):
            raise InputError(
                f"{self.of_gate(name)}: computes with classical values while it runs ({name}); a "
                "task is gates and measurements"
            )
        if _is_known(operation):
            return 1
        key = (name, repr(parameters))
        if key not in self._known:
            definition = getattr(operation, "definition", None)
            if definition is None and hasattr(operation, "__array__"):
                return 1  # its matrix says what it does
            if definition is None:
                raise InputError(
                    f"{self.of_gate(name)}: uses {name}, a gate without a definition; define it by "
                    "gates that are known"
                )
            self._known[key] = self.of(definition, depth + 1)
        return self._known[key]


def _is_known(operation: Any) -> bool:
    """Whether qiskit itself knows what an operation does."""
    kinds = type(operation).__mro__
    return (
        operation.name in WITHOUT_DEFINITION
        or any((kind.__module__ or "").startswith("qiskit.circuit.library") for kind in kinds)
        or kinds[0].__name__ == "AnnotatedOperation"
    )
