"""How long the bootstrap takes: `python tests/perf/bootstrap.py`."""

from time import perf_counter

import numpy as np

from qcbench.stats.bootstrap import stratified_bootstrap


def main() -> None:
    """Print the best of five runs of 50,000 resamples of 10 replicates x 8 scenarios."""
    matrix = np.random.default_rng(1).lognormal(size=(10, 8))
    for statistic in ("mean", "iqm"):
        taken = []
        for _ in range(5):
            start = perf_counter()
            stratified_bootstrap(matrix, np.random.default_rng(0), statistic=statistic)
            taken.append(perf_counter() - start)
        print(f"{statistic:5s} 50,000 resamples of 10 x 8: {min(taken):.3f} s")


if __name__ == "__main__":
    main()
