"""Every command and every Python block of the README and the docs does what it says."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import qcbench

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.perf import two_minutes  # noqa: E402 - found through the line above
from tests.storage import s3_server  # noqa: E402

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(page: Path) -> str:
    """The name of a page among the tests."""
    return page.relative_to(ROOT).as_posix()


SHORT = 'suite.scenario_overrides=["rules.horizon_s=20000.0","rules.warm_up_s=3600.0"]'
SMALL_CIRCUITS = "scenario.workload.circuits.max_qubits=4"
INLINE = "cluster=inline"
"""Ray is started by the commands of the README and by the tests that are about it."""

SMALLER = {
    "suite=serverless-small-v1": ["suite.replicates=1", SHORT, INLINE],
    "suite=hybrid-v1": ["suite.replicates=1", SHORT.replace("20000", "9000"), INLINE],
    "suite=placement-v1": ["suite.replicates=1", INLINE],
    "suite=placement-random-v1": ["suite.replicates=1", INLINE],
    "suite=deadlines-queueing-v1": [
        *("suite.replicates=1", "suite.engine=compiled", INLINE),
        'suite.scenario_overrides=["workload.deadlines={law: slack}","rules.horizon_s=9000.0"]',
    ],
    "suite=allocation-v1": ["suite.replicates=1", INLINE],
    "suite=partition-v1": ["suite.replicates=1", INLINE],
    "agent=reference_ppo": ["agent.ppo.steps=30000", "agent.worlds=64", "validation.worlds=10"],
    "agent=reference_ppo_queueing": [
        *("agent.ppo.steps=8192", "agent.worlds=4", "agent.begin_s=10000"),
        *("rules.horizon_s=20000", "rules.warm_up_s=0"),
    ],
    "agent=distilled": [
        *("workload.tasks=12", "agent.worlds=50", "agent.ppo.environments=50"),
        *("agent.teacher.steps=1250", "validation.worlds=1", "tracking=none"),
    ],
    "agent=tuned_queueing": [
        *("agent.generations=2", "agent.population=4", "agent.worlds=1", "validation.worlds=1"),
        *("rules.horizon_s=9000", "rules.warm_up_s=0", "tracking=none", INLINE),
    ],
    "agent=tuned_placement": [
        *("agent.generations=2", "agent.population=4", "agent.worlds=1", "validation.worlds=1"),
        *("workload.tasks=25", "tracking=none", INLINE),
    ],
    "agent=tuned_allocation": [
        *("agent.generations=1", "agent.population=4", "agent.worlds=1", "validation.worlds=1"),
        *("workload.tasks=30", "tracking=none", INLINE),
    ],
    "agent=tuned_lookahead": [
        *("agent.generations=2", "agent.population=4", "agent.worlds=1", "validation.worlds=2"),
        *("workload.tasks=40", "tracking=none", INLINE),
    ],
    "agent=ppo": ["agent.steps=8192", "agent.worlds=64", "validation.worlds=10"],
    "suite.until={half_width: 1%, seconds: 600, replicates: [8, 1000]}": [
        *("suite.until.replicates=[8,10]", "suite.engine=compiled", INLINE),
    ],
    "suite=learned-v1": ["suite.replicates=1", INLINE],
    "packaged:champion": ["replicates=100"],
    "alias=everywhere": [
        *("baseline=random", "guards={}", 'suite.scenario_overrides=["workload.tasks=12"]'),
    ],
    "agent=reference_ppo_allocation": [
        *("scenario.workload.tasks=30", "agent.worlds=2", "agent.ppo.steps=512"),
        *("agent.ppo.environments=8", "validation.worlds=1", "tracking=none"),
    ],
    "suite=ours": [INLINE],
    "suite.policies=[mine.py,champion,earliest_completion]": [INLINE],
    "./first": ["replicates=100", "baseline=random"],
    "tasks=60": ["tasks=5", "backend=local", "backend.speed=60", SMALL_CIRCUITS],
}
"""What is added to a command so that it ends within a test."""

ELSEWHERE = {
    "qcbench submit": "tests/jobs",
    "qcbench emulator": "tests/deploy",
    "kubectl": "tests/k8s",
    "docker": "tests/k8s",
    "ray start": "tests/jobs",
    "ray stop": "tests/jobs",
    "qcbench workload build": "tests/workload",
    "qcbench fleet build": "tests/fleet",
    "qcbench partition build": "tests/workload",
    "pip install": ".ci/run",
    "qcbench run suite=example": "tests/plugins",
    "(umask": "tests/k8s",
    "qcbench sweep": "tests/agents",
    "qcbench track RUN tracking=server": "tests/tracking",
    "mlflow server": "tests/tracking",
    "mlflow db upgrade": "tests/tracking",
    "createuser": "tests/tracking",
    "createdb": "tests/tracking",
    "pg_dump": "tests/tracking",
    "export": "tests/tracking",
    "read -rs": "tests/tracking",
    "tensorboard --logdir": "tests/agents",
    "qcbench train agent=ppo agent.env_runners": "tests/agents",
    "qcbench train agent=reference_ppo agent.ppo.shards": "tests/agents",
}
"""Commands that need a cluster or change the package, and the tests that run or check them."""

INSTEAD = {
    "kubectl cp": "qcbench run suite=quickstart suite.replicates=1 cluster=inline tracking=none"
}
"""Commands that fetch a run from elsewhere, and one that makes such a run here."""

BUCKET = "s3://bucket"

BELL = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
"""

