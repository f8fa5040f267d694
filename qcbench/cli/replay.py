"""`qcbench replay`: place a stream of real circuits by policies and execute them on a backend."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from qcbench.cli.arguments import parse, show
from qcbench.cli.stages import next_step
from qcbench.commands import command
from qcbench.errors import InputError

if TYPE_CHECKING:
    from qcbench.hardware.providers.contract import PortRule
    from qcbench.hardware.replay import Replay

SUMMARY = (
    "Replay a stream of circuits on a backend. The same command goes on with a replay that was"
    " interrupted. `qcbench replay doctor` says what an account has and takes, and spends nothing;"
    " `qcbench replay test` checks a provider on two small jobs."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    doctor, test = ([arguments[0]] == [word] if arguments else False for word in ("doctor", "test"))
    if doctor or test:  # without a budget: the one spends nothing, the other asks for itself
        arguments = [*arguments[1:], "dry_run=true"]
    short = {"--dry-run": "dry_run=true", "--watch": "watch=true"}
    arguments = [short.get(text, text) for text in arguments]
    parsed = parse("replay", SUMMARY, arguments)
    from qcbench.hardware.doctor import examine  # noqa: PLC0415 - after the help
    from qcbench.hardware.port import BackendError  # noqa: PLC0415
    from qcbench.hardware.replay import (  # noqa: PLC0415
        describe,
        estimate_replay,
        run_replay,
        to_standard_error,
    )
    from qcbench.hardware.replay_config import compose_replay, long_forms  # noqa: PLC0415
    from qcbench.hardware.trying import try_provider  # noqa: PLC0415
    from qcbench.hardware.watch import watch_replay  # noqa: PLC0415

    if parsed.show:
        show("replay", parsed, long_forms(parsed.runs[0]))
        return 0
    failed = 0
    for overrides in parsed.runs:
        config = compose_replay(overrides, parsed.config_dirs)
        try:
            if doctor:
                print("\n".join(examine(config)))
                continue
            if test:
                failed += _tell(try_provider(config))
                continue
            if config.dry_run:
                for line in describe(config, estimate_replay(config, to_standard_error)):
                    print(line)
                continue
            play = watch_replay if config.watch else run_replay
            replay = play(config, to_standard_error)
        except BackendError as error:
            raise InputError(f"backend={config.backend.kind}: {error}") from error
        announce(replay)
        if config.repeat > 1:
            print(f"repeat={config.repeat}: the same command plays the next repetition, if any")
    return 1 if failed else 0


def _tell(checks: "Iterable[PortRule]") -> int:
    """Print checks as they come; return how many failed."""
    failed = 0
    for check in checks:
        print(f"{check.name}: {check.wrong or 'yes'}", flush=True)
        failed += bool(check.wrong)
    return failed


def announce(replay: "Replay") -> None:
    """Say what came of a replay, and where it lies."""
    from qcbench.hardware.cost import said  # noqa: PLC0415 - after the help

    states = dict(replay.table.group_by("state").len().iter_rows())
    counts = ", ".join(f"{states[state]} {state}" for state in sorted(states))
    # Where dollars are no account's, they are what the jobs would have cost.
    paid = replay.unit == "s" or replay.table["label"][0] == "hardware"
    print(
        f"{replay.table['label'][0]}: {replay.table.height} rows ({counts}), "
        f"{said(replay.charged, replay.unit)} {'charged' if paid else 'at list price'}"
    )
    print(replay.folder)
    next_step(command("gap", str(replay.folder)))
