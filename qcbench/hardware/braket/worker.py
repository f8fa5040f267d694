"""What the interpreter of Braket's environment runs: programs come in, counts go out.

It imports nothing of qcbench, which is not installed there. A line of JSON each: first what the SDK
is, then an answer to every request. It ends with its standard input.
"""

import json
import sys
import warnings
from typing import Any

SIMULATOR = "braket_dm"
"""With density matrices: the one that knows noise."""


def main() -> int:
    """Answer requests until there are no more."""
    warnings.simplefilter("ignore")
    try:
        import braket._sdk as sdk  # noqa: PLC0415 - missing, that is the first answer
        from braket.devices import LocalSimulator  # noqa: PLC0415
        from braket.ir.openqasm import Program  # noqa: PLC0415
    except Exception as error:  # whatever an environment is broken by, it is told
        missing = isinstance(error, ModuleNotFoundError) and error.name == "braket"
        _say({"missing": missing, "error": f"{type(error).__name__}: {error}"})
        return 1
    device = LocalSimulator(SIMULATOR)
    _say({"sdk": sdk.__version__})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            task = device.run(Program(source=request["source"]), shots=request["shots"])
            _say({"counts": dict(task.result().measurement_counts)})
        except Exception as error:  # any failure is the task's
            _say({"error": f"{type(error).__name__}: {error}"})
    return 0


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    sys.exit(main())