PROBLEM = {
    "capacities": [5, 4, 5, 4],
    "demands": [9, 6],
    "unit_prices": [100, 100, 100, 100],
    "definition": "P",
}
JOBS = "job_id,num_qubits,two_qubits,depth,priority,arrival_time,num_shots\n" + "".join(
    f"{job},{130 + 7 * job},{13 + job},{5 + job},2,,{10_000 * job}\n" for job in range(1, 10)
)
ALLOCATION = {**PROBLEM, "allocation": [[5, 0, 4, 0], [0, 3, 0, 3]]}


def blocks(page: Path, language: str) -> Iterator[str]:
    """The fenced blocks of a language on a page."""
    yield from re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """The commands of a page, without comments, continued lines joined."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    lines = (re.sub(r"\s+#.*$", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a server with the bucket that the pages name."""
    folder = tmp_path_factory.mktemp("s3")
    with s3_server.started(folder / "server.log") as address:
        s3_server.make_bucket(address, BUCKET.removeprefix("s3://"))
        made = s3_server.environment(address, folder)
        yield {name: value for name, value in made.items() if name.startswith("AWS_")}


def test_pages_have_commands() -> None:
    assert any(command.startswith("qcbench run") for command in commands(PAGES[0]))
    assert commands(PAGES[0])[:2] == ["make bench", "make test"]


def test_readme_alone_leads_to_an_own_policy_beside_the_champion() -> None:
    typed = two_minutes.commands_of(ROOT / "README.md")
    assert len(typed) < two_minutes.MOST_COMMANDS  # one is for `make bench`
    assert set(typed) <= set(commands(ROOT / "README.md"))
    assert any("mine.py,champion" in command for command in typed)


@pytest.mark.e2e
@pytest.mark.ray
@pytest.mark.timeout(900)  # a page has up to a dozen commands, each with kernels to compile
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    if any(BUCKET in command for command in commands(page)):
        environment |= request.getfixturevalue("object_store")
    circuits = tmp_path / "circuits"
    circuits.mkdir()
    (circuits / "bell.qasm").write_text(BELL)
    (tmp_path / "problem.json").write_text(json.dumps(PROBLEM))
    (tmp_path / "jobs.csv").write_text(JOBS)
    (tmp_path / "allocation.json").write_text(json.dumps(ALLOCATION))
    (tmp_path / "patient.py").write_text(next(blocks(ROOT / "docs/policies.md", "python")))
    for text in blocks(page, "python"):
        named = re.match(r"# (\w+\.py)\n", text)  # a file of one's own
        if named:
            (tmp_path / named[1]).write_text(text)
    for text in blocks(page, "yaml"):
        named = re.match(r"# (conf/\S+\.yaml)\n", text)  # a file of one's own
        if named:
            (tmp_path / named[1]).parent.mkdir(parents=True)
            (tmp_path / named[1]).write_text(text)
    for command in commands(page):
        bare = re.sub(r"^(\w+=\S* )+", "", command)
        for start, made_here in INSTEAD.items():
            if bare.startswith(start):
                run(made_here, tmp_path, environment)
        if any(bare.startswith(start) for start in ELSEWHERE):
            continue
        run(command, tmp_path, environment)


def run(command: str, folder: Path, environment: dict[str, str]) -> None:
    """Run one command, or look that there is what it would run."""
    words = shlex.split(command)
    if words[0] == "make":
        done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=False)
        assert done.returncode == 0, command
        return
    if words[:2] == ["python", "-m"]:
        assert (ROOT / Path(*words[2].split("."))).with_suffix(".py").is_file(), command
        return
    assert words[0] == "qcbench", f"no test knows how to run: {command}"
    for text, more in SMALLER.items():
        words += more if text in words else []
    done = subprocess.run(
        [sys.executable, "-m", "qcbench.cli.main", *words[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_blocks(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in blocks(page, "python"):
        names: dict[str, object] = {}
        exec(compile(text, page.name, "exec"), names)
        policy = names.get("policy")
        if callable(policy):
            assert (qcbench.simulate(policy=policy).status == 0).all()


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text()):
        if "://" in target:
            continue
        found = page.parent / target if target else page
        assert found.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(found), f"{page.name}: {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
