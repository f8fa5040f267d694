"""`qcbench replay`: a stream of real circuits, placed by policies, executed by a backend."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.bench.folders import absent_folders, remove_empty
from qcbench.errors import InputError, StoppedError, UnwritableError
from qcbench.files import write_with
from qcbench.hardware.anchors import (
    ANCHOR,
    anchor_table,
    due_moments,
    submit_anchors,
    with_anchors,
)
from qcbench.hardware.cost import Unit, confirm
from qcbench.hardware.design import PLAN, Resolution, freeze, frozen, resolution, said
from qcbench.hardware.executor import Executor, Patience
from qcbench.hardware.fidelity_runs import mirror_of, run_mirrors
from qcbench.hardware.intents import Intent
from qcbench.hardware.job_calibrations import keep_calibrations
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.manifest import (
    ReplayFolder,
    next_repetition,
    open_or_create,
    open_replay,
    place_of,
)
from qcbench.hardware.moments import note_start
from qcbench.hardware.pacing import MINUTE_S, Pacer
from qcbench.hardware.plan import (
    CompiledTasks,
    Forecast,
    ReplayWorld,
    compile_all,
    forecast,
    make_world,
)
from qcbench.hardware.port import BackendError, Port
from qcbench.hardware.providers.registry import connected, label_of, provider_of
from qcbench.hardware.refusals import let_pass
from qcbench.hardware.replay_config import ReplayConfig, replay_id
from qcbench.hardware.stored_tables import read_table
from qcbench.hardware.stream import PLAYING, Stream
from qcbench.hardware.table import task_table

if TYPE_CHECKING:
    import polars as pl

SAY_EVERY_S = 5.0
"""Between two lines of progress."""
SETTLE_S = 30.0
"""Wall-clock time for which charges are waited for that a backend has not settled."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Replay:
    """A replay that has been played to its end.

    Attributes:
        table: one row for every task under every policy.
        charged: of all jobs.
        unit: of that.
    """

    folder: Path
    table: "pl.DataFrame"
    charged: float
    unit: Unit


@dataclass(frozen=True)
class Outlook:
    """What is known of a replay before it is played.

    Attributes:
        cost: what it is expected to cost.
        resolution: what it can tell.
    """

    cost: Forecast
    resolution: Resolution


def run_replay(config: ReplayConfig, say: Say = lambda _line: None) -> Replay:
    """Play a replay, or the rest of one that was interrupted.

    Args:
        say: hears lines of progress.

    Raises:
        InputError: something is missing or does not fit; nothing was submitted for that.
        PolicyError: a decision that the track does not know.
        BackendError: a backend that does not answer before the stream begins.
        StoppedError: a disk that fills up after something was submitted.
    """
    config = next_repetition(config)
    world = make_world(config)
    absent = absent_folders(place_of(config))
    folder = open_or_create(config)
    _check_ledger(folder)
    with ExitStack() as stack:
        stack.push(partial(_discard_unused, folder, absent))
        ledger = stack.enter_context(JobLedger(folder.ledger))
        log = folder.folder / "emulator.log"
        again, before = config.repetition or 1, note_start(ledger)
        port = stack.enter_context(
            connected(config.backend, _devices(world), log, repetition=again, restart=before)
        )
        compiled = with_anchors(world, _compile(world, port, say)).with_kept(ledger.circuits())
        _check_cost(world, compiled, port, ledger)
        plan = folder.folder / PLAN
        if plan.is_file() or not ledger.intents():  # afterwards it would be no plan
            say(f"plan {freeze(folder.folder, config)[:12]} is frozen in {plan}")
        executor = _executor(config, folder.replay, compiled, port, ledger)
        with _going_on(ledger):
            _play(world, compiled, port, ledger, executor, folder.replay, say)
            _settle(executor, say)
            keep_calibrations(world, compiled, port, ledger)
            frame = task_table(
                world,
                compiled,
                ledger,
                replay=folder.replay,
                label=port.label,
            )
            write_table(frame, folder.table)
            anchors = anchor_table(world, compiled, ledger, port.label)
            if anchors is not None:
                write_table(anchors, folder.anchors)
            ledger.put(PLAYING, 0)
        return Replay(folder.folder, frame, ledger.charged(), world.provider.price.unit)


