"""`qcbench fleets`: the fleets, or the QPUs of one."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from qcbench.bench.compose import compose, options_of, to_plain
from qcbench.bench.typed import typed
from qcbench.cli.arguments import Parser
from qcbench.cli.tables import Listing
from qcbench.errors import InputError, nearest
from qcbench.fleet.config import FleetConfig
from qcbench.fleet.load import load_fleet
from qcbench.fleet.profile import Fleet


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(prog="qcbench fleets", description="List the fleets, or the QPUs of one.")
    parser.add_argument("fleet", nargs="?", help="name of a fleet")
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    options = parser.parse_args(arguments)
    known = options_of("fleet", options.config_dir)
    if options.fleet is not None and options.fleet not in known:
        raise InputError(f"fleet {options.fleet}: no such fleet{nearest(options.fleet, known)}")
    console = Console()
    if not console.is_terminal:
        console.width = 160
    if options.fleet:
        console.print(_qpus(load_fleet(_fleet_config(options.fleet, options.config_dir))))
        return 0
    table = Listing(
        "fleet", "variant", "QPUs", "qubits", "families", "description", box=None, pad_edge=False
    )
    for name in known:
        try:
            config = _fleet_config(name, options.config_dir)
            fleet = load_fleet(config)
        except InputError as error:
            table.add_row(name, *[""] * 4, f"cannot be used: {error}")
            continue
        table.add_row(
            name,
            config.variant,
            str(len(fleet)),
            f"{fleet.qubits.min()}..{fleet.qubits.max()}",
            " ".join(fleet.families),
            config.description,
        )
    console.print(table)
    return 0


def _fleet_config(name: str, config_dirs: Sequence[Path]) -> FleetConfig:
    composed = to_plain(compose("fleet-alone", [f"fleet={name}"], config_dirs))
    return typed(FleetConfig, composed["fleet"], f"fleet {name}")


def _qpus(fleet: Fleet) -> Listing:
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
    for qpu in fleet:
        table.add_row(
            qpu.name,
            str(qpu.qubits),
            qpu.family,
            *(_figure(v) for v in (qpu.d1cps, qpu.clops_v, qpu.clops_h, qpu.quantum_volume)),
            *(_figure(v, 4) for v in (qpu.readout_error, qpu.one_qubit_error, qpu.two_qubit_error)),
            qpu.calibration_date[:10],
            " ".join(qpu.flags),
        )
    return table


def _figure(value: float | None, digits: int = 6) -> str:
    return "-" if value is None else f"{value:.{digits}g}"
