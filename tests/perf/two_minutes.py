"""From a fresh clone to one's own policy on the leaderboard: how long, and how long it is silent.

Usage: python -m tests.perf.two_minutes. Clones this checkout, with caches of its own, and types
what its README says of a policy of one's own on a terminal, as after an installation. For every
command it prints the time, the longest time without output, and the processor time that all its
processes took meanwhile: on a machine that does other work the latter says what an idle one would
show. Ends with 1 where it took more than two minutes, or was silent for more than three seconds, by
the clock and by processor time as well.
"""

import os
import pty
import re
import select
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
MOST_S, MOST_SILENT_S, MOST_COMMANDS = 120.0, 3.0, 10
POLICY = '''"""The QPU that is done first; a longer queue must gain what a place costs."""

import numpy as np


def policy(context, *, cost_of_a_place_s: float = 1.0):
    """Return the function that places every task.

    Args:
        context: fleet and random numbers of the trial.
        cost_of_a_place_s: that a task more in a queue must gain [s].
    """

    def decide(view):
        """Return the index of the QPU that the task goes to."""
        score_s = view.completion_s() + cost_of_a_place_s * view.queue_length
        return int(np.where(view.feasible, score_s, np.inf).argmin())

    return decide
'''


def commands_of(readme: Path) -> list[str]:
    """Return what the README says to type for a policy of one's own: the block that writes one."""
    found = re.findall(r"^```sh\n(qcbench new policy .*?)^```", readme.read_text(), re.M | re.S)
    return [line for each in found for line in each.splitlines()]


@dataclass(frozen=True)
class Typed:
    """What came of a command: its time, its longest silence and the processor time of that [s]."""

    code: int
    took_s: float
    silent_s: float
    silent_cpu_s: float
    after: str
    text: str


def type_in(command: str, folder: Path, environment: dict[str, str]) -> Typed:
    """Run a command on a terminal of its own."""
    words = [sys.executable, "-m", "qcbench.cli.main", *shlex.split(command)[1:]]
    ours, theirs = pty.openpty()
    begun = last = time.monotonic()
    child = subprocess.Popen(
        words, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    process = psutil.Process(child.pid)
    worst, worst_cpu, spent, after, text = 0.0, 0.0, 0.0, "", ""
    quiet_from, each_cpu = spent, dict[int, float]()
    while True:
        try:
            ready, _, _ = select.select([ours], [], [], 0.1)
            chunk = os.read(ours, 65536).decode(errors="replace") if ready else ""
            ended = bool(ready) and not chunk
        except OSError:  # the terminal's other side is closed
            chunk, ended = "", True
        _note_cpu(process, each_cpu)
        now, spent = time.monotonic(), sum(each_cpu.values())
        if chunk or ended:
            if now - last > worst:
                worst, worst_cpu, after = now - last, spent - quiet_from, text[-200:]
            last, quiet_from = now, spent
            text += chunk
        if ended:
            break
    os.close(ours)
    told = next((line.strip() for line in reversed(after.splitlines()) if line.strip()), "")
    return Typed(child.wait(), time.monotonic() - begun, worst, worst_cpu, told, text)


def _note_cpu(process: psutil.Process, spent_s: dict[int, float]) -> None:
    """Note the processor time of a process and of all below it, by their numbers [s].

    What those took that have ended since stays noted.
    """
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for each in family:
        try:
            times = each.cpu_times()
        except psutil.Error:
            continue
        spent_s[each.pid] = times.user + times.system


def main() -> int:
    """Type all commands and print what they took; return 1 where it was too much."""
    with tempfile.TemporaryDirectory() as temporary:
        clone = Path(temporary) / "qcbench"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = {
            **os.environ,
            "PYTHONPATH": str(clone),
            "XDG_CACHE_HOME": str(Path(temporary) / "cache"),
            "OMP_NUM_THREADS": "1",
            "TERM": "xterm",
            "COLUMNS": "120",
        }
        commands = commands_of(clone / "README.md")
        total_s, fine = 0.0, 0 < len(commands) <= MOST_COMMANDS
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the beginning")
        for command in commands:
            done = type_in(command, clone, environment)
            total_s += done.took_s
            quiet = min(done.silent_s, done.silent_cpu_s) <= MOST_SILENT_S
            fine &= done.code == 0 and quiet
            print(
                f"{done.took_s:6.1f} s, silent {done.silent_s:4.1f} s ({done.silent_cpu_s:4.1f} s"
                f" of processor time) after {done.after[:60]!r}: {command}",
                flush=True,
            )
            if done.code:
                print(done.text)
            if command.startswith("qcbench new"):
                (clone / "mine.py").write_text(POLICY)
            if command.startswith("qcbench leaderboard"):
                fine &= "mine" in done.text and "champion" in done.text
        print(
            f"{total_s:6.1f} s, {len(commands)} commands, load {os.getloadavg()[0]:.1f} at the end"
        )
        return 0 if fine and total_s <= MOST_S else 1


if __name__ == "__main__":
    sys.exit(main())
