"""How long an exported policy takes to decide: `python -m tests.perf.inference [--width 64]`.

NumPy alone: ray, torch, gymnasium, numba and their like cannot be imported in this process. A
decision is everything from the view to the action: observation, network, mask. Weights are random,
which costs as much as trained ones, but for the packaged champion of placement, beside which
`shadow_price` stands. Prints means of processor time and medians of wall time; exits with 1 where
the champion's median on `qce5` is longer than was asked for.
"""

# ruff: noqa: E402 - what must not be there is blocked before anything is imported

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

HEAVY = ("ray", "torch", "gymnasium", "numba", "mlflow", "hydra", "pydantic", "qiskit")
for name in HEAVY:
    sys.modules[name] = None  # type: ignore[assignment]  # importing it raises ImportError

import numpy as np

from qcbench.cloud.cloud import Cloud
from qcbench.envs.defaults import default_worlds
from qcbench.fleet.profile import Fleet
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.card import (
    Atoms,
    Card,
    Network,
    Offset,
    PerItem,
    Plain,
    TrainedFleet,
)
from qcbench.policies.exported.folder import write_folder
from qcbench.policies.exported.serving import whole_observation
from qcbench.policies.exported.weights import expected_shapes
from qcbench.policies.features import allocation, placement, queueing
from qcbench.policies.features.layout import Layout
from qcbench.policies.protocol import PolicyContext
from qcbench.policies.view import QueueView, TaskTable, WaitingTask, read_only

REQUIRED_S = 50e-6
REPEATS = 20_000
QCE5 = TrainedFleet(name="qce5", qpus=("washington", "kolkata", "hanoi", "perth", "lagos"))


