"""The service emulator, which is started for a replay or runs already."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from qcbench.errors import InputError
from qcbench.hardware.config import EmulatorBackend
from qcbench.hardware.cost import QPU_SECONDS
from qcbench.hardware.emulator_process import INSTANCE, running_emulator
from qcbench.hardware.limits import reason_of_size
from qcbench.hardware.port import Port
from qcbench.hardware.providers.ibm import ABILITIES, execution_of, is_loopback
from qcbench.hardware.providers.record import Provider
from qcbench.number_texts import exact_text


def _repeated(config: EmulatorBackend, repetition: int) -> EmulatorBackend:
    """Let an emulator that is started for a repetition have another day than those before."""
    if repetition == 1:
        return config
    return replace(config, overrides=[f"day={repetition - 1}", *config.overrides])


def _restarted(config: EmulatorBackend, restart: int) -> EmulatorBackend:
    """Let an emulator that is started once more for a replay not draw what an earlier one drew."""
    if restart == 0:
        return config
    return replace(config, overrides=[f"restart={restart}", *config.overrides])


@contextmanager
def _open(config: EmulatorBackend, devices: list[str], log: Path | None) -> Iterator[Port]:
    from qcbench.hardware.ibm.port import RuntimePort  # noqa: PLC0415

    with ExitStack() as stack:
        url = config.url
        if url is None:
            overrides = [f"time_scale={exact_text(config.speed)}", f"devices=[{','.join(devices)}]"]
            process = running_emulator([*overrides, *config.overrides], log=log)
            url = stack.enter_context(process).url
        elif not is_loopback(url):
            raise InputError(f"backend.url={url}: an emulator is on this machine only")
        stack.enter_context(addresses_of(url))
        # Whatever an account's variables hold is not for an emulator: it gets a key of its own.
        port = RuntimePort(
            "emulated",
            f"emulated-{secrets.token_hex(16)}",
            config.instance or INSTANCE,
            url=url,
            speed=config.speed,
            own_addresses=True,
            execution=execution_of(config),
        )
        stack.callback(port.close)
        yield port


@contextmanager
def addresses_of(url: str) -> Iterator[None]:
    """Let the client ask an emulator, and not IBM's cloud, for access tokens and instances.

    Afterwards the variables are what they were: a real key must never go to an emulator.
    """
    wanted = {"IAM_URL": url, "QISKIT_FUNCTIONS_EXPERIMENTAL": "1"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


PROVIDER = Provider(
    name="emulator",
    config=EmulatorBackend,
    open=_open,
    label=lambda _config: "emulated",
    price=QPU_SECONDS,
    abilities=ABILITIES,
    too_large=lambda _config: reason_of_size,
    repeated=_repeated,
    restarted=_restarted,
    where=("url", "instance"),
    later=("mode", "longest_s", "repetition_delay_s", "fractional_gates"),
)
