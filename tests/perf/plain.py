"""What second ways of stepping placement clouds earn, in one run: `python -m tests.perf.plain`.

Worlds where nothing fails and times are as estimated are stepped without events, and compiled for
their number of QPUs where there are many. Processor time of a step, ways in turn; prints how many
times longer the plainer way takes, and exits with 1 where that is less than 1.15.
"""

import sys

import numpy as np

from qcbench.envs.placement import bank, vector
from tests.perf.envs import CLOUDS, step_s

ROUNDS, STEPS, EARNED = 5, 300, 1.15


def step_us() -> float:
    return 1e6 * step_s("qcbench/Placement-v1", CLOUDS, STEPS, worlds=64)


def main() -> int:
    """Print the table; return 1 where a second way does not earn its place."""
    plain, many = bank.is_plain, vector.MANY_ENVS
    usual, by_events, any_number = [], [], []
    for _ in range(ROUNDS):
        usual.append(step_us())
        bank.is_plain = lambda limits: False
        by_events.append(step_us())
        bank.is_plain, vector.MANY_ENVS = plain, CLOUDS + 1
        any_number.append(step_us())
        vector.MANY_ENVS = many
    missed = 0
    for name, other in (("by events", by_events), ("for any number of QPUs", any_number)):
        ratio = float(np.median(np.array(other) / np.array(usual)))
        missed += ratio < EARNED
        print(f"{CLOUDS} clouds {name:<24} {np.median(other):8.1f} us a step, {ratio:.2f} times")
    print(f"as they are {np.median(usual):31.1f} us a step")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
