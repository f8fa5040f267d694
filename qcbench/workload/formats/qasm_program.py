"""An OpenQASM program with all that it includes: what it says depends on nothing else.

An include is looked for beside the file that includes it, at every depth. The headers of the two
languages (`qelib1.inc`, `stdgates.inc`) always mean those that qiskit has, and one is read once. An
absolute path is refused: the file would be another one, or none, on the next machine.
"""

import hashlib
import os
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

from qcbench.errors import InputError
from qcbench.files import read_bytes
from qcbench.workload.formats.qasm_tokens import Token, starts_statement, text_at, tokens
from qcbench.workload.formats.reading import decoded
from qcbench.workload.formats.recognise import evidence

VERSIONS = {"2": 2, "2.0": 2, "3": 3, "3.0": 3, "3.1": 3}
HEADERS = {2: "qelib1.inc", 3: "stdgates.inc"}

_INCLUDE = re.compile(rb"include\s*[\"']([^\"'\n]*)[\"']")

MOST_PARTS = 500
"""Inclusions; files that include one file twice, which does so too, would never end."""
MOST_CHARACTERS = 2**26

WORDS_OF_3 = frozenset(
    {"qubit", "bit", "input", "output", "const", "let", "def", "defcal", "extern", "cal", "angle"}
    | {"duration", "stretch", "float", "int", "uint", "bool", "complex", "array", "box", "for"}
    | {"while", "switch", "ctrl", "negctrl", "inv", "pow", "gphase"}
)
"""Words that begin a statement of OpenQASM 3; in OpenQASM 2 they can be names of gates only."""


@dataclass(frozen=True)
class Program:
    """A program, whole.

    Attributes:
        path: its file.
        version: of the language, 2 or 3.
        text: with all files inserted that it includes, and without its version; only the header of
            the language is still an include.
        parts: its own file and all that it includes, in the order in which they appear.
    """

    path: Path
    version: int
    text: str
    parts: tuple[Path, ...]
    _places: tuple[tuple[Path, int], ...] = field(repr=False)
    _starts: tuple[int, ...] = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of everything that the circuit depends on."""
        return hashlib.sha256(f"OPENQASM {self.version}\n{self.text}".encode()).hexdigest()

    def place(self, line: int) -> tuple[Path, int]:
        """Return the file and line that a line of `text` came from; lines count from 1."""
        return self._places[min(max(line, 1), len(self._places)) - 1]

    def where(self, token: Token) -> str:
        """Return where a token of `text` stands, for messages."""
        path, line = self.place(bisect_right(self._starts, token.offset))
        return f"{path}: line {line}"


def read_program(path: Path) -> Program:
    """Read a program and all that it includes.

    Raises:
        InputError: one line with file and line: a file that is missing or is none, an include
            without end, a version that is not known.
    """
    text = _text(path)
    if not text.strip():
        raise InputError(f"{path}: is empty")
    found = tokens(text)
    version = _stated_version(found, path, text) or _likely_version(found, path)
    made = _Expansion(version)
    made.add(path, text, found, ())
    rows = made.rows
    starts = [0]
    for row in rows[:-1]:
        starts.append(starts[-1] + len(row) + 1)
    return Program(
        path, version, "\n".join(rows), tuple(made.parts), tuple(made.places), tuple(starts)
    )


def program_hash(path: Path) -> str:
    """Return the SHA-256 of a program's file, and of the files that it includes where it does.

    The same on every machine: files are named relative to the program.

    Raises:
        InputError: as `read_program`.
    """
    data = read_bytes(path)
    own = hashlib.sha256(data).hexdigest()
    if _includes_headers_only(path, data):
        return own
    parts = read_program(path).parts
    if len(parts) == 1:
        return own
    digest = hashlib.sha256()
    for part in parts:
        name = Path(os.path.relpath(part, path.parent)).as_posix()
        digest.update(f"{name}\0{hashlib.sha256(read_bytes(part)).hexdigest()}\n".encode())
    return digest.hexdigest()


def _includes_headers_only(path: Path, data: bytes) -> bool:
    """Whether it is plain without reading the program that it has no parts; large folders wait."""
    names = {name.decode("utf-8", "replace") for name in _INCLUDE.findall(data)}
    return (
        len(_INCLUDE.findall(data)) == data.count(b"include")
        and names <= set(HEADERS.values())
        and not any((path.parent / name).exists() for name in names)
    )


class _Expansion:
    """The rows of a program while files are inserted, and where each came from."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.rows: list[str] = []
        self.places: list[tuple[Path, int]] = []
        self.parts: list[Path] = []
        self._header = False
        self._inclusions = 0
        self._characters = 0

    def add(self, path: Path, text: str, found: list[Token], above: tuple[Path, ...]) -> None:
        """Add a file, and in the place of each of its includes the file that it names."""
        if path not in self.parts:
            self.parts.append(path)
        self._characters += len(text)
        if self._characters > MOST_CHARACTERS:
            raise InputError(
                f"{path}: with it the program has more than {MOST_CHARACTERS} characters"
            )
        position = last = 0
        if found and found[0].text == "OPENQASM":
            # Blank and as long, so that columns stay.
            end = found[2].end
            text = _blank(text[:end]) + text[end:]
            position = 3
        while position < len(found):
            token = found[position]
            position += 1
            if not starts_statement(found, position - 1):
                continue
            if token.text == "OPENQASM":
                where = _line(path, text, token)
                raise InputError(f"{where}: the version stands at the beginning of a program")
            if token.text != "include" or token.kind != "word":
                continue
            where = _line(path, text, token)
            if position + 1 >= len(found) or found[position].kind != "string":
                raise InputError(f'{where}: include without a file; write include "FILE";')
            if found[position + 1].text != ";":
                raise InputError(f"{where}: a semicolon is missing after the include")
            name, end = found[position].text[1:-1], found[position + 1].end
            position += 2
            if name == HEADERS[self.version]:
                if self._header:
                    text = text[: token.offset] + _blank(text[token.offset : end]) + text[end:]
                self._header = True
                continue
            self._emit(path, text, last, token.offset)
            self._include(path, where, name, (*above, path))
            last = end
        self._emit(path, text, last, len(text))

    def _emit(self, path: Path, text: str, start: int, end: int) -> None:
        """Add a piece of a file; its first row keeps its columns."""
        line_start = text.rfind("\n", 0, start) + 1
        first = text.count("\n", 0, start) + 1
        piece = " " * (start - line_start) + text[start:end]
        for number, row in enumerate(piece.split("\n")):
            self.rows.append(row)
            self.places.append((path, first + number))

    def _include(self, path: Path, where: str, name: str, above: tuple[Path, ...]) -> None:
        other = HEADERS[5 - self.version]
        if Path(name).is_absolute():
            raise InputError(
                f"{where}: includes {name}, an absolute path, which is another file on another "
                "machine; put it beside the program and name it relative to it"
            )
        target = path.parent / name
        if not target.exists():
            hint = (
                f"the header of OpenQASM {5 - self.version}; that of OpenQASM {self.version} is "
                f"{HEADERS[self.version]}"
                if name == other
                else f"which is not there; it is looked for beside {path.name}, as {target}"
            )
            raise InputError(f"{where}: includes {name!r}, {hint}")
        real = target.resolve()
        if any(real == one.resolve() for one in above):
            raise InputError(f"{where}: includes {name!r}, which includes this file: a circle")
        self._inclusions += 1
        if self._inclusions > MOST_PARTS:
            raise InputError(f"{where}: is include number {MOST_PARTS + 1}; at most {MOST_PARTS}")
        try:
            text = _text(target)
        except InputError as error:
            raise InputError(f"{where}: includes {error}") from error
        found = tokens(text)
        version = _stated_version(found, target, text)
        if version not in (None, self.version):
            raise InputError(
                f"{where}: includes {name!r}, which is OpenQASM {version}, into a program of "
                f"OpenQASM {self.version}"
            )
        self.add(target, text, found, above)


