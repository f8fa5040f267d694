"""Suites, trainings and sweeps on nodes that share no disk, submitted from another node.

Meanwhile nodes die, links break and drivers are killed.
"""

import io
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from namespaces import Nodes, refusal

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]

SUITE = (
    "suite=quickstart",
    "suite.replicates=30",
    "suite.scenarios=[placement/qce5]",
    'suite.scenario_overrides=["workload.tasks=3000"]',
)
TRIALS = 270
CUT_S = 20.0

KNOCK = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 6379), 2.5)
except ConnectionRefusedError:
    print("refused")
except OSError:
    print("silent")
"""


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """A head, two workers, and one who submits; Ray runs on none yet."""
    if reason := refusal():
        pytest.skip(reason)
    with Nodes(["head", "one", "two", "user"]) as made:
        yield made


class Output:
    """What a process says, read as it comes.

    Args:
        process: that says it.
        counts: pattern of what it says of how much is done.
    """

    def __init__(self, process: subprocess.Popen[str], counts: str) -> None:
        self.process, self.counts = process, counts
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def done(self) -> int:
        """How much it says is done."""
        counts = re.findall(self.counts, self.text)
        return int(counts[-1].replace(",", "")) if counts else 0

    def wait_for(self, wanted: int, timeout_s: float = 900.0) -> int:
        """Wait until so much is done; return how much is."""
        end = time.monotonic() + timeout_s
        while self.done() < wanted:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < end, self.text
            time.sleep(0.1)
        return self.done()

    def end(self, timeout_s: float = 900.0) -> int:
        code = self.process.wait(timeout_s)
        self._reader.join(30)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)


def test_nodes_share_no_folder_and_links_can_be_cut(nodes: Nodes) -> None:
    nodes.run("one", ["touch", "/tmp/mark", "/dev/shm/mark"])
    for name in ("head", "two", "user"):
        assert b"mark" not in nodes.run(name, ["ls", "/tmp", "/dev/shm"])
    assert not Path("/tmp/mark").exists()
    with pytest.raises(subprocess.CalledProcessError):
        nodes.run("one", ["touch", str(ROOT / "mark")])
    # Nobody listens there: a living link says so at once, one that is cut says nothing.
    knock = nodes.python("-c", KNOCK, nodes.address("head"))
    assert nodes.run("one", knock) == b"refused\n"
    nodes.cut("one")
    assert nodes.run("one", knock) == b"silent\n"
    assert nodes.run("two", knock) == b"refused\n"
    nodes.mend("one")
    assert nodes.run("one", knock) == b"refused\n"


@pytest.mark.timeout(3000)
def test_a_suite_with_a_node_killed_and_a_link_cut(nodes: Nodes, tmp_path: Path) -> None:
    nodes.start_head()  # it runs no trials
    nodes.start_worker("one")
    nodes.start_worker("two")
    command = ("-m", "qcbench.cli.main")
    sent = nodes.start(
        "user",
        nodes.python(
            *(*command, "submit", "run", *SUITE, f"cluster.address={nodes.dashboard}"),
            *("cluster.chunk_s=0.5", "tracking=none", "runs_dir=/tmp/runs"),
        ),
    )
    output = Output(sent, rf"(\d+)/{TRIALS} trials")
    output.wait_for(20)
    nodes.kill("one")
    after_kill = output.wait_for(output.done() + 15)
    nodes.start_worker("one")  # a node that comes back, empty
    output.wait_for(after_kill + 15)
    nodes.cut("two")
    time.sleep(CUT_S)
    nodes.mend("two")
    during_cut = output.done()
    nodes.start_worker("two")
    assert during_cut < TRIALS, "nothing was left to disturb: make the suite longer"
    assert output.end() == 0, output.text

    undisturbed = [*command, "run", *SUITE, "cluster=inline", "tracking=none"]
    subprocess.run(
        [sys.executable, *undisturbed, f"runs_dir={tmp_path}"],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        timeout=1200,
    )
    (expected,) = tmp_path.glob("*/trials.parquet")
    fetched = nodes.run("user", ["sh", "-c", "cat /tmp/runs/*/trials.parquet"])
    assert fetched == expected.read_bytes()
    timings = pl.read_parquet(
        io.BytesIO(nodes.run("user", ["sh", "-c", "cat /tmp/runs/*/timings.parquet"]))
    )
    # Two processes on each node: those that were lost, and those that came later.
    workers = timings["worker"].unique().to_list()
    assert {worker.partition(":")[0] for worker in workers} == {"one", "two"}
    assert len(workers) >= 3, workers
    assert timings.height == TRIALS


STEPS = 500 * 1024
TRAINED = (
    *("scenario.workload.tasks=10", "agent.worlds=8", "agent.environments=64", "agent.horizon=16"),
    *("agent.network.encoder=[8]", "agent.network.context=[]", "agent.network.head=[]"),
    *("validation.worlds=2", "validation.every_steps=51200", "tracking=none"),
)
REFERENCE = (
    "agent=reference_ppo",
    *(word.replace("agent.e", "agent.ppo.e").replace("agent.h", "agent.ppo.h") for word in TRAINED),
    *("agent.ppo.shards=2", "agent.ppo.threads=1", f"agent.ppo.steps={STEPS}"),
)
RLLIB = ("agent=a2c", *TRAINED, "agent.env_runners=2", f"agent.steps={STEPS // 5}")


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("told", [REFERENCE, RLLIB], ids=["reference_ppo", "a2c"])
def test_a_training_with_a_node_killed_and_a_link_cut(
    told: tuple[str, ...], nodes: Nodes, tmp_path: Path
) -> None:
    nodes.start_head()
    nodes.start_worker("one")
    nodes.start_worker("two")
    command = ("-m", "qcbench.cli.main")
    sent = nodes.start(
        "user",
        nodes.python(
            *(*command, "submit", "train", *told, f"cluster.address={nodes.dashboard}"),
            "runs_dir=/tmp/runs",
        ),
    )
    total = int(told[-1].rpartition("=")[2])
    output = Output(sent, rf"([\d,]+)/{total:,} steps")
    output.wait_for(total // 20)
    nodes.kill("one")
    nodes.start_worker("one")
    output.wait_for(output.done() + total // 10)
    nodes.cut("two")
    time.sleep(CUT_S)
    nodes.mend("two")
    assert output.done() < total, "nothing was left to disturb: make the training longer"
    nodes.start_worker("two")
    assert output.end() == 0, output.text
    exported = ["sh", "-c", "cat /tmp/runs/train-*/exported/weights.safetensors"]
    fetched = nodes.run("user", exported)
    assert fetched
    if told is RLLIB:
        assert "started again" in output.text or "going on from the checkpoint" in output.text
        return
    assert "another one computes them" in output.text
    undisturbed = [*command, "train", *told, "cluster=inline", f"runs_dir={tmp_path}"]
    subprocess.run(
        [sys.executable, *undisturbed],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=1200,
    )
    (expected,) = tmp_path.glob("train-*/exported/weights.safetensors")
    assert fetched == expected.read_bytes()


SWEPT = (
    *("sweep=asha", "sweep.trials=8", "sweep.concurrent=2", "sweep.first_stop=0.9"),
    *(word for word in REFERENCE if "shards" not in word and "steps" not in word),
    *("validation.every_steps=4096", "agent.ppo.steps=40960", "cluster.retries=3"),
)
DRIVER = r"""
import pathlib
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    words = path.read_bytes().split(b"\0")
    if any(word.endswith(b"run_verb.py") for word in words[1:2]):
        print(path.parent.name)
