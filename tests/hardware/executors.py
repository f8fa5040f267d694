"""An executor on a backend in memory, and a client that dies and begins again."""

from pathlib import Path

import numpy as np
from fake_port import FakePort, Killed

from qcbench.hardware.executor import Executor, Patience
from qcbench.hardware.intents import Intent
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.pacing import Pacer


def intent(number: int, reserve: float = 5) -> Intent:
    return Intent(
        hash=f"{number:02x}" * 16,
        phase="stream",
        policy="p",
        task=number,
        qpu=0,
        device="perth",
        circuits=("c",),
        shots=8,
        estimate=2.5,
        reserve=reserve,
        at_s=0.0,
        planned_s=0.0,
    )


def executor(
    port: FakePort,
    ledger: JobLedger,
    budget: float = 1e6,
    pacer: Pacer | None = None,
    **patience: float,
) -> Executor:
    return Executor(
        port=port,
        ledger=ledger,
        replay_tag="replay",
        budget=budget,
        circuits_of=lambda _intent: ["circuit"],
        wall=port.now_s,
        rng=np.random.default_rng(0),
        patience=Patience(**{"poll_s": 0.5, "attempts": 30, **patience}),  # type: ignore[arg-type]
        pacer=Pacer() if pacer is None else pacer,
    )


def play(
    port: FakePort,
    path: Path,
    count: int,
    budget: float = 1e6,
    pacer: Pacer | None = None,
    **patience: float,
) -> list[Intent]:
    """Submit all intents and wait for their ends; start again whenever the client dies."""
    for _ in range(200):
        try:
            with JobLedger(path) as ledger:
                running = executor(port, ledger, budget, pacer, **patience)
                running.recover()
                known = {one.hash for one in ledger.intents()}
                for number in range(count):
                    if intent(number).hash not in known:
                        running.submit(intent(number))
                for _ in range(20_000):
                    if not running.pending:
                        break
                    running.advance()
                    port.sleep(running.next_due() - port.now_s())
                else:
                    continue
                port.script.clear()
                running.settle_charges()
                return ledger.intents()
        except Killed:
            continue
    raise AssertionError("never came to an end")
