"""Our task files as Parquet, with the columns of `columns`."""

import json
from pathlib import Path

from qcbench.errors import InputError
from qcbench.files import replacing
from qcbench.workload.columns import from_columns, to_columns
from qcbench.workload.task_set import TaskSet

KEY = "qcbench-workload"
VERSION = "1"


def read_parquet(path: Path) -> TaskSet:
    """Read a Parquet task file.

    Raises:
        InputError: the file is torn, is something else, or holds a value that cannot be.
    """
    import polars as pl  # noqa: PLC0415

    try:
        metadata = pl.read_parquet_metadata(path)
        version = metadata.get(KEY)
        frame = pl.read_parquet(path) if version == VERSION else pl.DataFrame()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: is no Parquet file, or a torn one ({reason})") from error
    if version is None:
        raise InputError(f"{path}: is no task file; its metadata lacks {KEY}")
    if version != VERSION:
        raise InputError(f"{path}: version {version}; {VERSION} is supported")
    comments = json.loads(metadata.get("comments", "[]"))
    return from_columns(frame.to_dict(as_series=False), str(path), tuple(comments))


def write_parquet(content: TaskSet, path: Path) -> None:
    """Write a Parquet task file; the same content gives the same bytes."""
    import polars as pl  # noqa: PLC0415

    metadata = {KEY: VERSION, "comments": json.dumps(list(content.comments))}
    frame = pl.DataFrame(to_columns(content))
    with replacing(path) as temporary:
        frame.write_parquet(temporary, compression="zstd", metadata=metadata)