def _check_ledger(folder: ReplayFolder) -> None:
    """Refuse to play anew what has been played: jobs would be submitted and charged once more."""
    if folder.table.is_file() and not folder.ledger.is_file():
        raise InputError(
            f"{folder.ledger}: is not there, and {folder.table.name} says that it was played; "
            "every job would be submitted again. Restore it, or play the replay under another "
            "name=NAME"
        )


@contextmanager
def _going_on(ledger: JobLedger) -> Iterator[None]:
    """Say that a replay can be gone on with after a disk that filled up in the middle of it."""
    try:
        yield
    except UnwritableError as error:
        if not ledger.intents():
            raise
        raise StoppedError(
            f"{error}; then the same command goes on: what was submitted is in {ledger.path}"
        ) from error


def played(path: Path) -> Replay:
    """Return a replay that has been played to its end, from its folder.

    Raises:
        InputError: it is none.
    """
    folder = open_replay(path)
    unit = provider_of(folder.config.backend).price.unit
    with JobLedger(folder.ledger, reading=True) as ledger:
        return Replay(path, read_table(folder.table), ledger.charged(), unit)


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


def estimate_replay(config: ReplayConfig, say: Say = lambda _line: None) -> Outlook:
    """Estimate what a replay costs and can tell; circuits are compiled, nothing is submitted."""
    config = next_repetition(config)
    world = make_world(config)
    again = config.repetition or 1
    with connected(config.backend, _devices(world), repetition=again) as port:
        compiled = with_anchors(world, _compile(world, port, say))
    return Outlook(forecast(world, compiled), resolution(world))


def describe(config: ReplayConfig, outlook: Outlook) -> list[str]:
    """Return what a dry run says, in lines."""
    config, cost = next_repetition(config), outlook.cost
    policies = ", ".join(policy.label for policy in config.policies)
    lines = [
        f"replay {replay_id(config)} on backend {config.backend.kind} ({label_of(config.backend)})",
        f"policies: {policies}",
        f"jobs: about {cost.jobs}, by the decisions that the policies take in simulation",
    ]
    provider = provider_of(config.backend)
    price = provider.price
    charge, dollars = price.ranges(cost.charge)
    if provider.account:
        lines += [
            f"estimated charge: {charge}, by {price.rule}",
            f"list price: {dollars}, pay as you go",
            f"reserve: {price.budget_key}={price.rounded_up(cost.reserve)} lets every job be"
            " submitted, however long the others take",
        ]
    elif price.unit == "usd":
        lines.append(f"list price: {dollars}, by {price.rule}; nothing is paid here")
    else:
        lines.append(f"estimated charge: {price.said(cost.charge)}")
    if cost.too_large:
        lines.append(f"too large to simulate: {cost.too_large} tasks; they are reported")
    if cost.obstacles:
        lines.append(
            f"cannot be executed: {len(cost.obstacles)} tasks; they are reported, such as "
            f"{cost.obstacles[0]}"
        )
    if config.blocks is not None:
        lines.append(
            f"design: each policy alone in {config.blocks} blocks, one after another; the stream"
            f" takes about {len(config.policies)} times as long"
        )
    lines += said(outlook.resolution)
    if config.repeat > 1:
        lines.append(
            f"repetition: {config.repetition} of {config.repeat}; each costs about the same, and"
            " the same command plays the next"
        )
    lines.append(f"plan: {frozen(config)['sha256']}, frozen in {PLAN} before the first submit")
    lines.append("nothing was submitted")
    return lines


def write_table(frame: "pl.DataFrame", path: Path) -> None:
    """Write the table as Parquet and, beside it, as CSV."""
    write_with(path, frame.write_parquet)
    write_with(path.with_suffix(".csv"), frame.write_csv)


def _devices(world: ReplayWorld) -> list[str]:
    return [world.device(qpu) for qpu in range(len(world.scenario.fleet))]


