"""From an OpenQASM program to a circuit of qiskit, with messages that name file and line."""

import io
import re
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from qcbench.errors import InputError
from qcbench.workload.circuits.qiskit_door import asking_qiskit, check_circuit
from qcbench.workload.formats.qasm_limits import check_limits
from qcbench.workload.formats.qasm_program import Program, read_program
from qcbench.workload.formats.qasm_tokens import tokens

DECLARES = frozenset({"opaque", "gate"})
"""What stands before a name that is declared and not used."""


def read_circuit(path: Path) -> Any:
    """Read a program and all that it includes, as a `QuantumCircuit`.

    Raises:
        InputError: as `read_program` and `circuit_of`.
    """
    return circuit_of(read_program(path))


def circuit_of(program: Program) -> Any:
    """Return the `QuantumCircuit` that a program describes.

    Raises:
        InputError: one line with file and, where it can be told, line: no program, too large a one,
            free parameters, control flow, a gate without a definition.
    """
    check_limits(program)

    def say(reason: str) -> str:
        return _no_program(program, reason)

    with asking_qiskit(say):
        circuit = _parse_2(program) if program.version == 2 else _parse_3(program)
    with asking_qiskit(lambda reason: f"{program.path}: is no circuit that qiskit takes: {reason}"):
        check_circuit(circuit, str(program.path), lambda name: _line_of(program, name))
    return circuit


def _parse_2(program: Program) -> Any:
    from qiskit import qasm2  # noqa: PLC0415

    return qasm2.loads(
        program.text, include_path=(), custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS
    )


def _parse_3(program: Program) -> Any:
    from qiskit import qasm3  # noqa: PLC0415

    try:
        # The generated parser also prints what it raises.
        with redirect_stderr(io.StringIO()):
            return qasm3.loads(program.text)
    except Exception as error:
        token = next(
            (
                argument.offendingToken
                for argument in getattr(error.__cause__, "args", ())
                if hasattr(argument, "offendingToken")
            ),
            None,
        )
        if token is None:
            raise
        reason = f"{token.line},{token.column}: unexpected {token.text!r}"
        raise InputError(_no_program(program, reason)) from error


def _no_program(program: Program, reason: str) -> str:
    """Return the message of a parser's error; qiskit writes its place as `line,column: `."""
    text = reason.removeprefix("<input>:")
    place = re.match(r"(\d+),(\d+): |L(\d+):C(\d+): ", text)
    where = str(program.path)
    if place is not None:
        line, column = (found for found in place.groups() if found is not None)
        path, number = program.place(int(line))
        where = f"{path}: line {number}, column {column}"
        text = text[place.end() :]
    return f"{where}: is no OpenQASM {program.version} that qiskit reads: {text}"


def _line_of(program: Program, name: str) -> str:
    """Return where a gate is used first, else the file."""
    before = ""
    for token in tokens(program.text):
        if token.kind == "word" and token.text == name and before not in DECLARES:
            return program.where(token)
        before = token.text
    return str(program.path)
