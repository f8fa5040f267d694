"""What it costs to start: `python -m tests.perf.imports`.

Processor seconds of fresh interpreters, medians: an empty one, `import qcbench`, a plain simulation
with the simulator alone, and one through `qcbench.simulate` with its configs. Exits with 1 where
the import takes 0.3 s or more, or the plain simulation 0.5 s.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

PLAIN = (Path(__file__).parent.parent / "plain_simulation.py").read_text(encoding="utf-8")
THROUGH_CONFIGS = "import qcbench; qcbench.simulate('placement/qce5', 'earliest_completion')"

PROGRAMS = {
    "empty interpreter": ("", None),
    "import qcbench": ("import qcbench", 0.3),
    "plain simulation": (PLAIN, 0.5),
    "qcbench.simulate": (THROUGH_CONFIGS, None),
}
"""What is run, and the processor seconds that are allowed."""


def processor_s(program: str) -> float:
    """User and system time of a fresh interpreter that runs a program [s]."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure and print; 0 where everything is within what is allowed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    repetitions = parser.parse_args().repetitions
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(repetitions):
        for name, (program, _limit) in PROGRAMS.items():
            taken[name].append(processor_s(program))
    within = True
    for name, (_, limit) in PROGRAMS.items():
        median_s = statistics.median(taken[name])
        within &= limit is None or median_s < limit
        print(f"{name:18s} {median_s:6.3f} s" + (f"   (allowed {limit} s)" if limit else ""))
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
