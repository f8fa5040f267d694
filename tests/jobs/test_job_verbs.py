"""Every verb that can be sent: done as on a cluster, packed, fetched and shown as here."""

import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from exported_samples import write_sample
from verb_samples import AGENT, CIRCUITS, CODES, NAMED, SHOWS, TOLD

from qcbench.api import Run
from qcbench.bench import driver
from qcbench.bench.config import ClusterConfig
from qcbench.bench.jobs.job import Job
from qcbench.bench.jobs.package import stage
from qcbench.bench.jobs.parcel import read_index, receive
from qcbench.bench.jobs.submission import sent_overrides
from qcbench.bench.stopping import StopFlag
from qcbench.cli import cluster_jobs
from qcbench.cli.job_verbs import VERBS
from qcbench.cli.main import main
from qcbench.cli.sent.promote import CONTEST, SENT
from qcbench.cli.sent.verb import There, Told
from qcbench.cli.where import compose_where
from qcbench.errors import InputError

LACKS = {
    "run": "qcbench resume ",
    "train": "qcbench train train-",
    "sweep": "qcbench sweep sweep-",
    "promote": "`qcbench resume promote-",
    "replay": "qcbench replay backend=local backend.speed=200 tasks=2 ",
}
RESULT = {
    "run": "trials.parquet",
    "train": "progress.jsonl",
    "sweep": "results.json",
    "promote": "trials.parquet",
    "replay": "tasks.parquet",
}
"""What a folder has not before its end, or, of a training, not as much."""


