"""What is refused of an OpenQASM program before qiskit builds it, which would take memory or hours.

Sizes are counted on the tokens: qubits and bits of registers, and the operations that remain when
gates are replaced by their definitions (twenty that use the one before twice are a million).
"""

from dataclasses import dataclass, field
from math import isfinite, prod

from qcbench.errors import InputError
from qcbench.workload.circuits.limits import MOST_BITS, MOST_NESTED, MOST_OPERATIONS, MOST_QUBITS
from qcbench.workload.formats.qasm_program import Program
from qcbench.workload.formats.qasm_tokens import Token, integer, starts_statement, text_at, tokens

MOST_INTEGER = 2**63 - 1

OPENING = {"(": ")", "[": "]", "{": "}"}
MODIFIERS = frozenset({"ctrl", "negctrl", "inv", "pow"})
NO_OPERATIONS = frozenset(
    {"include", "qreg", "creg", "qubit", "bit", "opaque", "let", "input", "output", "const"}
)


@dataclass
class _Sizes:
    """What has been declared so far.

    Attributes:
        registers: size of each by its name.
        gates: operations and depth of each defined gate.
    """

    registers: dict[str, int] = field(default_factory=dict)
    gates: dict[str, tuple[int, int]] = field(default_factory=dict)
    qubits: int = 0
    bits: int = 0
    operations: int = 0


def check_limits(program: Program) -> None:
    """Refuse a program that no circuit can be built of in reasonable time and memory.

    Raises:
        InputError: one line with file and line.
    """
    found = tokens(program.text)
    _check_tokens(program, found)
    sizes = _Sizes()
    for start, end in _statements(found):
        _count(program, found, start, end, sizes)


def _check_tokens(program: Program, found: list[Token]) -> None:
    """Check what single tokens and brackets say."""
    closing: list[str] = []
    for token in found:
        if token.kind == "bad":
            what = (
                "a comment that does not end"
                if token.text == "/*"
                else f"the control character {token.text!r}, which no program has"
            )
            raise InputError(f"{program.where(token)}: has {what}")
        if token.kind == "number":
            value = integer(token)
            if value is not None and value > MOST_INTEGER:
                raise InputError(
                    f"{program.where(token)}: {_short(token.text)} is beyond 64 bits; must be at "
                    f"most {MOST_INTEGER}"
                )
            if value is None and not isfinite(float(token.text.replace("_", ""))):
                raise InputError(
                    f"{program.where(token)}: {_short(token.text)} is beyond what a floating-point "
                    "number holds"
                )
        if token.text in OPENING and token.kind == "symbol":
            closing.append(OPENING[token.text])
            if len(closing) > MOST_NESTED:
                raise InputError(
                    f"{program.where(token)}: more than {MOST_NESTED} brackets are open at once"
                )
        elif closing and token.text == closing[-1] and token.kind == "symbol":
            closing.pop()


def _statements(found: list[Token]) -> list[tuple[int, int]]:
    """Return the token ranges of all statements; a gate's definition is one with its body."""
    ranges = []
    start = depth = 0
    for position, token in enumerate(found):
        if token.text == "{":
            depth += 1
        elif token.text == "}":
            depth = max(depth - 1, 0)
        ends = token.text == ";" if found[start].text != "gate" else token.text == "}"
        if ends and (depth == 0 or found[start].text != "gate"):
            ranges.append((start, position))
            start = position + 1
    if start < len(found):
        ranges.append((start, len(found)))
    return ranges


def _count(program: Program, found: list[Token], start: int, end: int, sizes: _Sizes) -> None:
    """Add what a statement declares or does."""
    while start < end and found[start].text in "{}":
        start += 1
    if start == end:
        return
    first = found[start]
    if first.text == "gate":
        _define(program, found, start, end, sizes)
        return
    if first.text in ("qreg", "creg", "qubit", "bit"):
        _declare(program, found, start, end, sizes)
        return
    for token in found[start:end]:
        if token.kind == "word" and token.text.startswith("$"):
            sizes.qubits = max(sizes.qubits, int(token.text[1:20]) + 1)
            _check_size(program, token, sizes)
    if first.text in NO_OPERATIONS:
        return
    weight, _ = _weight(found, start, end, sizes)
    width = max(
        (
            sizes.registers.get(token.text, 1)
            for position, token in enumerate(found[start:end], start)
            if token.kind == "word" and text_at(found, position + 1) != "["
        ),
        default=1,
    )
    sizes.operations += weight * width
    if sizes.operations > MOST_OPERATIONS:
        raise InputError(
            f"{program.where(first)}: with it the circuit has {sizes.operations} operations, gates "
            f"replaced by their definitions; at most {MOST_OPERATIONS}"
        )


def _declare(program: Program, found: list[Token], start: int, end: int, sizes: _Sizes) -> None:
    """Add a register: `qreg q[5]` or `qubit[5] q`; a size that is an expression at its most."""
    inside, name, depth = [], "", 0
    for token in found[start + 1 : end]:
        if token.text == "=":
            break
        if token.text in "[]":
            depth += 1 if token.text == "[" else -1
        elif depth:
            inside.append(token)
        elif token.kind == "word":
            name = token.text
    values = [value for value in map(integer, inside) if value is not None]
    size = values[0] if len(inside) == 1 and values else prod(value + 1 for value in values)
    sizes.registers[name] = size
    if found[start].text in ("qreg", "qubit"):
        sizes.qubits += size
    else:
        sizes.bits += size
    _check_size(program, found[start], sizes)


def _check_size(program: Program, token: Token, sizes: _Sizes) -> None:
    for number, most, what in (
        (sizes.qubits, MOST_QUBITS, "qubits"),
        (sizes.bits, MOST_BITS, "classical bits"),
    ):
        if number > most:
            raise InputError(
                f"{program.where(token)}: with it the circuit has {number} {what}; at most {most}"
            )


def _define(program: Program, found: list[Token], start: int, end: int, sizes: _Sizes) -> None:
    """Add a gate: the operations of its body, and how deep its definitions go."""
    name = text_at(found, start + 1)
    body = next((i for i in range(start, end) if found[i].text == "{"), end) + 1
    operations = depth = 0
    for position in range(body, end):
        if position == body or starts_statement(found, position):
            own, below = _weight(found, position, end, sizes)
            operations += own
            depth = max(depth, below)
    if depth + 1 > MOST_NESTED:
        raise InputError(
            f"{program.where(found[start])}: gate {name} is defined by gates that are defined by "
            f"gates, more than {MOST_NESTED} times"
        )
    sizes.gates[name] = (min(operations, 10**30), depth + 1)


def _weight(found: list[Token], start: int, end: int, sizes: _Sizes) -> tuple[int, int]:
    """Return operations and depth of the gate that a statement applies, behind its modifiers."""
    position, depth = start, 0
    while position < end:
        text = found[position].text
        if text in "([":
            depth += 1
        elif text in ")]":
            depth -= 1
        elif depth == 0 and text not in MODIFIERS and text != "@":
            return sizes.gates.get(text, (1, 0))
        position += 1
    return 1, 0


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:20]}..."
