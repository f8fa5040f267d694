"""What it takes to list, to help and to complete: `python -m tests.perf.lists`.

Processor seconds of whole commands, the least of several; a quiet machine takes as long, since they
run in one thread. The first call with nothing kept, calls after it, and the first after an edit of
a file of one's own. Exits with 1 where a call after the first takes 0.5 s or more.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ALLOWED_S = 0.5
LISTS = ("suites", "suites quickstart", "scenarios", "fleets", "fleets qce5", "policies")
OTHERS = (
    *("--help", "run --help", "submit run --help", "train --help", "export --help"),
    *("workload --help", "fleet list"),
)
LINES = (
    *("qcbench run suite=", "qcbench simulate policy=", "qcbench simulate workload."),
    *("qcbench leaderboard ", "qcbench submit "),
)
EDITED = {
    "suites": (
        "suite/mine.yaml",
        "name: mine\ntrack: placement\nscenarios: [placement/qce5]\npolicies: [greedy, random]\n"
        "replicates: {}\nprimary_metric: mean_completion_s\nbaseline: greedy\n",
    ),
    "scenarios": (
        "scenario/mine.yaml",
        "defaults:\n  - /fleet@fleet: qce5\n  - /workload@workload: mqt-poisson\n  - _self_\n"
        "name: mine\ntrack: placement\nworkload:\n  arrivals:\n    load: 0.{}\n",
    ),
    "fleets": ("fleet/mine.yaml", "name: mine\nqpus:\n  - {{device: kolkata, count: {}}}\n"),
}
"""A file of one's own for each list, with a figure that is edited."""


def processor_s(arguments: list[str], cache: Path) -> float:
    """User and system time of a command [s]."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "qcbench.cli.main", *arguments]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def after_edit_s(verb: str, folder: Path, cache: Path, number: int) -> float:
    """User and system time of the first call after an edit of one's own file [s]."""
    name, text = EDITED[verb]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.format(number), encoding="utf-8")
    return processor_s([verb, "--config-dir", str(folder)], cache)


def main() -> int:
    """Measure and print; 0 where everything is within what is allowed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    repetitions = parser.parse_args().repetitions
    commands = {
        **{f"qcbench {text}": text.split() for text in (*LISTS, *OTHERS)},
        **{f"TAB after {line!r}": ["completion", "suggest", line] for line in LINES},
    }
    longest = 0.0
    print(f"{'command':40s} {'first':>8s} {'after':>8s} {'edited':>8s}  [s]")
    with tempfile.TemporaryDirectory() as temporary:
        cache, own = Path(temporary) / "cache", Path(temporary) / "conf"
        for name, arguments in commands.items():
            first_s = processor_s(arguments, cache)
            again_s = min(processor_s(arguments, cache) for _ in range(repetitions))
            longest = max(longest, again_s)
            edited = ""
            if arguments[0] in EDITED and len(arguments) == 1:
                after_edit_s(arguments[0], own, cache, 1)
                taken = (after_edit_s(arguments[0], own, cache, 2 + n) for n in range(repetitions))
                edited = f"{min(taken):8.2f}"
            print(f"{name:40s} {first_s:8.2f} {again_s:8.2f} {edited}", flush=True)
    return int(longest >= ALLOWED_S)


if __name__ == "__main__":
    sys.exit(main())
