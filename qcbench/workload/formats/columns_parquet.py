"""Our task files as Parquet, with the columns of `columns`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from qcbench.errors import InputError
from qcbench.files import encoded, parse_json, quoted, read_bytes, to_json, write_with
from qcbench.workload.formats.columns import from_columns, to_columns
from qcbench.workload.task_set import TaskSet

KEY = "qcbench-workload"
VERSION = "1"
SIGNATURE = b"PAR1"
"""At both ends of a file."""


def read_parquet(path: Path) -> TaskSet:
    """Read a Parquet task file.

    Raises:
        InputError: the file is torn, is something else, or holds a value that cannot be.
    """
    import polars as pl  # noqa: PLC0415

    data = read_bytes(path)
    if not (data.startswith(SIGNATURE) and data.endswith(SIGNATURE) and len(data) > 12):
        raise InputError(f"{path}: is no Parquet file, or a torn one")
    try:
        with _quiet():
            metadata = pl.read_parquet_metadata(BytesIO(data))
            version = metadata.get(KEY)
            known = version in (None, VERSION)  # somebody's own has columns alone
            frame = pl.read_parquet(BytesIO(data)) if known else pl.DataFrame()
            columns = frame.to_dict(as_series=False)
    except BaseException as error:
        # A damaged file can also end in a panic of the library, which is no Exception.
        panic = type(error).__name__ == "PanicException"
        if isinstance(error, MemoryError) or not (panic or isinstance(error, Exception)):
            raise
        raise InputError(f"{path}: is a damaged Parquet file, or one polars cannot read") from error
    if version not in (None, VERSION):
        raise InputError(f"{path}: version {quoted(version)[1:-1]}; {VERSION} is supported")
    return from_columns(columns, str(path), _comments(path, metadata.get("comments", "[]")))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep standard error closed: a panic of the library prints a page before it is raised."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed already
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _comments(path: Path, text: str) -> tuple[str, ...]:
    comments = parse_json(text, f"{path}: comments in the metadata")
    if not isinstance(comments, list) or not all(isinstance(line, str) for line in comments):
        raise InputError(f"{path}: comments in the metadata must be a list of texts")
    return tuple(comments)


def write_parquet(content: TaskSet, path: Path) -> None:
    """Write a Parquet task file; the same content gives the same bytes.

    Raises:
        InputError: a text of the tasks is none, or the file cannot be written.
    """
    import polars as pl  # noqa: PLC0415

    metadata = {KEY: VERSION, "comments": to_json(list(content.comments), str(path))}
    columns = to_columns(content)
    for values in (*columns.values(), content.comments):
        if isinstance(values[0] if values else None, str):
            encoded(path, "".join(values))
    frame = pl.DataFrame(columns)
    write_with(path, lambda file: frame.write_parquet(file, compression="zstd", metadata=metadata))
