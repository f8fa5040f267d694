"""What a file evidently is, by how it begins; for messages about files of another format."""

import json

from qcbench.workload.qasm_tokens import text_at, tokens

MAGIC = (
    (b"QISKIT", "QPY"),
    (b"PAR1", "Parquet"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)


def evident_format(data: bytes) -> str:
    """Return the name of the format that a file evidently has; empty where that is not evident."""
    for beginning, name in MAGIC:
        if data.startswith(beginning):
            return name
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""
    start = text.lstrip()[:1]
    if start in ("{", "["):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return ""
        return "JSON"
    if text.lstrip()[:14].lower().startswith(("<!doctype html", "<html")):
        return "HTML"
    found = tokens(text)
    if text_at(found, 0) == "OPENQASM" and len(found) > 1:
        return f"OpenQASM {found[1].text.partition('.')[0]}"
    return ""
