"""`qcbench replay`: a stream of real circuits, placed by policies, executed by a backend."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.bench.store import absent_folders, remove_empty
from qcbench.errors import InputError
from qcbench.files import replacing
from qcbench.hardware.config import IbmBackend
from qcbench.hardware.connect import connected, label_of
from qcbench.hardware.cost import confirm, price
from qcbench.hardware.executor import Executor, Patience
from qcbench.hardware.fidelity_runs import mirror_of, run_mirrors
from qcbench.hardware.ledger import Intent, JobLedger
from qcbench.hardware.manifest import ReplayFolder, open_or_create, place_of
from qcbench.hardware.plan import (
    CompiledTasks,
    Forecast,
    ReplayWorld,
    compile_all,
    forecast,
    make_world,
)
from qcbench.hardware.port import BackendError, Port
from qcbench.hardware.replay_config import ReplayConfig, replay_id
from qcbench.hardware.stream import Stream
from qcbench.hardware.table import task_table

if TYPE_CHECKING:
    import polars as pl

SETTLE_S = 30.0
"""Wall-clock time for which charges are waited for that a backend has not settled."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Replay:
    """A replay that has been played to its end.

    Attributes:
        table: one row for every task under every policy.
        charged_s: QPU seconds, of all jobs.
    """

    folder: Path
    table: "pl.DataFrame"
    charged_s: float


def run_replay(config: ReplayConfig, say: Say = lambda _line: None) -> Replay:
    """Play a replay, or the rest of one that was interrupted.

    Args:
        say: hears lines of progress.

    Raises:
        InputError: something is missing or does not fit; nothing was submitted for that.
        PolicyError: a decision that the track does not know.
        BackendError: a backend that does not answer before the stream begins.
    """
    world = make_world(config)
    absent = absent_folders(place_of(config))
    folder = open_or_create(config)
    with ExitStack() as stack:
        stack.push(partial(_discard_unused, folder, absent))
        ledger = stack.enter_context(JobLedger(folder.ledger))
        log = folder.folder / "emulator.log"
        port = stack.enter_context(connected(config.backend, _devices(world), log))
        compiled = _compile(world, port, say).with_kept(ledger.circuits())
        _check_cost(world, compiled, port, ledger)
        executor = _executor(config, folder.replay, compiled, port, ledger)
        _play(world, compiled, port, ledger, executor, folder.replay, say)
        _settle(executor, say)
        frame = task_table(
            world,
            compiled,
            ledger,
            replay=folder.replay,
            label=port.label,
            simulated=port.label != "hardware",
        )
        write_table(frame, folder.table)
        return Replay(folder.folder, frame, ledger.charged_s())


def _discard_unused(
    folder: ReplayFolder,
    made: Sequence[Path],
    kind: type[BaseException] | None,
    _error: BaseException | None,
    _trace: object,
) -> None:
    """Remove the folder of a new replay that was refused before anything was submitted."""
    # What a backend that failed has logged stays.
    if kind is None or issubclass(kind, BackendError) or folder.folder not in made:
        return
    with JobLedger(folder.ledger) as ledger:
        if ledger.intents():
            return
    shutil.rmtree(folder.folder, ignore_errors=True)
    remove_empty(made)


def estimate_replay(config: ReplayConfig, say: Say = lambda _line: None) -> Forecast:
    """Estimate what a replay would cost; circuits are compiled, and nothing is submitted."""
    world = make_world(config)
    with connected(config.backend, _devices(world)) as port:
        compiled = _compile(world, port, say)
    return forecast(world, compiled, simulated=label_of(config.backend) != "hardware")


def describe(config: ReplayConfig, cost: Forecast) -> list[str]:
    """Return what a dry run says, in lines."""
    policies = ", ".join(policy.label for policy in config.policies)
    lines = [
        f"replay {replay_id(config)} on backend {config.backend.kind} ({label_of(config.backend)})",
        f"policies: {policies}",
        f"jobs: about {cost.jobs}, by the decisions that the policies take in simulation",
        f"estimated charge: {cost.usage_s:.0f} QPU seconds",
    ]
    if isinstance(config.backend, IbmBackend):
        lines.append(f"list price: about {price(cost.usage_s):.0f} USD, pay as you go")
    if cost.too_large:
        lines.append(f"too large to simulate: {cost.too_large} tasks; they are reported")
    if cost.obstacles:
        lines.append(
            f"cannot be executed: {len(cost.obstacles)} tasks; they are reported, such as "
            f"{cost.obstacles[0]}"
        )
    lines.append("nothing was submitted")
    return lines


