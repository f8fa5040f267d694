"""`qcbench emulator`: the loopback service that qiskit-ibm-runtime's client takes for IBM's."""

from collections.abc import Sequence

from qcbench.cli.arguments import parse, show
from qcbench.errors import InputError

SUMMARY = "Emulate IBM's quantum service on 127.0.0.1; prints its address, ends by SIGTERM."


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    options = parse("emulator", SUMMARY, arguments)
    if len(options.runs) > 1:
        raise InputError("--multirun: one emulator runs at a time")
    overrides = options.runs[0]
    if options.show:
        show("emulator", options, overrides)
        return 0
    from qcbench.bench.compose import compose, to_plain  # noqa: PLC0415 - after the help
    from qcbench.bench.typed import typed  # noqa: PLC0415
    from qcbench.hardware.emulator_process import begin_worker, emulator_module  # noqa: PLC0415

    data = to_plain(compose("emulator", overrides, options.config_dirs))
    config = typed(emulator_module("config").EmulatorConfig, data, "")
    code: int = emulator_module("main").serve(
        config, lambda line: print(line, flush=True), begin_worker
    )
    return code
