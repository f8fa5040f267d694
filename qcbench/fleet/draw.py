"""Fleets whose sizes are drawn anew for every replicate."""

from dataclasses import replace

from numpy.random import Generator

from qcbench.fleet.config import FleetConfig
from qcbench.fleet.profile import Fleet


def is_drawn(config: FleetConfig) -> bool:
    """Whether some QPU's size is drawn."""
    return any(entry.max_qubits is not None for entry in config.qpus)


def draw_sizes(config: FleetConfig, fleet: Fleet, generator: Generator) -> Fleet:
    """Return the fleet with the qubits drawn where the config gives a range.

    Args:
        config: resolved, so that its entries are those of the fleet in order.
        fleet: what `load_fleet` makes of it.
    """
    if not is_drawn(config):
        return fleet
    qpus = []
    profiles = iter(fleet)
    for entry in config.qpus:
        for _ in range(entry.count):
            profile = next(profiles)
            if entry.max_qubits is not None and entry.qubits is not None:
                qubits = int(generator.integers(entry.qubits, entry.max_qubits + 1))
                profile = replace(profile, qubits=qubits, coupling=())
            qpus.append(profile)
    return Fleet(fleet.name, tuple(qpus))
