"""One mechanism finds what packages bring along, says who does, and what is wrong with it."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from qcbench.api import compose_run, compose_simulate, trial_of
from qcbench.bench import manifest as manifests
from qcbench.bench import nodes
from qcbench.bench.compose import compose_alone
from qcbench.bench.conf_files import options_of, providers_of
from qcbench.bench.plugged import plugin_problems
from qcbench.bench.run import run_trial
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.cli.main import main
from qcbench.errors import InputError, one_line
from qcbench.plugins import (
    _source_hash,
    check_meant,
    distributions,
    find,
    group_of,
    identity_of,
    plugins,
)
from qcbench.policies import registry

FIRST = '''"""The first QPU."""


def policy(context):
    """Always the first QPU."""
    return lambda view: int(view.feasible.argmax())
'''
ONE = 'def one(records, warm_up_s):\n    """Is one."""\n    return 1.0\n'
POINTS = {"policies": {"placement.first": "acme:policy"}}
FLEET = """name: lab
description: Of a package
qpus:
  - {name: a, qubits: 27, family: ibmq27, d1cps: 1000}
"""
SMALL = ["scenario=placement/qce5", "workload.tasks=5"]


def test_a_policy_is_found_and_its_trial_names_the_package(install: Callable[..., Path]) -> None:
    install("acme", POINTS, {"acme.py": FIRST}, version="1.2")
    (plugin,) = plugins("policies").values()
    assert (plugin.name, plugin.provider) == ("placement.first", "acme 1.2")
    assert registry.find("placement", "first").summary == "Always the first QPU"
    trial = trial_of(compose_simulate([*SMALL, "policy=first"]))
    assert list(trial.plugins) == ["policies/placement.first"]
    assert trial.plugins["policies/placement.first"].startswith("acme 1.2, sha256 ")
    assert run_trial(trial).row["status"] == "done"
    assert distributions([trial.plugins, {}]) == ("acme==1.2",)


def test_a_trial_without_plugins_has_the_id_that_it_had() -> None:
    trial = trial_of(compose_simulate(SMALL))
    assert trial.plugins == {}
    assert replace(trial, plugins={"metrics/x": "acme 1.0, sha256 0"}).trial_id != trial.trial_id
    # Installing something that a trial does not use is no part of it.
    assert replace(trial).trial_id == trial.trial_id


def test_installing_what_is_not_used_changes_no_id(install: Callable[..., Path]) -> None:
    before = trial_of(compose_simulate(SMALL)).trial_id
    install("acme", {**POINTS, "metrics": {"one": "acme:one"}}, {"acme.py": FIRST + ONE})
    assert trial_of(compose_simulate(SMALL)).trial_id == before


@pytest.mark.parametrize(
    ("version", "text"), [("1.1", FIRST), ("1.0", FIRST + "# otherwise\n")], ids=["version", "code"]
)
def test_another_version_or_other_code_is_another_trial(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, version: str, text: str
) -> None:
    folder = install("acme", POINTS, {"acme.py": FIRST})
    first = trial_of(compose_simulate([*SMALL, "policy=first"]))
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(sys, "path", [path for path in sys.path if path != str(folder)])
        elsewhere.delitem(sys.modules, "acme")
        with pytest.raises(InputError, match=r"policies/placement\.first: is not installed here"):
            run_trial(first)
        install("acme", POINTS, {"acme.py": text}, version=version, place="again")
        other = trial_of(compose_simulate([*SMALL, "policy=first"]))
        assert other.trial_id != first.trial_id
        with pytest.raises(InputError, match=r"is not the one that was meant; here is acme 1\."):
            run_trial(first)


def test_a_helper_module_is_part_of_the_code(install: Callable[..., Path]) -> None:
    files = {"acme/__init__.py": "", "acme/policies.py": FIRST, "acme/helper.py": "A = 1\n"}
    install("acme", {"policies": {"placement.first": "acme.policies:policy"}}, files)
    first = plugins("policies")["placement.first"].identity
    files["acme/helper.py"] = "A = 2\n"
    install("acme", {"policies": {"placement.first": "acme.policies:policy"}}, files, place="again")
    assert plugins("policies")["placement.first"].identity != first


def test_a_manifest_keeps_it(install: Callable[..., Path], tmp_path: Path) -> None:
    install("acme", POINTS, {"acme.py": FIRST})
    told = [trial_of(compose_simulate([*SMALL, f"policy={p}"])) for p in ("first", "greedy")]
    path = tmp_path / "manifest.json"
    path.write_bytes(
        manifests.dump(
            manifests.Manifest(
                run_id="r",
                suite={},
                trials=tuple(told),
                track="placement",
                keep_records=False,
                provenance={},
            )
        )
    )
    found = manifests.load(path)
    assert found.trials == tuple(told)
    assert found.mismatch == ""
    assert path.read_text().count('"plugins"') == 1
    path.write_text(path.read_text().replace("acme 1.0", "acme 6.6"))
    assert "was edited" in manifests.load(path).mismatch


def test_what_cannot_be_imported_is_one_line_and_the_rest_goes_on(
    install: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    install("acme", POINTS, {"acme.py": FIRST})
    broken = {
        "policies": {"placement.lost": "nowhere:policy", "placement.leaves": "leaves:policy"},
        "metrics": {"none": "acme:FIRST"},
        "configs": {"gone": "nowhere.conf"},
    }
    install("broken", broken, {"leaves.py": "raise SystemExit(3)\n"})
    problems = plugin_problems()
    assert len(problems) == 4
    assert all(one_line(problem) == problem and "broken 1.0" in problem for problem in problems)
    assert trial_of(compose_simulate([*SMALL, "policy=first"])).plugins
    assert main(["plugins"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Always the first QPU" in shown
    assert shown.count("cannot be used: ") == 4
    assert main(["policies", "placement"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "acme 1.0" in shown
    assert "cannot be used: policy placement.lost" in shown
    assert main(["simulate", *SMALL, "policy=lost"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "policy placement.lost: its entry point nowhere:policy of broken 1.0" in error


def test_two_packages_with_one_name_are_told_when_it_is_used(install: Callable[..., Path]) -> None:
    install("acme", {"metrics": {"one": "acme:one", "two": "acme:one"}}, {"acme.py": ONE})
    install("umbrella", {"metrics": {"one": "umbrella:one"}}, {"umbrella.py": ONE})
    assert find("metrics", "two", "suite.metrics").function()
    with pytest.raises(
        InputError, match=r"metric one: several packages have one \(acme 1.0, umbrella 1.0\)"
    ):
        find("metrics", "one", "suite.metrics").load()
    assert [p for p in plugin_problems() if "several packages" in p]


def test_a_policy_of_ours_goes_first_and_that_is_told(install: Callable[..., Path]) -> None:
    usual = registry.find("placement", "greedy").summary
    install("acme", {"policies": {"placement.greedy": "acme:policy"}}, {"acme.py": FIRST})
    assert registry.find("placement", "greedy").summary == usual
    trial = trial_of(compose_simulate([*SMALL, "policy=greedy"]))
    assert trial.plugins == {}
    (problem,) = plugin_problems()
    assert "policy placement.greedy: qcbench has one of this name, which is used" in problem


def test_a_policy_of_no_track_is_told(install: Callable[..., Path]) -> None:
    install("acme", {"policies": {"first": "acme:policy"}}, {"acme.py": FIRST})
    (problem,) = plugin_problems()
    assert problem.startswith("policy first: is named TRACK.NAME")


def test_an_unknown_plugin_has_the_nearest_ones(install: Callable[..., Path]) -> None:
    install("acme", {"metrics": {"lateness": "acme:one"}}, {"acme.py": ONE})
    with pytest.raises(InputError, match="no installed package has such a metric; did you mean"):
        find("metrics", "latenes", "suite.metrics")
    assert group_of("metrics") == "qcbench.metrics"


def test_configs_of_a_package_are_found_beside_ours(
    install: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    files = {"acme/__init__.py": "", "acme/conf/fleet/lab.yaml": FLEET}
    install("acme", {"configs": {"acme": "acme:conf"}}, files)
    assert "lab" in options_of("fleet")
    assert providers_of("fleet")["lab"] == "acme 1.0"
    assert providers_of("fleet")["qce5"] == "qcbench"
    assert compose_alone("fleet", "lab")["qpus"][0]["name"] == "a"
    assert compose_simulate(["fleet=lab"]).scenario.fleet.name == "lab"
    told = ["fleet=lab", "physics.fidelity.model=none"]
    assert trial_of(compose_simulate(told)).plugins == {}  # its content is in the trial
    assert main(["fleets"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert next(row for row in rows if row and row[0] == "lab")[-2:] == ["acme", "1.0"]
    own = tmp_path / "mine" / "fleet"
    own.mkdir(parents=True)
    (own / "lab.yaml").write_text(FLEET.replace("name: a,", "name: mine,"))
    assert compose_alone("fleet", "lab", [own.parent])["qpus"][0]["name"] == "mine"
    assert providers_of("fleet", [own.parent])["lab"] == str(own.parent)


def test_configs_of_one_name_are_told(install: Callable[..., Path]) -> None:
    for name in ("acme", "umbrella"):
        files = {f"{name}/__init__.py": "", f"{name}/conf/fleet/lab.yaml": FLEET}
        files[f"{name}/conf/fleet/{name}5.yaml"] = FLEET
        install(name, {"configs": {name: f"{name}:conf"}}, files)
    for told in (["fleet=lab"], ["scenario=placement/qce5", "fleet=lab"]):
        with pytest.raises(InputError, match=r"fleet=lab: several packages have one \(acme 1.0, u"):
            compose_simulate(told)
    with pytest.raises(InputError, match="fleet=lab: several"):
        compose_alone("fleet", "lab")
    assert compose_simulate(["fleet=acme5"]).scenario.fleet.name == "lab"
    (problem,) = plugin_problems()
    assert "configs fleet/lab.yaml: acme 1.0 has one of this name too" in problem


def test_a_config_of_ours_goes_first_and_that_is_told(install: Callable[..., Path]) -> None:
    files = {"acme/__init__.py": "", "acme/conf/fleet/qce5.yaml": FLEET}
    install("acme", {"configs": {"acme": "acme:conf"}}, files)
    assert len(compose_simulate(["fleet=qce5"]).scenario.fleet.qpus) == 5
    (problem,) = plugin_problems()
    assert "configs fleet/qce5.yaml: qcbench has one of this name too; is used" in problem


def test_a_node_without_the_package_says_so_and_names_no_way_that_does_not_help() -> None:
    with pytest.raises(InputError) as error:
        nodes.check([*nodes.requirements(), "acme-of-nobody==1.2"])
    assert "acme-of-nobody is not installed; `pip install acme-of-nobody==1.2`" in str(error.value)
    assert "--pip" not in str(error.value)
    with pytest.raises(InputError, match=r"--pip"):
        nodes.check(["numba>=99"])


def test_keys_of_no_kind_are_refused() -> None:
    with pytest.raises(InputError, match="metrics/late: is not installed here; the trial was made"):
        check_meant({"metrics/late": "acme 1.0, sha256 0"})
    with pytest.raises(InputError, match="is not installed here"):
        check_meant({"nothing/late": "acme 1.0, sha256 0"})


def test_no_plugins_say_how_there_could_be_some(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins"]) == 0
    assert "docs/plugins.md" in capsys.readouterr().out
    assert main(["plugins", "metric"]) == 2
    assert "no such kind of plug-in; did you mean metrics" in capsys.readouterr().err


def test_a_fleet_of_a_package_is_listed_anew_when_it_changes(
    install: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"acme/__init__.py": "", "acme/conf/fleet/lab.yaml": FLEET}
    folder = install("acme", {"configs": {"acme": "acme:conf"}}, files)
    for qubits in ("27..27", "31..31"):
        text = FLEET.replace("qubits: 27", f"qubits: {qubits[:2]}")
        (folder / "acme/conf/fleet/lab.yaml").write_text(text)
        assert main(["fleets"]) == 0
        row = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("lab"))
        assert row.split()[1:3] == ["1", qubits]


def test_a_suite_of_a_package_is_composed(install: Callable[..., Path]) -> None:
    suite = """name: theirs
track: placement
scenarios: [placement/qce5]
policies: [first, greedy]
replicates: 2
primary_metric: mean_wait_s
baseline: greedy
"""
    files = {"acme/__init__.py": "", "acme/code.py": FIRST, "acme/conf/suite/theirs.yaml": suite}
    points = {
        "configs": {"acme": "acme:conf"},
        "policies": {"placement.first": "acme.code:policy"},
    }
    install("acme", points, files)
    told = compose_run(["suite=theirs"]).suite
    assert [policy.name for policy in told.policies] == ["first", "greedy"]
    trials = expand(told, suite_scenarios(told))
    assert [len(trial.plugins) for trial in trials] == [1, 1, 0, 0]


def test_data_of_a_package_are_part_of_its_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "acme_data"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))

    def identity() -> str:
        _source_hash.cache_clear()
        return identity_of("acme_data")

    first = identity()
    (package / "prices.csv").write_text("1\n")
    second = identity()
    (package / "prices.csv").write_text("2\n")
    third = identity()
    assert len({first, second, third}) == 3
    (package / "last.log").write_text("written while it runs")
    assert identity() == third
