"""Packages of plug-ins that a job names go along, and are the same there."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qcbench.bench.jobs.package import stage
from qcbench.bench.jobs.plugged import PluggedPackage, packages_named, sent_needs, split
from qcbench.cli.job_verbs import VERBS
from qcbench.cli.sent.verb import Told
from qcbench.errors import InputError
from qcbench.plugins import find

METRIC = 'from acme.parts import ONE\n\n\ndef one(records, warm_up_s):\n    """Is one."""\n'
METRIC += "    return ONE\n"
FILES = {
    "acme/__init__.py": "",
    "acme/metrics.py": METRIC,
    "acme/parts.py": "ONE = 1.0\n",
    "acme/runs/__init__.py": "# a folder of this name is sent as well\n",
    "acme/table.csv": "a,b\n",
    "acme/__pycache__/parts.cpython-311.pyc": "stale",
}
POINTS = {"metrics": {"one": "acme.metrics:one"}}
TOLD = ["suite=quickstart", "suite.metrics=[one]"]


def named(*overrides: str, verb: str = "run") -> list[PluggedPackage]:
    going = VERBS[verb].going(Told("", overrides, []))
    return packages_named(going.config, overrides)


def test_what_is_sent_is_the_same_package_there(
    install: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    install("acme-extra", POINTS, FILES, version="1.2")
    packages = named(*TOLD)
    assert [each.name for each in packages] == ["acme-extra"]
    sent, installed, notes = split(packages, pip=False)
    assert (sent, installed) == (packages, [])
    assert notes == ["plug-in acme-extra 1.2: goes along"]
    folder = tmp_path / "sent"
    folder.mkdir()
    stage(folder, plugged=sent)
    assert (folder / "acme" / "table.csv").is_file()
    assert not list(folder.glob("acme/**/*.pyc"))
    script = (
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        "from qcbench.plugins import find\n"
        "found = find('metrics', 'one', '')\n"
        "print(found.identity); print(found.function().__module__, found.load()(None, 0.0))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [find("metrics", "one", "").identity, "acme.metrics 1.0"]


def test_what_is_not_named_stays_here(install: Callable[..., Path]) -> None:
    install("acme-extra", POINTS, FILES)
    assert named("suite=quickstart") == []
    assert [each.name for each in named("validation.metric=one", verb="train")] == ["acme-extra"]
    told = ["replicates=20", "guards={one: 5%}", "tracking=none"]
    going = VERBS["promote"].going(Told("random", told, []))
    assert [each.name for each in packages_named(going.config, told)] == ["acme-extra"]


def test_configs_of_packages_are_followed(install: Callable[..., Path]) -> None:
    fleet = "name: lab\ndescription: x\nqpus:\n  - {name: a, qubits: 27}\n"
    for name, files in {
        "one": {"conf/suite/mine.yaml": "scenarios: [{base: theirs/busy}]\n"},
        "two": {"conf/scenario/theirs/busy.yaml": "defaults:\n  - /fleet: lab\n"},
        "three": {"conf/fleet/lab.yaml": fleet},
        "four": {"conf/fleet/another.yaml": fleet},
    }.items():
        own = {f"{name}/{path}": text for path, text in files.items()}
        own |= {f"{name}/__init__.py": "", f"{name}/conf/__init__.py": ""}
        install(name, {"configs": {name: f"{name}.conf"}}, own)
    found = packages_named({}, ["suite=mine"])
    assert [each.name for each in found] == ["one", "three", "two"]
    assert "three/conf/fleet/lab.yaml" in found[1].files


def test_what_it_needs_is_installed_with_pip(install: Callable[..., Path], tmp_path: Path) -> None:
    site = install("acme", POINTS, FILES)
    metadata = next(site.glob("*.dist-info")) / "METADATA"
    needs = ["qcbench", "polars>=1", 'pandas>=2; extra == "more"', "qcbench-missing>=3"]
    lines = [f"Requires-Dist: {need}" for need in needs]
    metadata.write_text("\n".join([metadata.read_text().rstrip("\n"), *lines, ""]))
    packages = named(*TOLD)
    assert packages[0].requires == ("polars>=1", "qcbench-missing>=3")
    assert split(packages, pip=False)[1] == []
    assert split(packages, pip=True)[1] == ["polars>=1", "qcbench-missing>=3"]
    folder = tmp_path / "sent"
    folder.mkdir()
    packages[0].write(folder)
    assert sent_needs(folder) == ("polars>=1", "qcbench-missing>=3")


@pytest.mark.parametrize("local", [True, False])
def test_what_is_compiled_is_not_sent(install: Callable[..., Path], local: bool) -> None:
    site = install("acme", POINTS, {**FILES, "acme/fast.so": "ELF"}, version="1.2+local")
    if local:
        told = {"url": site.as_uri(), "dir_info": {"editable": True}}
        (next(site.glob("*.dist-info")) / "direct_url.json").write_text(json.dumps(told))
    packages = named(*TOLD)
    sent, _, (note,) = split(packages, pip=False)
    assert sent == []
    assert "acme/fast.so is compiled for this machine and is not sent" in note
    if local:
        with pytest.raises(InputError, match="which --pip cannot install; put it into the nodes'"):
            split(packages, pip=True)
    else:
        assert split(packages, pip=True) == ([], ["acme==1.2"], [])


def test_a_package_does_not_take_the_place_of_another_file(
    install: Callable[..., Path], tmp_path: Path
) -> None:
    install("acme", POINTS, FILES)
    folder = tmp_path / "sent"
    (folder / "acme").mkdir(parents=True)
    (folder / "acme" / "parts.py").touch()
    with pytest.raises(InputError, match=r"plug-in acme 1.0: the job has a file acme/parts.py"):
        named(*TOLD)[0].write(folder)
