"""What a provider is: how it is opened, how it charges, what it can."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qcbench.hardware.config import Mode
from qcbench.hardware.cost import Price
from qcbench.hardware.port import Label, Port

Open = Callable[[Any, list[str], Path | None], AbstractContextManager[Port]]
"""Opens a backend: its config, the devices that are asked for, and where a service that is started
for it writes its log."""

Obstacle = Callable[[int, int, int], str]
"""Says why a circuit is too large to be executed, empty where it is not: qubits that it touches,
two-qubit gates, shots."""


def takes_all(_qubits: int, _two_qubit_gates: int, _shots: int) -> str:
    """Say that nothing is too large: a device refuses by itself what it cannot run."""
    return ""


@dataclass(frozen=True)
class Abilities:
    """What a provider's jobs can.

    Attributes:
        modes: ways in which jobs can be grouped.
        token: what becomes of a job's token: `idempotent`, a second submit with it gives the same
            job; `label`, jobs are found by it.
        cancels: what can be cancelled: jobs that wait, or running ones as well.
        stops: a job is stopped at the charge that is reserved for it.
        circuits: most circuits of a job; None where there is no such limit.
    """

    modes: tuple[Mode, ...] = ("job",)
    token: Literal["idempotent", "label"] = "label"  # noqa: S105 - no password
    cancels: Literal["queued", "running"] = "queued"
    stops: bool = False
    circuits: int | None = None


@dataclass(frozen=True)
class Provider:
    """One provider: everything that the rest of a replay knows of it.

    Attributes:
        name: as in `backend=NAME`; the `kind` of its config.
        config: dataclass of the YAML group `backend`, with a `kind` that is the name.
        open: see `Open`.
        label: where the numbers of a config come from.
        price: how it charges.
        abilities: what its jobs can.
        account: jobs are paid for: a budget is needed, and confirmed.
        too_large: returns, for a config, why a circuit cannot be executed, see `Obstacle`.
        limits: returns what is known of an account: open jobs, and submits a minute.
        by_clock: returns, for a config whose time is charged by the clock, what a device may cost
            in one run of the command; None where jobs alone are charged.
        repeated: returns the config for a repetition of a replay, counted from 1: a service that is
            started for each of them would measure the same again.
        restarted: returns the config for a replay that goes on, after so many starts of the service
            for which something was submitted, for the same reason.
        where: keys of the config that say where a backend is and how patient to be with it, and
            not what is measured: two replays that differ in them are the same.
        later: keys that count only where they are not at their default.
        secrets: keys that say where a secret is; one of them has to be given where a replay is sent
            to another machine, for no secret is.
        conf: folder with `backend/NAME.yaml`; None for our own, which lie in `conf/`.
    """

    name: str
    config: type[Any]
    open: Open
    label: Callable[[Any], Label]
    price: Price
    abilities: Abilities = Abilities()
    account: bool = False
    too_large: Callable[[Any], Obstacle] = lambda _config: takes_all
    limits: Callable[[Any], tuple[int | None, int | None]] = lambda _config: (None, None)
    by_clock: Callable[[Any], float | None] = lambda _config: None
    repeated: Callable[[Any, int], Any] = lambda config, _repetition: config
    restarted: Callable[[Any, int], Any] = lambda config, _restart: config
    where: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    conf: Path | None = None
