"""Tables that replays have written, read again: what is damaged, or of another version, is told."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench.errors import InputError, reason_of
from qcbench.files import quoted
from qcbench.hardware.manifest import ReplayFolder
from qcbench.hardware.table import schema
from qcbench.parquet import frame_at

if TYPE_CHECKING:
    import polars as pl

LATER = ("waited_s", "fidelity_with_medians")
"""Columns of a table that came after the first release."""
AGAIN = "run the same `qcbench replay` again, which writes it anew"


def read_table(path: Path) -> "pl.DataFrame":
    """Read the table of a replay.

    Raises:
        InputError: it is not there or cannot be read.
    """
    import polars as pl  # noqa: PLC0415

    if not path.is_file():
        raise InputError(f"{path}: is not there; run the same `qcbench replay` again to its end")
    table = _parquet(path)
    kinds = dict.fromkeys(("label", "policy", "qpu", "state"), pl.String)
    _check_kinds(path, table, {**kinds, "task": pl.Int64, "shots": pl.Int64}, schema())
    lacking = [name for name in LATER if name not in table.columns]
    if lacking:
        raise InputError(
            f"{path}: has no {lacking[0]}, it is of an earlier version; run the same"
            " `qcbench replay` again, which submits nothing that is at its end"
        )
    return table


def check_rows(path: Path, table: "pl.DataFrame", replay: ReplayFolder) -> None:
    """Refuse the table of another replay, and rows that are there twice or not at all.

    Raises:
        InputError: as said.
    """
    if table.is_empty():
        raise InputError(f"{path}: has no rows; {AGAIN}")
    whose = table["replay"].unique().to_list() if "replay" in table.columns else []
    if others := [name for name in whose if name != replay.replay]:
        raise InputError(
            f"{path}: has rows of replay {quoted(others[0])}, and the folder holds "
            f"{replay.replay}; {AGAIN}"
        )
    rows = table.select("policy", "task")
    if twice := rows.filter(rows.is_duplicated()).head(1).rows():
        policy, task = twice[0]
        raise InputError(f"{path}: has task {task} of policy {policy} twice; {AGAIN}")


def anchors_of(replay: ReplayFolder) -> "pl.DataFrame | None":
    """Return the anchor circuits of a replay at its end; None where it has none.

    Raises:
        InputError: the file cannot be read.
    """
    import polars as pl  # noqa: PLC0415

    path = replay.anchors
    if not path.is_file():
        return None
    table = _parquet(path)
    kinds: dict[str, Any] = dict.fromkeys(("label", "qpu", "anchor"), pl.String)
    kinds |= dict.fromkeys(("moment", "shots", "qubits"), pl.Int64)
    kinds |= dict.fromkeys(("started_s", "value", "noise"), pl.Float64)
    _check_kinds(path, table, kinds, {})
    return table


def _parquet(path: Path) -> "pl.DataFrame":
    import polars as pl  # noqa: PLC0415

    try:
        return frame_at(path)
    # A damaged file makes the reader raise nearly anything, even a panic of its Rust code.
    except (Exception, pl.exceptions.PanicException) as error:
        reason = f"{path}: is no Parquet file, or a torn one ({reason_of(error)}); {AGAIN}"
        raise InputError(reason) from error


def _check_kinds(
    path: Path, table: "pl.DataFrame", needed: Mapping[str, Any], others: Mapping[str, Any]
) -> None:
    """Raise where columns that are needed are not there, or any is of another type."""
    for name, kind in {**needed, **others}.items():
        found = table.schema.get(name)
        if found != kind and (name in needed or found is not None):
            raise InputError(f"{path}: is not what `qcbench replay` writes ({name}); {AGAIN}")
