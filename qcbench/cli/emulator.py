"""`qcbench emulator`: the loopback service that qiskit-ibm-runtime's client takes for IBM's."""

from collections.abc import Sequence

from qcbench.bench.compose import compose, to_plain
from qcbench.bench.typed import typed
from qcbench.cli.arguments import parse, show
from qcbench.errors import InputError
from qcbench.hardware.emulator_process import begin_worker, emulator_module

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
    data = to_plain(compose("emulator", overrides, options.config_dirs))
    config = typed(emulator_module("config").EmulatorConfig, data, "")
    code: int = emulator_module("main").serve(
        config, lambda line: print(line, flush=True), begin_worker
    )
    return code