def write_table(frame: "pl.DataFrame", path: Path) -> None:
    """Write the table as Parquet and, beside it, as CSV."""
    with replacing(path) as temporary:
        frame.write_parquet(temporary)
    with replacing(path.with_suffix(".csv")) as temporary:
        frame.write_csv(temporary)


def _devices(world: ReplayWorld) -> list[str]:
    return [world.device(qpu) for qpu in range(len(world.scenario.fleet))]


def _compile(world: ReplayWorld, port: Port, say: Say) -> CompiledTasks:
    last = time.monotonic()

    def tick(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > 5 or done == total:
            last = time.monotonic()
            say(f"compiled {done} of {total} pairs of task and device")

    compiled = compile_all(world, port, tick)
    reasons = {task: found.reason for (task, _), found in compiled.obstacles.items()}
    if reasons:
        say(f"{len(reasons)} tasks cannot be executed everywhere: {next(iter(reasons.values()))}")
    return compiled


def _check_cost(world: ReplayWorld, compiled: CompiledTasks, port: Port, ledger: JobLedger) -> None:
    config = world.config
    if not isinstance(config.backend, IbmBackend):
        return
    if config.budget_s is None:
        raise InputError("budget_s: is missing; say how many QPU seconds may be spent")
    cost = forecast(world, compiled, simulated=False)
    if not ledger.intents():
        confirm(cost.usage_s, config.budget_s, confirmed=config.yes)
    left = port.remaining_s()
    if left is not None and left <= 0:
        raise InputError("backend=ibm: the account has no QPU seconds left")


def _executor(
    config: ReplayConfig, replay: str, compiled: CompiledTasks, port: Port, ledger: JobLedger
) -> Executor:
    def circuits_of(intent: Intent) -> list[object]:
        circuits = [compiled.by_digest[digest].circuit for digest in intent.circuits]
        if intent.phase == "stream":
            return circuits
        return [
            mirror_of(circuit, digest).circuit
            for circuit, digest in zip(circuits, intent.circuits, strict=True)
        ]

    import numpy as np  # noqa: PLC0415

    return Executor(
        port=port,
        ledger=ledger,
        replay_tag=f"qcbench-replay-{replay}",
        budget_s=float("inf") if config.budget_s is None else config.budget_s,
        circuits_of=circuits_of,
        wall=time.monotonic,
        rng=np.random.default_rng(config.master_seed),
        patience=Patience(deadline_s=config.deadline_s, poll_s=config.poll_s),
    )


def _play(
    world: ReplayWorld,
    compiled: CompiledTasks,
    port: Port,
    ledger: JobLedger,
    executor: Executor,
    replay: str,
    say: Say,
) -> None:
    simulated = port.label != "hardware"
    last = -1e9

    def progress(placed: int, ended: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > 5 or ended == total:
            last = time.monotonic()
            say(f"placed {placed} and ended {ended} of {total} tasks")

    Stream(
        world=world,
        compiled=compiled,
        port=port,
        ledger=ledger,
        executor=executor,
        replay=replay,
        simulated=simulated,
        wall=time.monotonic,
        say=progress,
    ).run()
    if world.config.mirror:
        say("measuring fidelities by mirror circuits")
        run_mirrors(
            world,
            compiled,
            port,
            ledger,
            executor,
            replay,
            simulated=simulated,
            wall=time.monotonic,
        )


def _settle(executor: Executor, say: Say) -> None:
    deadline = time.monotonic() + SETTLE_S
    while (lacking := executor.settle_charges()) and time.monotonic() < deadline:
        say(f"waiting for the charges of {lacking} jobs")
        time.sleep(1.0)


def to_standard_error(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)
