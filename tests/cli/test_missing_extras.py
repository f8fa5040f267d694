"""A wheel without its extras: every verb and function names the extra that it lacks."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from qcbench import __all__ as names
from qcbench import extras
from qcbench.cli.main import VERBS

BLOCKED = """
import sys, importlib.abc

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

BLOCKED = set(sys.argv.pop(1).split(","))
sys.meta_path.insert(0, Absent())
"""
VERBS_SCRIPT = (
    BLOCKED
    + """
import contextlib, io, json
from qcbench.cli.main import main

found = []
for line in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(line)
    found.append((code, err.getvalue()))
print(json.dumps(found))
"""
)
CALLS_SCRIPT = (
    BLOCKED
    + """
import json
import qcbench
from qcbench.errors import InputError

found = []
for call in json.loads(sys.argv[1]):
    try:
        eval(call)
        found.append("")
    except InputError as error:
        found.append(str(error))
print(json.dumps(found))
"""
)

USES = {
    "compare": "compare a b",
    "report": "report x",
    "show": "show x",
    "new": "new suite mine",
    "workload": "workload build",
    "fleet": "fleet build",
    "partition": "partition draw",
    "export": "export x format=onnx",
    "submit": "submit list",
    "completion": "completion suggest 'qcbench run cluster.'",
    "policies": "policies",
}
"""A use of a verb that needs an extra, where the verb alone does not."""

NEEDLESS = {"runs": 0, "doctor": 0, "show": 2, "browse": 2}
"""Verbs that need no extra here, with their exit codes: there is nothing to show."""


def without(extra: str) -> str:
    """Return the modules that only this extra brings; all of all of them for `all`."""
    brought = extras.extras_by_name()
    if extra == "all":
        return ",".join(sorted({m for name in extras.ORDER for m in brought[name]}))
    others = {m for name in extras.ORDER if name != extra for m in brought[name]}
    return ",".join(sorted(brought[extra] - others))


def run(script: str, absent: str, told: object, root: Path, folder: Path) -> list[Any]:
    """Run a script once for many verbs or calls: starting Python takes longer than most."""
    done = subprocess.run(
        [sys.executable, "-c", script, absent, json.dumps(told)],
        capture_output=True,
        text=True,
        cwd=folder,
        # Lists that are kept are shown without any extra.
        env={**os.environ, "PYTHONPATH": str(root), "XDG_CACHE_HOME": f"{folder}-cache"},
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_no_extra_at_all(root: Path, tmp_path: Path) -> None:
    uses = [USES.get(verb, verb).split(maxsplit=2) for verb in VERBS]
    for use, (code, said) in zip(
        uses, run(VERBS_SCRIPT, without("all"), uses, root, tmp_path), strict=True
    ):
        if use[0] in NEEDLESS:
            assert code == NEEDLESS[use[0]], (use, said)
            assert "pip install" not in said
            continue
        assert code == 2, (use, said)
        assert said.count("\n") == 1, (use, said)
        assert re.search(r"pip install 'qcbench\[[a-z,]+\]'", said), (use, said)
    helps = [[verb, "--help"] for verb in VERBS]
    for use, (code, said) in zip(
        helps, run(VERBS_SCRIPT, without("all"), helps, root, tmp_path), strict=True
    ):
        assert (code, said) == (0, "") or (code == 2 and "pip install 'qcbench[" in said), use
    assert list(tmp_path.iterdir()) == []


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        (
            "all",
            {
                "train": "bench,agents",
                "sweep": "bench,agents",
                "emulator": "bench,hardware",
                "replay": "bench,hardware",
                "run": "bench",
                "gap": "bench",
                "fleet build": "hardware",
            },
        ),
        ("agents", {"train": "agents", "sweep": "agents"}),
        ("hardware", {"replay dry_run=true": "hardware", "emulator": "hardware"}),
        ("bench", {"run": "bench", "replay": "bench", "train": "bench"}),
        ("onnx", {"export x format=onnx": "onnx"}),
        ("storage", {f"{v} x runs_dir=s3://b/x": "storage" for v in ("resume", "report", "train")}),
    ],
)
def test_the_extras_that_a_verb_needs(
    extra: str, wanted: dict[str, str], root: Path, tmp_path: Path
) -> None:
    uses = [verb.split() for verb in wanted]
    found = run(VERBS_SCRIPT, without(extra), uses, root, tmp_path)
    for (code, said), lacking in zip(found, wanted.values(), strict=True):
        assert code == 2
        assert f"pip install 'qcbench[{lacking}]'" in said


def test_what_an_absent_extra_does_not_concern(root: Path, tmp_path: Path) -> None:
    absent = ",".join(without(name) for name in ("agents", "hardware", "onnx"))
    uses = [
        ["simulate", "workload.tasks=3", "output=records.csv"],
        ["policies"],
        ["suites"],
        ["fleets"],
    ]
    found = run(VERBS_SCRIPT, absent, uses, root, tmp_path)
    assert [code for code, _ in found] == [0] * len(uses)


def test_functions_of_the_api(root: Path, tmp_path: Path) -> None:
    calls = [f"qcbench.{name}" for name in sorted(set(names) - {"__version__"})]
    found = run(CALLS_SCRIPT, without("all"), calls, root, tmp_path)
    line = "pydantic is not installed; `pip install 'qcbench[bench]'`"
    assert found == [line] * len(calls)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("extra", "calls"),
    [
        ("agents", ["qcbench.train()", "qcbench.environment()", "qcbench.vector_environment()"]),
        ("hardware", ["qcbench.replay(['tasks=2'])"]),
    ],
)
def test_functions_that_need_more(extra: str, calls: list[str], root: Path, tmp_path: Path) -> None:
    for said in run(CALLS_SCRIPT, without(extra), calls, root, tmp_path):
        assert f"pip install 'qcbench[{extra}]'" in said


def test_the_table_is_what_the_package_declares(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    for extra, listed in project["optional-dependencies"].items():
        if extra in extras.ORDER:
            assert len(extras.extras_by_name()[extra]) >= len(
                {re.split(r"[^\w]", each)[0] for each in listed} - {"qiskit", "mqt"}
            )
    core = {"annotated_types", "numpy", "polars", "safetensors", "simpy"}
    assert core == set(extras.extras_by_name()[extras.CORE])


ENTRY = """
import jobs.run_verb
sys.exit(jobs.run_verb.main(["run", "--deliver", "job"]))
"""


def test_the_entry_point_of_a_cluster_names_what_cannot_be_imported(
    root: Path, tmp_path: Path
) -> None:
    """As where the package is noted as installed; tests/bench/test_nodes.py has the other case."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + ENTRY, "hydra,pydantic"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stdout.splitlines()
    assert line.startswith("run_verb: ")
    assert "pydantic" in line


def test_a_library_that_is_broken() -> None:
    def draw() -> None:
        raise ImportError("libGL.so.1: cannot open", name="matplotlib")

    space = {"draw": draw}
    code = compile("draw()", str(extras.PACKAGE / "report" / "made_up.py"), "exec")
    with pytest.raises(extras.MissingExtraError, match=r"libGL.*qcbench\[bench\]"), extras.door():
        exec(code, space)


def test_a_module_of_somebody_else_is_not_ours() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), extras.door():
        import no_such_module  # noqa: F401, PLC0415
