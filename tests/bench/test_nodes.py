"""What a node needs: one list, with which a suite runs, and a line with all that a node lacks."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from qcbench import extras
from qcbench.bench import nodes
from qcbench.bench.jobs.package import ENTRY, stage
from qcbench.errors import InputError
from qcbench.policies.names import built_in
from qcbench.tracks import TRACKS

WORK = """
import pkgutil, sys
from importlib import import_module

from qcbench.bench.worker import Worker
from qcbench.bench import nodes

needed = nodes.requirements()
assert len(needed) > 9, needed
nodes.check(needed)
for room in ("bench", "cloud", "fleet", "kernels", "physics", "policies", "stats", "workload"):
    package = import_module(f"qcbench.{room}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        import_module(module.name)

from qcbench.api import compose_simulate, trial_of
from qcbench.policies.names import built_in
from qcbench.tracks import TRACKS

FEW = {
    "placement": ["workload.tasks=3"],
    "allocation": ["workload.tasks=3"],
    "queueing": ["rules.horizon_s=600", "rules.warm_up_s=0"],
    "partition": ["workload.tasks=2"],
}
PACKAGED = {name: ["packaged:champion"] for name in ("placement", "allocation", "queueing")}
PACKAGED["placement"] += ["packaged:dqn_qsimpy", "packaged:a2c_qsimpy"]
PACKAGED["allocation"] += ["packaged:front-20000"]
asked = 0
for name, track in TRACKS.items():
    usual = [n for n in built_in(name) if n not in ("learned", "scripted")]
    assert len(usual) > 4
    runs = [("simpy", policy) for policy in usual + PACKAGED.get(name, [])]
    if name == "placement":
        # To compile takes long, and what kernels import is imported above.
        runs.append(("compiled", "packaged:champion"))
    for engine, policy in runs:
        told = [f"scenario={track.scenario}", f"policy={policy}", f"engine={engine}"]
        told += [f"scenario.{each}" for each in FEW[name]]
        trial = trial_of(compose_simulate(told))
        worker = Worker("qcbench.bench.run:run_recorded_trial", name, needed)
        worker.ready()
        (outcome,) = worker.run([trial])
        assert not outcome.failed, (told, outcome.error, outcome.traceback)
        asked += 1
loaded = {m.partition(".")[0] for m in sys.modules}
assert not loaded & {"mlflow", "matplotlib", "torch", "gymnasium", "qiskit", "rich"}, loaded
print(asked)
"""


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages as on a node that was set up from the list, and of no others."""
    folder = tmp_path_factory.mktemp("node")
    waiting = [Requirement(text) for text in nodes.requirements()]
    known: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in known:
            continue
        known.add(str(requirement))
        found = distribution(requirement.name)
        link(found, folder)
        for text in found.requires or []:
            needed = Requirement(text)
            environments = [{"extra": extra} for extra in ("", *requirement.extras)]
            if not needed.marker or any(needed.marker.evaluate(one) for one in environments):
                waiting.append(needed)
    assert not (folder / "mlflow").exists()
    return folder


def link(found: Distribution, folder: Path) -> None:
    """Make all that a distribution has installed visible from a folder."""
    tops = {file.parts[0] for file in found.files or [] if file.parts[0] != ".."}
    for top in tops - {"__pycache__"}:
        if not (folder / top).exists():
            (folder / top).symlink_to(Path(str(found.locate_file(top))))


@pytest.fixture(scope="session")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a cluster is sent."""
    return stage(tmp_path_factory.mktemp("sent")).folder


def bare(
    script: list[str], path: list[Path], folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python with what lies in some folders and what comes with Python alone."""
    return subprocess.run(
        [sys.executable, "-S", *script],
        cwd=folder,
        env={
            **{k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PYTHONNOUSERSITE": "1",
            "OMP_NUM_THREADS": "1",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.e2e
def test_a_node_with_the_list_alone_runs_every_policy(
    node: Path, sent: Path, tmp_path: Path
) -> None:
    done = bare(["-c", WORK], [sent, node], tmp_path)
    assert done.returncode == 0, done.stderr
    usual = [name for track in TRACKS for name in built_in(track)]
    asked = len([name for name in usual if name not in {"learned", "scripted"}])
    # And six exported ones, one of them on both engines.
    assert int(done.stdout) == asked + 7


@pytest.mark.e2e
def test_the_entry_point_runs_a_suite_on_such_a_node(
    node: Path, sent: Path, tmp_path: Path
) -> None:
    script = (
        "import run_verb; from pathlib import Path; from qcbench.cli.sent.verb import There\n"
        "from qcbench.bench.config import ClusterConfig\n"
        "verb = run_verb.VERBS['run']\n"
        "told = ['suite=quickstart', 'suite.replicates=1', 'tracking=none']\n"
        "there = There(Path('there/made'), ClusterConfig(address='inline'), True)\n"
        "verb.work(run_verb.Told('', told, []), there)\n"
        "assert run_verb.close(Path('there'), verb.mark)\n"
    )
    done = bare(["-c", script], [sent, node], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "packed quickstart-" in done.stdout


def test_every_package_of_the_list_is_needed_somewhere(root: Path) -> None:
    """What nothing imports has no place in it."""
    text = "\n".join(
        path.read_text()
        for room in ("bench", "cloud", "kernels", "policies", "stats", "workload", "configs")
        for path in (root / "qcbench").rglob("*.py")
        if path.relative_to(root / "qcbench").parts[0].removesuffix(".py") == room
    )
    for requirement in nodes.requirements():
        name = extras.distribution_of(requirement)
        module = extras.MODULES.get(name, (name.replace("-", "_"),))[0]
        assert re.search(rf"^\s*(import|from) {module}\b", text, re.M), name


def test_a_node_that_lacks_everything_says_all_of_it(sent: Path, tmp_path: Path) -> None:
    done = bare([str(sent / ENTRY), "run", "--deliver", "job"], [], tmp_path)
    assert done.returncode == 2, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"run_verb: node {os.uname().nodename}: annotated-types, hydra-core, ")
    command = re.search(r"`(pip install [^`]*)`", line)
    assert command is not None
    for requirement in nodes.requirements():
        assert requirement in command[1]
        assert extras.distribution_of(requirement) in line.partition(" are not installed; ")[0]
    # Nobody can bring another Ray.
    assert "--pip" not in line


def test_what_is_missing_and_what_is_old_is_said_together(
    node: Path, sent: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in node.iterdir():
        if not path.name.startswith(("numba", "safetensors", "numpy", "polars")):
            (other / path.name).symlink_to(path.resolve())
    for name, version in {"numpy": "1.26.4", "polars": "x"}.items():
        folder = other / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
    done = bare([str(sent / ENTRY), "run", "--deliver", "job"], [other], tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == (
        f"run_verb: node {os.uname().nodename}: numba, safetensors are not installed; numpy "
        "1.26.4, polars x are not of a version that qcbench needs; `pip install 'numba>=0.61,<1' "
        "'numpy>=2.1,<3' 'polars>=1.20,<3' 'safetensors>=0.5,<1'` there or use an image that has "
        "them, or add --pip to `qcbench submit`\n"
    )
    # A worker says the same, though the driver's node is well.
    script = (
        "import json, sys; from qcbench.bench.worker import Worker\n"
        "try: Worker('qcbench.bench.run:run_trial', 'placement', json.loads(sys.argv[1])).ready()\n"
        "except ValueError as error: print(f'run_verb: {error}')\n"
    )
    said = bare(["-c", script, json.dumps(nodes.requirements())], [sent, other], tmp_path)
    assert said.stdout == done.stdout, said.stderr


def test_a_library_that_cannot_be_loaded_is_named(node: Path, sent: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    (broken / "polars").mkdir(parents=True)
    (broken / "polars" / "__init__.py").write_text("raise ImportError('libx.so.1: no such file')")
    done = bare([str(sent / ENTRY), "run", "--deliver", "job"], [broken, node], tmp_path)
    assert done.returncode == 2
    (line,) = done.stdout.splitlines()
    assert line.startswith("run_verb: ")
    assert "libx.so.1: no such file" in line


def test_pip_installs_what_is_installed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = dict(text.split("==") for text in nodes.installed_here())
    needed = {extras.distribution_of(each) for each in nodes.requirements()}
    assert pinned.keys() == needed - {"ray"}
    assert {"numba", "safetensors", "numpy", "polars"} <= pinned.keys()
    assert pinned["numpy"] == __import__("numpy").__version__
    nodes.check([f"{name}=={version}" for name, version in pinned.items()])

    have = nodes._version
    absent = {"numba", "scipy"}
    monkeypatch.setattr(nodes, "_version", lambda name: None if name in absent else have(name))
    with pytest.raises(InputError) as error:
        nodes.installed_here()
    assert str(error.value) == (
        "--pip: numba, scipy are not installed here; `pip install 'qcbench[bench]'`"
    )


def test_the_list_is_an_extra_of_the_package_and_the_image_has_it(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    declared = {*project["dependencies"], *project["optional-dependencies"]["node"]}
    assert set(nodes.requirements()) == declared
    assert set(extras.required("node")) <= set(extras.required("bench"))
    dockerfile = (root / "deploy" / "Dockerfile").read_text()
    assert "ARG EXTRAS=bench\n" in dockerfile
    assert "[${EXTRAS}]" in dockerfile


def test_what_is_sent_declares_the_same(sent: Path, tmp_path: Path) -> None:
    script = "from qcbench.bench import nodes; print(*nodes.requirements(), sep='\\n')"
    done = bare(["-c", script], [sent], tmp_path)
    assert tuple(done.stdout.splitlines()) == nodes.requirements(), done.stderr


def test_the_docs_say_what_a_node_needs(root: Path) -> None:
    text = " ".join((root / "docs" / "cluster.md").read_text().split())
    told = re.search(r"Nodes need Python and Ray of the versions here, and ([^.]*)\.", text)
    assert told is not None
    names = sorted(re.findall(r"`([\w-]+)`", told[1]))
    needed = {extras.distribution_of(each) for each in nodes.requirements()}
    assert names == sorted(needed - {"ray"})
