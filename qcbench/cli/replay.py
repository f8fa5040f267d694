"""`qcbench replay`: place a stream of real circuits by policies and execute them on a backend."""

from collections.abc import Sequence

from qcbench.cli.arguments import parse, show
from qcbench.errors import InputError

SUMMARY = (
    "Replay a stream of circuits on a backend. The same command goes on with a replay that was"
    " interrupted."
)


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    arguments = ["dry_run=true" if text == "--dry-run" else text for text in arguments]
    parsed = parse("replay", SUMMARY, arguments)
    from qcbench.hardware.port import BackendError  # noqa: PLC0415 - after the help
    from qcbench.hardware.replay import (  # noqa: PLC0415
        describe,
        estimate_replay,
        run_replay,
        to_standard_error,
    )
    from qcbench.hardware.replay_config import compose_replay, long_forms  # noqa: PLC0415

    if parsed.show:
        show("replay", parsed, long_forms(parsed.runs[0]))
        return 0
    for overrides in parsed.runs:
        config = compose_replay(overrides, parsed.config_dirs)
        try:
            if config.dry_run:
                for line in describe(config, estimate_replay(config, to_standard_error)):
                    print(line)
                continue
            replay = run_replay(config, to_standard_error)
        except BackendError as error:
            raise InputError(f"backend={config.backend.kind}: {error}") from error
        states = dict(replay.table.group_by("state").len().iter_rows())
        counts = ", ".join(f"{states[state]} {state}" for state in sorted(states))
        print(
            f"{replay.table['label'][0]}: {replay.table.height} rows ({counts}), "
            f"{replay.charged_s:.0f} QPU seconds charged"
        )
        print(replay.folder)
    return 0
