"""What is sent: qcbench complete and nothing that is nobody's business."""

import subprocess
import sys
from pathlib import Path

import pytest

from qcbench.bench.jobs import package
from qcbench.bench.jobs.package import ENTRY, stage
from qcbench.errors import InputError
from qcbench.workload.formats.task_files import content_hash


def test_the_package_runs_alone(tmp_path: Path) -> None:
    folder = tmp_path / "sent"
    staged = stage(folder)
    names = {path.name for path in folder.rglob("*")}
    assert not names & {"__pycache__", ".git", ".venv", "tests", "runs"}
    assert staged.size < 5 * 2**20
    script = (
        "from importlib.metadata import version; import qcbench;"
        "from qcbench.api import compose_run; from qcbench.bench.conf_files import conf_dir;"
        "told = compose_run(['suite=quickstart']);"
        "print(qcbench.__file__, conf_dir(), len(told.suite.policies), version('qcbench'))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {script}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    where, conf, policies, version = done.stdout.split()
    assert Path(where).is_relative_to(folder)
    assert Path(conf) == folder / "qcbench" / "conf"
    assert int(policies) > 3
    assert version == __import__("qcbench").__version__
    assert (folder / ENTRY).is_file()


def test_configs_and_files_go_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine/suite/a.yaml", "mine/.git/config", "data/tasks.csv", "data/.secret", "one"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    staged = stage(tmp_path / "sent", [Path("mine")], [Path("data"), tmp_path / "one"])
    assert staged.config_dirs == ("conf-0",)
    sent = {str(path.relative_to(staged.folder)) for path in staged.folder.rglob("*")}
    assert {"conf-0/suite/a.yaml", "data/tasks.csv", "one"} <= sent
    assert not {"conf-0/.git/config", "data/.secret"} & sent


def test_what_programs_include_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for name, text in {
        "circuits/a.qasm": 'OPENQASM 2.0; include "../lib/one.inc"; qreg q[1];',
        "circuits/runs/b.QASM": "OPENQASM 2.0; qreg q[1];",
        "lib/one.inc": 'include "two.inc";',
        "lib/two.inc": "gate g a { U(0,0,0) a; }",
        "lib/other.inc": "// nobody includes it",
    }.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text)
    for number, sent in enumerate((Path("circuits"), Path("circuits/a.qasm"))):
        folder = tmp_path / f"sent{number}"
        stage(folder, [], [sent])
        assert {path.name for path in (folder / "lib").iterdir()} == {"one.inc", "two.inc"}
        assert content_hash(folder / sent) == content_hash(sent)
    (here / "circuits" / "c.qasm").write_text('OPENQASM 2.0; include "../../out.inc";')
    (tmp_path / "out.inc").touch()
    with pytest.raises(InputError, match=r"--send circuits: c.qasm includes .*out.inc, which"):
        stage(tmp_path / "sent9", [], [Path("circuits")])
    (tmp_path / "out.inc").unlink()
    with pytest.raises(InputError, match=r"c.qasm: line 1: includes '../../out.inc', which is not"):
        stage(tmp_path / "sent10", [], [Path("circuits")])


def test_what_cannot_be_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    (here / "qcbench").mkdir(parents=True)
    monkeypatch.chdir(here)
    (tmp_path / "outside").touch()
    (here / "large").write_bytes(bytes(1000))
    cases = {
        Path("missing"): "--send missing: no such file",
        Path("../outside"): "is not below the current folder",
        Path(): "is not below the current folder",
        Path("qcbench"): "the job has a file of its own there",
    }
    for number, (path, message) in enumerate(cases.items()):
        with pytest.raises(InputError, match=message):
            stage(tmp_path / f"sent-{number}", files=[path])
    with pytest.raises(InputError, match="--config-dir nowhere: no such folder"):
        stage(tmp_path / "sent", [Path("nowhere")])
    monkeypatch.setattr(package, "LIMIT_BYTES", 999)
    with pytest.raises(InputError, match="would be sent"):
        stage(tmp_path / "sent-large", files=[Path("large")])
