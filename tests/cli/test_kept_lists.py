"""What the verbs that list show is kept by content, and is never what has been."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from qcbench.caches import user_cache
from qcbench.cli import kept as kept_module
from qcbench.cli.kept import Found, kept
from qcbench.cli.main import main
from qcbench.errors import InputError

FLEET = "name: mine\nvariant: {variant}\nqpus:\n  - {{device: kolkata}}\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return user_cache() / "lists.json"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    folder = tmp_path / "conf"
    for group in ("fleet", "suite", "scenario", "mine"):
        (folder / group).mkdir(parents=True)
    return folder


class Counted:
    """A list whose entries say how often they have been computed."""

    def __init__(self, conf: Path, depends_on: str = "named") -> None:
        self.conf, self.depends_on = conf, depends_on
        self.times = 0

    def rows(self, name: str = "mine", verb: str = "fleets", group: str = "fleet") -> list[str]:
        return kept(verb, [name], self.compute, group=group, config_dirs=[self.conf])[name][0]

    def compute(self, name: str) -> Found:
        self.times += 1
        return Found([[name, str(self.times)]], self.depends_on)  # type: ignore[arg-type]


def test_an_entry_is_computed_once(conf: Path) -> None:
    (conf / "fleet" / "mine.yaml").write_text("name: mine\n")
    counted = Counted(conf)
    assert [counted.rows() for _ in range(3)] == [["mine", "1"]] * 3


@pytest.mark.parametrize(
    ("first", "path", "before", "after", "again"),
    [
        ("a: 1", "fleet/mine.yaml", "a: 1", "a: 2", True),
        ("a: 1", "fleet/other.yaml", None, "a: 1", False),
        ("a: 1", "scenario/other.yaml", "a: 1", "a: 2", False),
        ("defaults: [other]", "fleet/other.yaml", "a: 1", "a: 2", True),
        ("defaults: [other]", "fleet/other.yaml", None, "a: 2", True),
        ("defaults: [other]", "fleet/another.yaml", "a: 1", "a: 2", False),
        ("defaults: [other.yaml]", "fleet/other.yaml", "a: 1", "a: 2", True),
        ("defaults: [/mine/deep/x@here: other]", "mine/deep/x/other.yaml", "a: 1", "a: 2", True),
        ("defaults: ['with space']", "fleet/with space.yaml", "a: 1", "a: 2", True),
        ("a: ${b}", "scenario/any.yaml", "a: 1", "a: 2", True),
    ],
)
def test_what_is_named_counts(
    first: str, path: str, before: str | None, after: str, again: bool, conf: Path
) -> None:
    (conf / "fleet" / "mine.yaml").write_text(first)
    other = conf / path
    other.parent.mkdir(parents=True, exist_ok=True)
    if before is not None:
        other.write_text(before)
    counted = Counted(conf)
    counted.rows()
    other.write_text(after)
    assert counted.rows() == ["mine", "2" if again else "1"]
    assert counted.rows() == ["mine", "2" if again else "1"]


def test_a_file_named_by_one_that_is_named_counts(conf: Path) -> None:
    (conf / "suite" / "mine.yaml").write_text("scenarios: [{base: some/where}]\n")
    scenario = conf / "scenario" / "some" / "where.yaml"
    scenario.parent.mkdir()
    scenario.write_text("defaults:\n  - /fleet@fleet: far\n")
    (conf / "fleet" / "far.yaml").write_text("a: 1")
    counted = Counted(conf)
    assert counted.rows(group="suite") == ["mine", "1"]
    (conf / "fleet" / "far.yaml").write_text("a: 2")
    assert counted.rows(group="suite") == ["mine", "2"]


def test_an_entry_that_depends_on_all_is_computed_when_any_is_new(conf: Path) -> None:
    counted = Counted(conf, "all")
    assert [counted.rows()[1] for _ in range(2)] == ["1", "1"]
    (conf / "scenario" / "new.yaml").touch()
    assert counted.rows()[1] == "2"


@pytest.mark.parametrize("text", ["a: ${oc.env:HOME}", "a: ${b.${oc.env:HOME}}"])
def test_what_depends_on_the_environment_is_not_kept(text: str, conf: Path) -> None:
    (conf / "fleet" / "mine.yaml").write_text(text)
    counted = Counted(conf)
    assert [counted.rows()[1] for _ in range(2)] == ["1", "2"]


def test_what_depends_on_more_is_not_kept(conf: Path) -> None:
    counted = Counted(conf, "more")
    assert [counted.rows()[1] for _ in range(2)] == ["1", "2"]


def test_what_is_edited_while_it_is_computed_is_not_kept(conf: Path) -> None:
    path = conf / "fleet" / "mine.yaml"
    path.write_text("a: 1")

    def compute(name: str) -> Found:
        path.write_text("a: 2")
        return Found([["of a: 2"]])

    kept("fleets", ["mine"], compute, group="fleet", config_dirs=[conf])
    path.write_text("a: 1")
    assert Counted(conf).rows() == ["mine", "1"]


def test_another_version_is_another_content(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(conf)
    counted.rows()
    monkeypatch.setattr(kept_module, "_package", lambda: "another")
    assert counted.rows()[1] == "2"


def test_a_source_file_that_changes_makes_another_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").mkdir()
    source = tmp_path / "load.py"
    source.write_text("a = 1\n")
    monkeypatch.setattr(kept_module, "PACKAGE", tmp_path)
    hashes = [kept_module._package.__wrapped__()]
    (tmp_path / "conf" / "mine.yaml").touch()
    assert kept_module._package.__wrapped__() == hashes[0]
    os.utime(source, ns=(1, 1))
    assert kept_module._package.__wrapped__() != hashes[0]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def another_row(content: bytes) -> bytes:
    return content.replace(b'"1"', b'"9"')


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        another_row,
        lambda _content: b"",
        lambda _content: b"[]",
        lambda _content: b'{"key": 3}',
        lambda _content: b"\xff\x00",
        lambda _content: b"[" * 100_000,
    ],
)
def test_a_damaged_file_costs_time_alone(
    damage: Callable[[bytes], bytes], conf: Path, cache: Path
) -> None:
    counted = Counted(conf)
    counted.rows()
    cache.write_bytes(damage(cache.read_bytes()))
    assert counted.rows()[1] == "2"
    assert counted.rows()[1] == "2"


def test_a_folder_that_cannot_be_written_costs_time_alone(conf: Path, cache: Path) -> None:
    cache.parent.parent.mkdir(parents=True)
    cache.parent.write_text("a file in the place of the folder")
    counted = Counted(conf)
    assert [counted.rows()[1] for _ in range(2)] == ["1", "2"]


def test_the_file_does_not_grow_without_end(conf: Path, cache: Path) -> None:
    names = [str(number) for number in range(kept_module.MOST_KEPT + 10)]
    kept("any", names, lambda name: Found([[name]]))
    assert len(json.loads(cache.read_bytes())) == kept_module.MOST_KEPT


def test_a_config_folder_that_is_not_there() -> None:
    with pytest.raises(InputError, match="no such folder"):
        kept("fleets", [], lambda name: Found([[name]]), config_dirs=[Path("nowhere")])


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_fleets_show_what_is_there_now(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = conf / "fleet" / "mine.yaml"
    verb = ("fleets", "--config-dir", str(conf))
    assert "mine" not in listed(capsys, *verb)
    for variant in ("first", "second"):
        path.write_text(FLEET.format(variant=variant))
        (line,) = (line for line in listed(capsys, *verb).splitlines() if line.startswith("mine"))
        assert variant in line
    path.write_text("name: mine\nqpus: []\n")
    assert "cannot be used" in listed(capsys, *verb)
    path.unlink()
    assert "mine" not in listed(capsys, *verb)


def test_a_fleet_from_a_file_follows_the_file(
    conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    devices = tmp_path / "devices.json"
    (conf / "fleet" / "mine.yaml").write_text(f"name: mine\nfile: {devices}\nqpus: []\n")
    verb = ("fleets", "mine", "--config-dir", str(conf))
    for device in ("kolkata", "hanoi"):
        devices.write_text(json.dumps([{"device": device}]))
        assert main(verb) in {0, 2}
        shown = capsys.readouterr()
        assert device in shown.out + shown.err, shown


def test_scenarios_and_suites_show_what_is_there_now(
    conf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "qcbench.cli.scenarios.options_of", lambda *_: ["mine/own", "serverless/jobs"]
    )
    monkeypatch.setattr("qcbench.cli.suites.options_of", lambda *_: ["mine"])
    scenario = conf / "scenario" / "mine" / "own.yaml"
    scenario.parent.mkdir()
    suite = conf / "suite" / "mine.yaml"
    for load in ("0.25", "0.5"):
        scenario.write_text(
            "defaults:\n  - /fleet@fleet: qce5\n  - /workload@workload: mqt-poisson\n  - _self_\n"
            "name: mine/own\ntrack: placement\n"
            f"workload:\n  arrivals:\n    load: {load}\n"
        )
        suite.write_text(
            "name: mine\ntrack: placement\nscenarios: [mine/own]\npolicies: [greedy, random]\n"
            "replicates: 7\nprimary_metric: mean_completion_s\nbaseline: greedy\n"
        )
        for _ in range(2):
            shown = listed(capsys, "scenarios", "--config-dir", str(conf))
            assert load in next(x for x in shown.splitlines() if x.startswith("mine/own"))
            assert "circuits.path: is missing" in " ".join(shown.split())
            shown = listed(capsys, "suites", "--config-dir", str(conf))
            assert shown.splitlines()[1].split()[:6] == ["mine", "placement", "14", "1", "2", "7"]
            assert load in listed(capsys, "suites", "mine", "--config-dir", str(conf))
    suite.write_text(suite.read_text().replace("baseline: greedy", "baseline: fifo"))
    assert "needs more: suite.baseline" in listed(capsys, "suites", "--config-dir", str(conf))


def test_policies_of_others_are_asked_every_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from importlib import metadata  # noqa: PLC0415

    point = metadata.EntryPoint("placement.theirs", "their_listed:policy", "qcbench.policies")
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [point])
    monkeypatch.syspath_prepend(str(tmp_path))
    import sys  # noqa: PLC0415

    for words in ("The first one", "Another one"):
        (tmp_path / "their_listed.py").write_text(
            f'def policy(context, depth=2):\n    """{words}."""\n    return lambda view: 0\n'
            + "# longer\n" * len(words)
        )
        monkeypatch.delitem(sys.modules, "their_listed", raising=False)
        shown = listed(capsys, "policies", "placement")
        assert words in shown
        assert "depth=2" in shown
