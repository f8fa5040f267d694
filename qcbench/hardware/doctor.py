"""`qcbench replay doctor`: what an account has and takes, before anything is spent."""

from pathlib import Path

from qcbench.errors import InputError
from qcbench.hardware.ibm.instances import described
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.manifest import MANIFEST, open_replay
from qcbench.hardware.plan import make_world
from qcbench.hardware.providers.registry import connected, label_of, provider_of
from qcbench.hardware.replay_config import ReplayConfig


def examine(config: ReplayConfig) -> list[str]:
    """Return what there is to know of an account and the devices of a fleet, in lines.

    Raises:
        InputError: a backend without an account; a token, an instance or a device that is not
            right.
        BackendError: an account that does not answer.
    """
    if not provider_of(config.backend).account:
        raise InputError(f"doctor: backend={config.backend.kind} has no account; give backend=ibm")
    world = make_world(config)
    with connected(config.backend, []) as port:
        account = port.account()
        lines = [
            f"account: plan {account.plan or 'unknown'}, region {account.region or 'unknown'},"
            f" {len(account.devices)} devices ({label_of(config.backend)})"
        ]
        lines += [
            f"instance: {described(one)}{', in use' if one.crn == account.instance else ''}"
            for one in account.instances
        ]
        for qpu, name in enumerate(world.scenario.fleet.names):
            device = world.device(qpu)
            state, calibration = port.state(device), port.calibration(device)
            lines.append(
                f"{name}: {'works' if state.operational else 'does not work'}"
                f" ({state.message or 'active'}), {state.pending_jobs} jobs in its queue,"
                f" calibrated {calibration.date or 'at an unknown time'}"
            )
        lines.append(_limits(config))
        lines += _left(config, port.remaining())
    return lines


def _limits(config: ReplayConfig) -> str:
    """Say which limits are kept to, and which are learnt from refusals."""

    def told(number: int | None, key: str) -> str:
        return f"{'learnt from refusals' if number is None else number} (backend.{key})"

    pending, rate = provider_of(config.backend).limits(config.backend)
    return (
        f"limits: open jobs {told(pending, 'pending')}, submits a minute"
        f" {told(rate, 'submits_per_minute')}"
    )


def _left(config: ReplayConfig, left: float | None) -> list[str]:
    """Say what is left, less what the jobs of open replays may yet use."""
    label, provider = label_of(config.backend), provider_of(config.backend)
    reserved = 0.0
    for manifest in sorted(Path(config.replays_dir).glob(f"*/{MANIFEST}")):
        replay = open_replay(manifest.parent)
        ours = replay.label == label and provider_of(replay.config.backend) == provider
        if ours and replay.ledger.is_file():
            with JobLedger(replay.ledger, reading=True) as ledger:
                reserved += ledger.committed() - ledger.charged()
    what = "seconds" if provider.price.unit == "s" else "dollars"
    if left is None:
        return [f"{what}: the account does not say how many are left"]
    free = max(left - reserved, 0.0)
    return [
        f"{what}: {left:.0f} left, {reserved:.0f} of them reserved by open replays in"
        f" {config.replays_dir}, {free:.0f} free"
    ]