"""


@pytest.mark.timeout(3600)
def test_a_sweep_with_a_node_and_its_driver_killed_and_a_link_cut(nodes: Nodes) -> None:
    """As a RayJob does it: the entry point is started again where it was killed."""
    nodes.start_head()
    nodes.start_worker("one")
    nodes.start_worker("two")
    entry = nodes.python(
        *(str(ROOT / "jobs" / "run_verb.py"), "sweep", "--runs-dir", "/tmp/kept", "--continue"),
        *("--overrides", json.dumps(SWEPT)),
    )

    def submitted() -> Output:
        """Submit the entry point and follow it."""
        ray = str(Path(sys.executable).parent / "ray")
        told = (ray, "job", "submit", f"--address={nodes.dashboard}", "--", *entry)
        return Output(nodes.start("user", told), r"after [\d,]+ steps \((\d+) of ")

    def begun() -> int:
        """How many evaluations there are in all trials."""
        count = "cat /tmp/kept/sweep-*/trials/*/*/*/progress.jsonl | grep -c evaluation || true"
        return int(nodes.run("head", ["sh", "-c", count]) or 0)

    def wait_for(evaluations: int, output: Output) -> None:
        end = time.monotonic() + 1200.0
        while begun() < evaluations:
            assert output.process.poll() is None, output.text
            assert time.monotonic() < end, output.text
            time.sleep(1.0)

    first = submitted()
    wait_for(4, first)
    nodes.kill("one")
    nodes.start_worker("one")
    wait_for(begun() + 6, first)
    (driver,) = nodes.run("head", nodes.python("-c", DRIVER)).split()
    nodes.run("head", ["kill", "-KILL", driver.decode()])
    assert first.end() != 0
    assert not nodes.run("head", ["sh", "-c", "cat /tmp/kept/sweep-*/results.json || true"])

    again = submitted()
    wait_for(begun() + 6, again)
    nodes.cut("two")
    time.sleep(CUT_S)
    nodes.mend("two")
    nodes.start_worker("two")
    assert again.end(1800.0) == 0, again.text

    results = json.loads(nodes.run("head", ["sh", "-c", "cat /tmp/kept/sweep-*/results.json"]))
    assert len(results) == 8
    assert {each["status"] for each in results} <= {"done", "stopped"}, results
    assert "done" in {each["status"] for each in results}
    starts = Counter(re.findall(r"^(\w+): learning_rate", first.text + again.text, re.M))
    # Three more attempts for those that fail, two for those that go with their node, one for the
    # driver that was killed.
    assert set(starts) == {each["trial"] for each in results}
    assert max(starts.values()) <= 7, starts
    # What nobody disturbed is what one process alone comes to.
    quiet = next(each for each in results if starts[each["trial"]] == 1)
    settings = [f"agent.{key}={value!r}" for key, value in quiet["settings"].items()]
    nodes.run(
        "user",
        nodes.python(
            *("-m", "qcbench.cli.main", "train", *SWEPT[4:-1], *settings, "cluster=inline"),
            "runs_dir=/tmp/alone",
        ),
        timeout_s=1200.0,
    )
    lines = nodes.run("user", ["sh", "-c", "cat /tmp/alone/train-*/progress.jsonl"]).splitlines()
    judged = [json.loads(line) for line in lines]
    until = quiet["steps"]
    means = [j["mean"] for j in judged if j["kind"] == "evaluation" and j["steps"] <= until]
    assert min(means) == quiet["best"]["mean"]
