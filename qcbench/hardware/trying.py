"""`qcbench replay test`: the rules of a port, on two small jobs that a backend executes."""

import secrets
from collections.abc import Iterator

from qcbench.errors import InputError
from qcbench.hardware.plan import make_world
from qcbench.hardware.providers.contract import PortRule, check_provider
from qcbench.hardware.providers.registry import connected, provider_of
from qcbench.hardware.replay_config import ReplayConfig


def try_provider(config: ReplayConfig) -> Iterator[PortRule]:
    """PortRule the provider of a backend on the first device of the fleet.

    Raises:
        InputError: the job would be paid for, and nobody has confirmed that.
        BackendError: a request that was refused.
    """
    provider = provider_of(config.backend)
    if provider.account and not config.yes:
        raise InputError(
            f"backend={provider.name}: the test submits two jobs, which are paid for; add yes=true"
        )
    world = make_world(config)
    device = world.device(0)
    number = secrets.token_hex(12)
    with connected(config.backend, [device]) as port:
        yield from check_provider(
            provider,
            config.backend,
            port,
            device,
            token=f"qcbench-{number}",
            group=f"qcbench-test-{number}",
        )