def _compile(world: ReplayWorld, port: Port, say: Say) -> CompiledTasks:
    last = time.monotonic()

    def tick(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > SAY_EVERY_S or done == total:
            last = time.monotonic()
            say(f"compiled {done} of {total} pairs of task and device")

    compiled = compile_all(world, port, tick)
    reasons = {task: found.reason for (task, _), found in compiled.obstacles.items()}
    if reasons:
        say(f"{len(reasons)} tasks cannot be executed everywhere: {next(iter(reasons.values()))}")
    return compiled


def _check_cost(world: ReplayWorld, compiled: CompiledTasks, port: Port, ledger: JobLedger) -> None:
    config, provider = world.config, world.provider
    if not provider.account:
        return
    budget, price = config.budget, provider.price
    if budget is None:
        raise InputError(f"{price.budget_key}: is missing; say how much may be spent")
    cost = forecast(world, compiled)
    sessions = provider.by_clock(config.backend)
    if sessions is not None and budget < (needed := sessions * len(world.scenario.fleet)):
        raise InputError(
            f"{price.budget_key}: is {budget:g}; sessions on {len(world.scenario.fleet)} devices"
            f" may use {needed:g} by the clock in each run of the command"
        )
    # What sessions cost is no sum over jobs that is known later: every run is confirmed by itself.
    text = ledger.get("confirmed_s") if sessions is None else None
    before = None if text is None else float(text)
    confirm(provider.name, price, cost.charge, budget, confirmed=config.yes, before=before)
    if before is None or budget > before:
        ledger.put("confirmed_s", budget)
    if ledger.intents():
        return  # its jobs are to be heard of, and what is to be submitted may be waited for
    left = port.remaining()
    if left is not None and left <= 0:
        what = "QPU seconds" if price.unit == "s" else "dollars"
        raise InputError(f"backend={provider.name}: the account has no {what} left")


def _executor(
    config: ReplayConfig, replay: str, compiled: CompiledTasks, port: Port, ledger: JobLedger
) -> Executor:
    def circuits_of(intent: Intent) -> list[object]:
        circuits = [compiled.by_digest[digest].circuit for digest in intent.circuits]
        if intent.phase != "mirror":
            return circuits
        return [
            mirror_of(circuit, digest).circuit
            for circuit, digest in zip(circuits, intent.circuits, strict=True)
        ]

    import numpy as np  # noqa: PLC0415

    provider = provider_of(config.backend)
    pending, rate = provider.limits(config.backend)
    return Executor(
        port=port,
        ledger=ledger,
        replay_tag=f"qcbench-replay-{replay}",
        budget=float("inf") if config.budget is None else config.budget,
        circuits_of=circuits_of,
        wall=time.monotonic,
        rng=np.random.default_rng(config.master_seed),
        patience=Patience(deadline_s=config.deadline_s, poll_s=config.poll_s),
        pacer=Pacer(pending, rate, minute_s=MINUTE_S / port.speed),
        price=provider.price,
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
    last = -1e9

    def progress(placed: int, ended: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > SAY_EVERY_S or ended == total:
            last = time.monotonic()
            say(f"placed {placed} and ended {ended} of {total} tasks")

    begun = 0

    def anchor(moments: int) -> None:
        """Submit the anchors of the moments that have come."""
        nonlocal begun
        for moment in range(begun, moments):
            submit_anchors(world, compiled, port, ledger, executor, replay, moment)
        begun = max(begun, moments)

    anchors = world.config.anchors
    let_pass(ledger, anchors or 0)
    executor.recover(lambda intent: intent.phase == ANCHOR and intent.task == 0)
    anchor(due_moments(anchors, 0, 1))
    _drain(executor, port)  # the stream meets empty devices
    Stream(
        world=world,
        compiled=compiled,
        port=port,
        ledger=ledger,
        executor=executor,
        replay=replay,
        wall=time.monotonic,
        say=progress,
        placed=lambda placed, total: anchor(due_moments(anchors, placed, total)),
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
        )
        _drain(executor, port)
    anchor(anchors or 0)
    _drain(executor, port)
    let_pass(ledger, anchors or 0)


def _drain(executor: Executor, port: Port) -> None:
    """Wait for the end of all that is open."""
    while executor.pending:
        executor.advance()
        port.sleep(max(executor.next_due() - time.monotonic(), 0.0) * port.speed)


def _settle(executor: Executor, say: Say) -> None:
    deadline = time.monotonic() + SETTLE_S
    while (lacking := executor.settle_charges()) and time.monotonic() < deadline:
        say(f"waiting for the charges of {lacking} jobs")
        time.sleep(1.0)


def to_standard_error(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)