class Stopwatch:
    """A policy that notes how long another one takes; `make` makes that one, anew for a trial."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self.begin()
        self.wall_s: list[float] = []
        self.cpu_s = 0.0

    def begin(self) -> None:
        """Forget what was seen: another trial begins."""
        self._decide = self._make()

    def __call__(self, view: Any) -> Any:
        cpu, wall = time.thread_time(), time.perf_counter()
        decision = self._decide(view)
        self.wall_s.append(time.perf_counter() - wall)
        self.cpu_s += time.thread_time() - cpu
        return decision

    def row(self, title: str) -> float:
        """Print a row; return the mean of processor time [s]."""
        mean = self.cpu_s / len(self.wall_s)
        median, last = np.quantile(self.wall_s, [0.5, 0.99])
        print(
            f"{title:<52} {1e6 * mean:>8.1f} {1e6 * median:>8.1f} {1e6 * last:>8.1f} "
            f"{len(self.wall_s):>10,}"
        )
        return mean


def policy(
    track: Any, layout: Layout, network: Network, fleet: Fleet, folder: Path, items: int = 0
) -> Stopwatch:
    """Write a policy with random weights, and load it as anybody would."""
    card = Card(
        track=track,
        fleet=QCE5 if isinstance(network, Plain) else "any",
        observation=whole_observation(layout, items),
        action="weights" if track == "allocation" else "choice",
        network=network,
    )
    rng = np.random.default_rng(0)
    tensors = {
        name: rng.normal(0.0, 0.3, shape).astype(np.float32)
        for name, shape in expected_shapes(card).items()
    }
    config = PolicyConfig(
        name="learned", parameters={"path": str(write_folder(folder, card, tensors))}
    )
    return Stopwatch(partial(registry.make, track, config, PolicyContext(fleet, rng)))


def known(name: str, fleet: Fleet, **parameters: str) -> Stopwatch:
    """Load a policy of placement that comes with qcbench."""
    config = PolicyConfig(name=name, parameters=dict(parameters))
    context = PolicyContext(fleet, np.random.default_rng(0))
    return Stopwatch(partial(registry.make, "placement", config, context))


def simulated(track: Any, decide: Stopwatch, decisions: int) -> None:
    """Let a policy decide in held-out worlds of its track until it has decided often enough."""
    source = default_worlds(track)
    world = 0
    while len(decide.wall_s) < decisions:
        scenario, streams = source("test", world)
        decide.begin()
        Cloud(scenario, decide, streams).run()
        world += 1


def queues(fleet: Fleet, waiting: int, decisions: int) -> Iterator[QueueView]:
    """Yield views of a queue of one length."""
    rng = np.random.default_rng(waiting)
    tasks, qpus = 200, len(fleet)
    columns = [read_only(rng.uniform(1.0, 9.0, qpus)) for _ in range(tasks)]
    ones = np.ones(tasks, dtype=np.int64)
    feasible = [read_only(np.ones(qpus, dtype=np.bool_)) for _ in range(tasks)]
    table = TaskTable(ones, ones, ones, ones, feasible, columns, columns, columns)
    view = QueueView(fleet, table)
    for step in range(decisions):
        view.now_s = 1000.0 + step
        if step % 100 == 0:
            view.waiting = tuple(
                WaitingTask(
                    row=int(rng.integers(tasks)),
                    job=place,
                    arrival_s=float(place),
                    job_arrival_s=0.0,
                    priority=1,
                    qubits=1,
                )
                for place in range(waiting)
            )
        yield view


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=64, help="of every hidden layer")
    parser.add_argument("--decisions", type=int, default=REPEATS)
    told = parser.parse_args()
    width, decisions = told.width, told.decisions
    per_item = PerItem(
        activation="relu",
        encoder=(width, width),
        context=(width,),
        head=(width,),
        offset=Offset(feature="regret", coefficient=-5.0),
    )
    queue = PerItem(
        activation="relu", encoder=(width, width), context=(width,), head=(width,), pool="allowed"
    )
    split = PerItem(activation="relu", encoder=(width, width), context=(width,), head=(width,))
    dqn = Plain(
        activation="relu", torso=(256, 256), dueling=True, atoms=Atoms(count=10, least=-10, most=10)
    )
    print(f"{date.today()}  NumPy {np.__version__}; {', '.join(HEAVY)} cannot be imported")
    print(
        f"{'microseconds a decision':<52} {'mean':>8} {'median':>8} {'99 %':>8} {'decisions':>10}"
    )
    print(f"{'':<52} {'cpu':>8} {'wall':>8} {'wall':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        qce5, eagle5, identical = (
            default_worlds(track).fleet for track in ("placement", "allocation", "queueing")
        )
        placed = policy("placement", placement.LAYOUT, per_item, qce5, folder / "a")
        simulated("placement", placed, decisions)
        placed.row(f"placement, qce5, per item, layers of {width}")
        legacy = policy("placement", placement.LEGACY_LAYOUT, dqn, qce5, folder / "b")
        simulated("placement", legacy, decisions // 4)
        legacy.row("placement, qce5, the published DQN (256 x 256, C51)")
        champion = known("learned", qce5, path="packaged:champion")
        simulated("placement", champion, decisions)
        champion.row("placement, qce5, packaged:champion")
        priced = known("shadow_price", qce5)
        simulated("placement", priced, decisions)
        priced.row("placement, qce5, shadow_price")
        weights = policy("allocation", allocation.LAYOUT, split, eagle5, folder / "c")
        simulated("allocation", weights, decisions // 4)
        weights.row(f"allocation, eagle5, per item, layers of {width}")
        for waiting in (1, 10, 20, 40):
            next_ = policy("queueing", queueing.LAYOUT, queue, identical, folder / "d", items=40)
            for view in queues(identical, waiting, decisions // 4):
                next_(view)
            next_.row(f"queueing, {waiting} waiting, per item, layers of {width}")
    needed = float(np.median(champion.wall_s))
    print(f"\nthe champion on qce5: {1e6 * needed:.1f} of {1e6 * REQUIRED_S:.0f} microseconds")
    return 0 if needed <= REQUIRED_S else 1


if __name__ == "__main__":
    sys.exit(main())
