"""`qcbench fleets`: the fleets, or the QPUs of one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.bench.conf_files import check_dirs, options_of, providers_of
from qcbench.cli.arguments import Parser, check_named, told_dirs
from qcbench.cli.kept import Found, kept
from qcbench.cli.stages import next_step
from qcbench.cli.tables import Listing, print_table
from qcbench.commands import command, override
from qcbench.errors import InputError, nearest

if TYPE_CHECKING:
    from qcbench.fleet.config import FleetConfig


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(prog="qcbench fleets", description="List the fleets, or the QPUs of one.")
    parser.add_argument("fleet", nargs="?", help="name of a fleet")
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    options = parser.parse_args(arguments)
    check_dirs(options.config_dir)
    check_named("fleets", options.fleet, options.config_dir)
    known = options_of("fleet", options.config_dir)
    if options.fleet is not None and options.fleet not in known:
        raise InputError(f"fleet {options.fleet}: no such fleet{nearest(options.fleet, known)}")
    table = (
        _qpus(options.fleet, options.config_dir)
        if options.fleet
        else _fleets(known, options.config_dir)
    )
    print_table(table, 160)
    chosen = override("fleet", options.fleet or "qce5")
    next_step(f"{command('simulate', chosen)}{told_dirs(options.config_dir)}")
    return 0


def _fleets(known: Sequence[str], config_dirs: Sequence[Path]) -> Listing:
    table = Listing(
        "fleet", "variant", "QPUs", "qubits", "families", "description", box=None, pad_edge=False
    )

    def found(name: str) -> Found:
        from qcbench.fleet.load import load_fleet  # noqa: PLC0415 - where nothing is kept

        try:
            config = _fleet_config(name, config_dirs)
            fleet = load_fleet(config)
        except InputError as error:
            return Found([[name, *[""] * 4, f"cannot be used: {error}"]], "more")
        row = [
            name,
            config.variant,
            str(len(fleet)),
            f"{fleet.qubits.min()}..{fleet.qubits.max()}",
            " ".join(fleet.families),
            config.description,
        ]
        return Found([row], "more" if config.file else "named")

    rows = kept("fleets", known, found, group="fleet", config_dirs=config_dirs)
    table.add_provided(rows, providers_of("fleet", config_dirs))
    return table


def _fleet_config(name: str, config_dirs: Sequence[Path]) -> "FleetConfig":
    from qcbench.bench.compose import compose_alone  # noqa: PLC0415 - where nothing is kept
    from qcbench.bench.typed import typed  # noqa: PLC0415
    from qcbench.fleet.config import FleetConfig  # noqa: PLC0415

    return typed(FleetConfig, compose_alone("fleet", name, config_dirs), f"fleet {name}")


def _qpus(name: str, config_dirs: Sequence[Path]) -> Listing:
    table = Listing(
        "QPU",
        "qubits",
        "family",
        "D1CPS",
        "CLOPS_v",
        "CLOPS_h",
        "QV",
        "readout err",
        "1q err",
        "2q err",
        "calibrated",
        "flags",
        box=None,
        pad_edge=False,
    )

    def found(name: str) -> Found:
        from qcbench.fleet.load import load_fleet  # noqa: PLC0415 - where nothing is kept

        config = _fleet_config(name, config_dirs)
        rows = [
            [
                qpu.name,
                str(qpu.qubits),
                qpu.family,
                *map(_figure, (qpu.d1cps, qpu.clops_v, qpu.clops_h, qpu.quantum_volume)),
                _figure(qpu.readout_error, 4),
                _figure(qpu.one_qubit_error, 4),
                _figure(qpu.two_qubit_error, 4),
                qpu.calibration_date[:10],
                " ".join(qpu.flags),
            ]
            for qpu in load_fleet(config)
        ]
        return Found(rows, "more" if config.file else "named")

    table.add_rows(kept("fleet", [name], found, group="fleet", config_dirs=config_dirs))
    return table


def _figure(value: float | None, digits: int = 6) -> str:
    return "-" if value is None else f"{value:.{digits}g}"