def _stated_version(found: list[Token], path: Path, text: str) -> int | None:
    """Return the version that a program states, None where it states none."""
    if not found or found[0].text.upper() != "OPENQASM":
        return None
    where = _line(path, text, found[0])
    known = ", ".join(name for name in VERSIONS if "." in name)
    if found[0].text != "OPENQASM":
        raise InputError(f"{where}: {found[0].text} is written in capitals: OPENQASM")
    if len(found) < 2 or found[1].kind != "number":
        raise InputError(f"{where}: OPENQASM without a version; known: {known}")
    if found[1].text not in VERSIONS:
        raise InputError(f"{where}: is OpenQASM {found[1].text}; known: {known}")
    if text_at(found, 2) != ";":
        raise InputError(f"{where}: a semicolon is missing after OPENQASM {found[1].text}")
    return VERSIONS[found[1].text]


def _likely_version(found: list[Token], path: Path) -> int:
    """Return the version that a program without one is written in, by its own words.

    The header that it includes says it; else a statement that only OpenQASM 3 has; else the ending
    of its name; else it is OpenQASM 2, where the version must not be missing but often is.
    """
    gates = {text_at(found, i + 1) for i, token in enumerate(found) if token.text == "gate"}
    for position, token in enumerate(found):
        if token.kind == "word" and token.text.startswith("$"):
            return 3
        if token.text == "=" and text_at(found, position + 1) == "measure":
            return 3
        if token.kind != "word" or not starts_statement(found, position):
            continue
        if token.text == "include":
            name = text_at(found, position + 1)[1:-1]
            for version, header in HEADERS.items():
                if name == header:
                    return version
        if token.text in WORDS_OF_3 and token.text not in gates:
            return 3
    return 3 if path.suffix.lower() == ".qasm3" else 2


def _line(path: Path, text: str, token: Token) -> str:
    return f"{path}: line {text.count(chr(10), 0, token.offset) + 1}"


def _blank(text: str) -> str:
    """Return white space of the same shape."""
    return "".join("\n" if letter == "\n" else " " for letter in text)


def _text(path: Path) -> str:
    """Return a file's text with newlines of one kind."""
    data = read_bytes(path)
    other = evidence(data)
    if other is not None and other.format != "qasm":
        raise InputError(f"{path}: is {other.what}, not OpenQASM")
    text = decoded(path, data) if data.strip() else ""  # nothing may be included
    return text.replace("\r\n", "\n").replace("\r", "\n")
