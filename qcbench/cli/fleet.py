"""`qcbench fleet`: the catalogue of devices."""

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from qcbench.cli.arguments import Parser
from qcbench.cli.kept import Found, kept
from qcbench.errors import InputError

COLUMNS = {
    "name": "device",
    "processor": "processor",
    "qubits": "qubits",
    "family": "family",
    "clops_v": "CLOPS_v",
    "clops_h": "CLOPS_h",
    "quantum_volume": "QV",
    "readout_error": "readout",
    "two_qubit_error": "2q error",
    "calibration_date": "calibrated",
    "flags": "flags",
}
"""Columns of the list and their headings."""


def _text(name: str, value: Any) -> str:
    """Return a figure as people read it, a dash where it is unknown."""
    if value is None or value in ("", (), []):
        return "-"
    if name == "coupling":
        return " ".join(f"{a}-{b}" for a, b in value)
    if isinstance(value, list | tuple):
        return ", ".join(value)
    if isinstance(value, float):
        return f"{value:.4g}" if value < 1000 else f"{value:.0f}"
    return str(value)


def build(output: Path | None = None) -> None:
    """Rebuild the catalogue from the installed snapshots and say where it is."""
    from qcbench.fleet.build import build as build_catalogue  # noqa: PLC0415 - for this verb alone

    print(f"wrote {build_catalogue(output)}")


def list_devices() -> None:
    """Print one line a device: a table where rich is installed, tab-separated otherwise."""
    lines = kept("devices", ["catalogue"], _devices)["catalogue"]
    try:
        # Not a part of the simulator alone.
        from qcbench.cli.tables import Listing, print_table  # noqa: PLC0415
    except ModuleNotFoundError:
        for line in [list(COLUMNS.values()), *lines]:
            print("\t".join(line))
        return
    table = Listing(caption=f"{len(lines)} calibration snapshots; errors are medians")
    for name, heading in COLUMNS.items():
        numbers = name not in {"name", "processor", "family", "calibration_date", "flags"}
        table.add_column(heading, justify="right" if numbers else "left", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    print_table(table, 200)


def _devices(_catalogue: str) -> Found:
    from qcbench.fleet.catalogue import catalogue_rows  # noqa: PLC0415 - where nothing is kept

    rows = [{**row, "calibration_date": row["calibration_date"][:10]} for row in catalogue_rows()]
    return Found([[_text(name, row[name]) for name in COLUMNS] for row in rows])


def show(name: str) -> None:
    """Print every figure of a device, one a line."""
    from qcbench.fleet.catalogue import device  # noqa: PLC0415 - after the help
    from qcbench.fleet.profile import QpuProfile  # noqa: PLC0415

    profile = device(name)
    width = max(len(field.name) for field in fields(QpuProfile))
    for field in fields(QpuProfile):
        print(f"{field.name:<{width}}  {_text(field.name, getattr(profile, field.name))}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `qcbench fleet build|list|show`; return the exit code."""
    parser = Parser(prog="qcbench fleet", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    building = verbs.add_parser("build", help="rebuild the catalogue from qiskit-ibm-runtime")
    building.add_argument("--output", type=Path, help="file to write instead of the packaged one")
    verbs.add_parser("list", help="list the devices of the catalogue")
    showing = verbs.add_parser("show", help="print the figures of one device")
    showing.add_argument("name", metavar="NAME", help="such as kolkata")
    options = parser.parse_args(arguments)
    try:
        if options.verb == "build":
            build(options.output)
        elif options.verb == "list":
            list_devices()
        else:
            show(options.name)
    except InputError as error:
        print(f"qcbench fleet: {error}", file=sys.stderr)
        return 2
    return 0
