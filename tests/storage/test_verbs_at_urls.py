"""Verbs with runs_dir at a URL, from the command line: what they show, and what they refuse."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hurting_proxy import Fate, HurtingProxy
from s3_server import KEYS, keys_of, object_of

from qcbench.bench import verifying
from qcbench.cli.main import main

SMALL = [
    "suite=quickstart",
    "suite.replicates=1",
    'suite.scenario_overrides=["workload.tasks=30"]',
    "suite.policies=[earliest_completion,random]",
    "suite.baseline=random",
    "cluster=inline",
    "tracking=none",
]

Machine = Callable[..., Path]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.mark.e2e
def test_a_suite_is_run_and_shown_from_another_machine(
    machine: Machine,
    s3: str,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # One engine is enough here: the other one would be compiled.
    monkeypatch.setattr(verifying, "_other", lambda _trial: ())
    machine("here")
    url = f"s3://{bucket}/runs"
    assert main(["run", *SMALL]) == 0
    (folder,) = Path("runs").glob("*")
    capsys.readouterr()
    assert main(["run", *SMALL, f"runs_dir={url}"]) == 0
    out, err = capsys.readouterr()
    keys = keys_of(s3, bucket)
    (run,) = {key.split("/")[1] for key in keys}
    inside = {key.removeprefix(f"runs/{run}/") for key in keys if "/shards/" not in key}
    local = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert inside == {n for n in local if "shards" not in n} - {"run.lock"}
    table = object_of(s3, bucket, f"runs/{run}/trials.parquet")
    assert table == (folder / "trials.parquet").read_bytes()
    assert f"{url}/{run}/trials.parquet" in out
    assert f"{url}/{run}: " in err
    assert [path.name for path in Path().iterdir()] == ["runs"]
    assert len(list(Path("runs").iterdir())) == 1

    machine("there")
    for verb in (
        *("runs", "show {run}", "leaderboard", "leaderboard {run}", "verify {run} sample=all"),
        "resume {run} cluster=inline tracking=none",
    ):
        assert main([*verb.format(run=run).split(), f"runs_dir={url}"]) == 0
        assert "earliest_completion" in capsys.readouterr().out
    assert keys_of(s3, bucket) == keys
    assert object_of(s3, bucket, f"runs/{run}/trials.parquet") == table


def said(capsys: pytest.CaptureFixture[str], words: list[str], code: int) -> str:
    """Run a verb that fails; return its one line."""
    assert main(words) == code, capsys.readouterr().err
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith("qcbench: ")
    assert not any(secret in err for secret in list(KEYS.values())[:2])
    return err


VERBS = [
    ["leaderboard"],
    ["report", "some"],
    ["show", "some"],
    ["verify", "some"],
    ["resume"],
    ["track", "some"],
    ["export", "some"],
    ["promote", "some"],
    ["train", "some"],
    ["sweep", "some"],
]


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_dead_server_and_a_missing_bucket(
    words: list[str], machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine("here", wait_s=0.1)
    line = said(capsys, [*words, "runs_dir=s3://no-such-bucket/x"], 2)
    assert "s3://no-such-bucket/x: there is no bucket no-such-bucket" in line
    machine("here", "http://127.0.0.1:9", wait_s=0.1)
    line = said(capsys, [*words, "runs_dir=s3://bucket/x"], 1)
    assert "the store cannot be reached (connection refused)" in line


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_run_that_is_not_there(
    words: list[str], machine: Machine, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    machine("here")
    url = f"s3://{bucket}/runs"
    line = said(capsys, [*words, f"runs_dir={url}"], 2)
    assert "some" in line or f"{url}: has no runs" in line


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        ((403, "AccessDenied"), "cannot be written with these credentials"),
        ((403, "InvalidAccessKeyId"), "the store refuses the credentials"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "train", "sweep"])
def test_what_cannot_be_written_is_refused_before_any_work(
    verb: str,
    fate: Fate,
    words: str,
    machine: Machine,
    proxy: HurtingProxy,
    bucket: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine("here", proxy.address)
    proxy.decide = lambda method, path: fate if method == "PUT" else "pass"
    told = SMALL if verb == "run" else ["tracking=none"]
    assert main([verb, *told, f"runs_dir=s3://{bucket}/x"]) == 2
    err = capsys.readouterr().err.splitlines()[-1]
    assert words in err
    assert f"s3://{bucket}/x: " in err


@pytest.mark.e2e
def test_commands_in_messages_name_the_url(
    machine: Machine, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run without a result says how to go on; what it says is pasted, and works."""
    from qcbench.api import compose_run, start_run  # noqa: PLC0415

    machine("here")
    url = f"s3://{bucket}/runs"
    start_run(compose_run([*SMALL, f"runs_dir={url}"])).close()
    line = said(capsys, ["leaderboard", f"runs_dir={url}"], 2)
    command = line.partition("`")[2].partition("`")[0]
    machine("there")
    assert main([*shlex.split(command)[1:], "cluster=inline", "tracking=none"]) == 0
    assert "earliest_completion" in capsys.readouterr().out
