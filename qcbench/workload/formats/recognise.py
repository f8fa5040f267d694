"""What a file evidently is, whatever its name says: told from its first bytes, words or numbers."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qcbench.errors import InputError
from qcbench.workload.formats.columns_json import FORMAT
from qcbench.workload.formats.csv_text import LONGEST_HEADER, read_header
from qcbench.workload.formats.gzip_files import plain_name
from qcbench.workload.formats.job_files import COLUMNS as JOB_COLUMNS
from qcbench.workload.formats.numerals import decimal
from qcbench.workload.formats.published_csv import REQUIRED as PUBLISHED_COLUMNS
from qcbench.workload.formats.reading import unified_lines
from qcbench.workload.formats.swf import FIELDS
from qcbench.workload.formats.trace import COLUMNS as TRACE_COLUMNS

SUFFIXES = {
    "csv": ".csv",
    "jobs_csv": ".csv",
    "json": ".json",
    "jobs_json": ".json",
    "parquet": ".parquet",
    "swf": ".swf",
    "qasm": ".qasm",
}

SIGNATURES = (
    (b"PAR1", "a Parquet file", "parquet"),
    (b"\x1f\x8b", "compressed with gzip", None),
    (b"BZh", "compressed with bzip2; unpack it", None),
    (b"\xfd7zXZ", "compressed with xz; unpack it", None),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it", None),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet; unpack it, or save it as CSV", None),
    (b"QISKIT", "a QPY file of circuits; export them as OpenQASM", None),
    (b"ARROW1", "an Arrow file; save it as Parquet", None),
    (b"SQLite format 3", "an SQLite database", None),
    (b"\x89HDF", "an HDF5 file", None),
    (b"\x93NUMPY", "a NumPy array", None),
    (b"%PDF", "a PDF document", None),
    (b"\x89PNG", "a PNG image", None),
    (b"<!DOCTYPE html", "an HTML page", None),
    (b"<html", "an HTML page", None),
    (b"\xff\xfe", "text in UTF-16; save it as UTF-8", None),
    (b"\xfe\xff", "text in UTF-16; save it as UTF-8", None),
)


@dataclass(frozen=True)
class Evidence:
    """What a file evidently is.

    Attributes:
        what: in words, after "is".
        format: the name of the format, where it is one that is read here.
    """

    what: str
    format: str | None = None


def evidence(content: bytes) -> Evidence | None:
    """Return what a file evidently is, None where its beginning does not tell.

    Args:
        content: of the file, or its beginning.
    """
    for signature, what, name in SIGNATURES:
        if content.startswith(signature):
            return Evidence(what, name)
    text = content[:LONGEST_HEADER].decode("utf-8", errors="replace").removeprefix("\ufeff")
    text = unified_lines(text)
    if re.match(r"\s*\{[^\n]*\}[ \t\r]*\n\s*\{", text):
        return Evidence("JSON Lines, an object a line; put them into one list, as jobs")
    if re.match(r"\s*[\[{]", text):
        return Evidence("JSON", "json")
    if re.match(r"OPENQASM\b", _after_comments(text)):
        return Evidence("an OpenQASM program", "qasm")
    return table_evidence(text) or (_SWF if _is_swf(text) else None)


_SWF = Evidence("an SWF file", "swf")


def table_evidence(text: str) -> Evidence | None:
    """Return which table a header begins, by the columns that it names; None where it is none."""
    known = {
        "csv": (PUBLISHED_COLUMNS, "a CSV task file"),
        "jobs_csv": (JOB_COLUMNS, "a CSV job file"),
        None: (TRACE_COLUMNS, "a trace of arrivals; workload.arrivals with process trace reads it"),
    }
    found = {name: read_header(text, columns).known for name, (columns, _) in known.items()}
    best = max(found, key=lambda name: found[name])
    return Evidence(known[best][1], best) if found[best] >= 2 else None


def _is_swf(text: str) -> bool:
    """Whether the first line that is no comment is a job, or all lines are comments."""
    lines = [line for line in map(str.strip, re.split(r"[\r\n]+", text)) if line]
    jobs = [line for line in lines if not line.startswith(";")]
    if not jobs:
        return bool(lines)
    fields = jobs[0].split()
    if len(fields) != len(FIELDS):
        return False
    try:
        for field in fields:
            decimal(field)
    except ValueError:
        return False
    return True


def _after_comments(text: str) -> str:
    """Return a program from its first word on."""
    while (text := text.lstrip()).startswith(("//", "/*")):
        text = text.partition("\n" if text.startswith("//") else "*/")[2]
    return text


def json_evidence(content: Any) -> Evidence | None:
    """Return which of the JSON files some content is; None where it is none that is known."""
    if not isinstance(content, dict):
        return None
    if content.get("format") == FORMAT:
        return Evidence("a JSON task file", "json")
    if "cases" in content or {"C", "S", "Q"} <= content.keys():
        return Evidence("a list of hybrid jobs; workload.circuits with source jobs reads it")
    jobs = content.get("jobs")
    first = jobs[0] if isinstance(jobs, list) and jobs else None
    own = {name for name in JOB_COLUMNS if name not in ("depth", "priority")}
    if isinstance(first, dict) and own & {str(key).casefold() for key in first}:
        return Evidence("a JSON job file", "jobs_json")
    return None


def mismatch(path: Path, found: Evidence, stated: bool) -> InputError:
    """Return the error of a file that is evidently something else than what it was taken for.

    Args:
        path: the file.
        found: what it is.
        stated: its format was stated, not told from its name.
    """
    text = f"{path}: is {found.what}"
    if found.format is None:
        return InputError(text)
    suffix = SUFFIXES[found.format]
    if stated or plain_name(path).suffix.lower() == suffix:
        return InputError(f"{text}; its format is {found.format}")
    return InputError(f"{text}; give it the suffix {suffix}, or state format {found.format}")