@pytest.fixture(scope="module")
def entry(root: Path) -> ModuleType:
    """The script that a cluster runs."""
    spec = importlib.util.spec_from_file_location("run_verb", root / "jobs" / "run_verb.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.e2e
@pytest.mark.parametrize(
    "name", [n if n != "sweep" else pytest.param(n, marks=pytest.mark.ray) for n in VERBS]
)
def test_there_and_back(
    name: str,
    entry: ModuleType,
    here: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    verb = VERBS[name]
    away = "cluster.address=http://h:8265"
    told = Told(NAMED.get(name, ""), [*TOLD[name], "tracking=none", away], [])
    going = verb.going(told)
    package = stage(tmp_path / "sent", [], [], going.brought)

    # There: another folder, and only what was sent.
    monkeypatch.chdir(package.folder)
    parcel = tmp_path / "parcel"
    cluster = ClusterConfig(address="local" if name == "sweep" else "inline")
    sent = replace(told, overrides=sent_overrides(told.overrides, verb.stays))
    assert not [text for text in sent.overrides if "http" in text]
    verb.work(sent, There(parcel / entry.MADE, cluster, delivers=True))
    assert entry.close(parcel, verb.mark)
    assert not (parcel / entry.MADE).exists()

    # Back.
    monkeypatch.chdir(here)
    where = compose_where(told.overrides)
    index = read_index((parcel / "index.json").read_bytes(), "test")
    home = Path(getattr(where, verb.place))
    folder = receive(
        index, lambda part, file: file.write((parcel / part).read_bytes()), home, verb.mark
    )
    assert verb.lacks(folder, told, where) == ""
    capsys.readouterr()
    assert verb.announce(folder, told, where) == CODES.get(name, 0)
    said = capsys.readouterr()
    assert re.search(SHOWS[name], said.out), said.out + said.err

    # One that was stopped before its end.
    result = folder / RESULT[name]
    if name == "train":
        result.write_text("\n".join(result.read_text().splitlines()[:1]) + "\n")
    else:
        result.unlink()
        for shard in folder.glob("shards/*"):
            shard.unlink()
    command = verb.lacks(folder, replace(told, overrides=TOLD[name]), where)
    assert LACKS[name] in command


def test_what_a_promotion_needs_goes_along(here: Path) -> None:
    assert main(["train", *AGENT, "tracking=none"]) == 0
    (run,) = (here / "runs").iterdir()
    told = Told(run.name, ["replicates=20", "scenario.workload.tasks=20", "tracking=none"], [])
    going = VERBS["promote"].going(told)
    assert going.title == run.name
    contest = json.loads(bytes(going.brought[CONTEST]))
    *_, candidate = contest["suite"]["policies"]
    assert candidate["parameters"]["path"] == f"{SENT}/2"
    assert going.brought[f"{SENT}/2"] == Path("runs") / run.name / "exported"
    assert str(here) not in json.dumps(contest)


def test_who_was_judged_is_who_is_promoted(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = VERBS["promote"]
    told = Told("greedy", [*TOLD["promote"], "tracking=none"], [])
    package = stage(tmp_path / "sent", [], [], verb.going(told).brought)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(package.folder)
        verb.work(told, There(here / "runs", ClusterConfig(address="inline"), delivers=True))
    (run,) = (here / "runs").iterdir()
    where = compose_where(["tracking=none"])
    for other in (
        replace(told, named="round_robin"),
        replace(told, overrides=[*told.overrides, "baseline=random"]),
        replace(told, overrides=[*told.overrides, "seed=1"]),
    ):
        with pytest.raises(InputError, match="others than those that stand now; nothing was"):
            verb.announce(run, other, where)
    with pytest.raises(InputError, match="known only where it was submitted"):
        verb.announce(run, replace(told, named=""), where)
    assert verb.announce(run, told, where) == 1
    # Fetched again: what came of it is told, and nobody is judged a second time.
    before = (run / "verdict.json").read_bytes()
    capsys.readouterr()
    assert verb.announce(run, replace(told, named="round_robin"), where) == 1
    assert "was judged before; greedy for " in capsys.readouterr().out
    assert (run / "verdict.json").read_bytes() == before


SLOWLY = [*TOLD["promote"], "engine=simpy"]
"""Trial by trial, so that it can be stopped between two."""


def test_a_promotion_that_comes_back_unfinished_goes_on(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trials that are there stay, also of policies whose files lay elsewhere on the cluster."""
    verb = VERBS["promote"]
    write_sample(here / "p", "placement")
    away = ["cluster.address=http://h:8265", "cluster.token_path=t"]
    told = Told("./p", [*SLOWLY, "tracking=none", *away], [])
    package = stage(tmp_path / "sent", [], [], verb.going(told).brought)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(package.folder)
        patch.setattr(driver, "StopFlag", stopping_after(31))
        with pytest.raises(KeyboardInterrupt):
            verb.work(told, There(here / "runs", ClusterConfig(address="inline"), delivers=True))
    (run,) = (here / "runs").iterdir()
    assert not (run / "promotion.json").exists()
    where = compose_where(told.overrides)
    assert "known only where it was" in verb.lacks(run, replace(told, named=""), where)
    said = verb.lacks(run, told, where)
    assert said == (
        f"nothing was promoted; `qcbench resume {run.name}` runs the rest here and judges"
    )
    shards = set((run / "shards").iterdir())
    assert shards
    assert main(["resume", run.name]) == 1
    said = capsys.readouterr().err
    assert "31/60 trials" in said
    assert "p is not promoted to placement@champion: " in said
    assert (run / "verdict.json").is_file()
    assert Run(run).trials["status"].unique().to_list() == ["done"]


def test_a_promotion_on_a_volume_is_continued(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = VERBS["promote"]
    told = Told("greedy", [*SLOWLY, "tracking=none"], [])
    there = There(here / "runs", ClusterConfig(address="inline"), delivers=False, continued=True)
    monkeypatch.setattr(driver, "StopFlag", stopping_after(31))
    with pytest.raises(KeyboardInterrupt):
        verb.work(told, there)
    monkeypatch.undo()
    monkeypatch.chdir(here)
    for _ in range(2):
        capsys.readouterr()
        verb.work(told, there)
        said = capsys.readouterr()
        (run,) = (path for path in there.place.iterdir() if (path / "manifest.json").is_file())
        assert f"promotion {run.name}: is there already" in said.out
    assert "greedy for models:/placement@champion: not promoted: " in said.out
    verb.work(replace(told, overrides=[*told.overrides, "seed=1"]), there)
    assert len([p for p in there.place.iterdir() if (p / "manifest.json").is_file()]) == 2


def stopping_after(trials: int) -> type[StopFlag]:
    """Stop the driver as Ctrl-C does."""
    asked = iter(range(trials))

    class Stop(StopFlag):
        def __call__(self) -> bool:
            return next(asked, None) is None

    return Stop


SENDS = ["cluster.address=http://127.0.0.1:9", "tracking=none"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay", "backend=ibm", "budget_s=1"], "backend=ibm: a token is never sent; where the"),
        (["replay", "backend=local", "dry_run=true"], "dry_run=true: submits nothing; leave out"),
        (["replay", "policy=nobody"], "nobody"),
        (["train", "train-x"], "submit train: train-x: `qcbench train train-x` goes on with it"),
        (["sweep", "sweep-x"], "`qcbench sweep sweep-x` goes on with it here"),
        (["run", "quickstart"], "submit run: quickstart: it takes overrides such as key=value"),
        (["promote"], "submit promote: name a policy"),
        (["train", "agent.ppo.steps=0"], "agent.ppo.steps"),
        (["train", "scenario=allocation/eagle5"], "is for track placement"),
        (["sweep", "sweep.cpus=0"], "sweep.cpus"),
        (["trian"], "submit trian: no such verb; did you mean train"),
        (["train"], "no Ray dashboard answers (connection refused)"),
    ],
)
def test_refusals(
    arguments: list[str], said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", *arguments, *SENDS]) == 2
    out, err = capsys.readouterr()
    (line,) = err.strip().splitlines()
    assert said in line
    assert out == ""
    assert list(here.iterdir()) == []


def test_a_token_that_the_nodes_have_is_named(here: Path) -> None:
    told = ["backend=ibm", "budget_s=1", "backend.token_path=/secrets/ibm", "tasks=2", CIRCUITS]
    verb = VERBS["replay"]
    assert verb.going(Told("", told, [])).title.startswith("replay-")
    assert "backend.token_path=/secrets/ibm" in sent_overrides(told, verb.stays)


@pytest.mark.parametrize("name", VERBS)
def test_the_config_is_shown(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = ["greedy"] if VERBS[name].named else []
    told = ["cluster.address=http://h:1", "--cfg", "job"]
    assert main(["submit", name, *named, *told]) == 0
    out = capsys.readouterr().out
    assert "tracking:" in out
    assert ("address: http://h:1" in out) == (name != "replay")


def test_a_job_of_a_verb_that_is_not_known() -> None:
    job = Job(
        job_id="x",
        status="SUCCEEDED",
        message="",
        node_id="",
        exit_code=0,
        started_s=None,
        metadata={"verb": "dance"},
    )
    with pytest.raises(InputError, match="job x: is a 'dance', which this qcbench does not know"):
        cluster_jobs._verb(job)


def test_logs_are_printed(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Client:
        def log(self, job_id: str) -> str:
            return f"what {job_id} has said\n"

    monkeypatch.setattr(cluster_jobs, "_client", lambda _: Client())
    assert main(["submit", "logs", "x", "cluster.address=http://h:1"]) == 0
    assert capsys.readouterr().out == "what x has said\n"
    assert main(["submit", "logs", "x", "cluster.address=http://h:1", "suite=toy"]) == 2
    assert "suite=toy: only cluster=" in capsys.readouterr().err
