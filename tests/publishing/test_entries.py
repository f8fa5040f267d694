"""Entries say what leaderboards say, and those that would do harm are refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from made_up import BASELINE, METRIC, made_up_entry, made_up_summary
from synthetic_trials import synthetic_trials

from qcbench.bench.compose import compose_scenario
from qcbench.bench.manifest import Manifest, dump
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain
from qcbench.publishing.checking import (
    MOST_BYTES,
    EntryError,
    check_folder,
    checked,
    read_entry,
)
from qcbench.publishing.entries import content_hash, make_entry, published_id, sealed
from qcbench.publishing.schema import misfits, schemas
from qcbench.publishing.site import entry_text, publish_entries
from qcbench.report.leaderboard import as_text
from qcbench.report.rows import blocks, headline
from qcbench.report.run import RunDescription
from qcbench.stats.summary import Summary, summarise

Spoil = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def summary() -> Summary:
    return made_up_summary(6, replicates=6)


@pytest.fixture
def entry(summary: Summary) -> dict[str, Any]:
    return json.loads(json.dumps(made_up_entry(summary)))


def faults(entry: dict[str, Any], *, seal: bool = True) -> list[str]:
    with pytest.raises(EntryError) as refused:
        checked(sealed(entry) if seal else entry, "the entry", entry["id"])
    return refused.value.faults


def test_an_entry_has_the_leaderboard_of_its_run(
    summary: Summary, entry: dict[str, Any], tmp_path: Path
) -> None:
    assert entry["leaderboard"] == json.loads(as_text(summary, "json"))
    run = checked(entry, "the entry", entry["id"])
    assert as_text(run.summary, "json") == as_text(summary, "json")
    assert headline(run.summary) == headline(summary)
    shown = ("policy", "mean", "ci_low", "relative_percent", "p_value", "rank", "collapsed")
    for mine, theirs in zip(blocks(run.summary), blocks(summary), strict=True):
        assert [[row[key] for key in shown] for row in mine.rows] == [
            [row[key] for key in shown] for row in theirs.rows
        ]
    path = tmp_path / f"{run.id}.json"
    path.write_text(entry_text(run))
    assert read_entry(path).data == entry


def of_first(entry: dict[str, Any], **values: Any) -> None:
    entry["leaderboard"]["scenarios"][0].update(values)


SPOILT: dict[str, tuple[Spoil, str]] = {
    "another version": (lambda e: e.update(format=2), "format: is 2; this qcbench reads 1"),
    "no version": (lambda e: e.pop("format"), "format: is None; this qcbench reads 1"),
    "true for one": (lambda e: e.update(format=True), "format: is True; this qcbench reads 1"),
    "unknown key": (
        lambda e: e["run"].update(comand="rm"),
        "run: there is no key 'comand'; did you mean command",
    ),
    "missing key": (lambda e: e["suite"].pop("seed"), "suite: key seed is missing"),
    "path in the id": (
        lambda e: e.update(id="../../index"),
        "id: is '../../index'; must be a text of the form",
    ),
    "huge number": (
        lambda e: e["leaderboard"]["scenarios"][0].update(mean=1e200),
        "leaderboard.scenarios[0].mean: is 1e+200; must be at most 1e+18",
    ),
    "text for a number": (
        lambda e: e["leaderboard"]["scenarios"][0].update(mean="<b>1</b>"),
        "leaderboard.scenarios[0].mean: is '<b>1</b>'; must be a number or null",
    ),
    "long name": (lambda e: e.update(author="a" * 201), "author: has 201 characters; at most 200"),
    "deep": (
        lambda e: e["policies"][0]["config"].update(deep=json.loads("[" * 40 + "]" * 40)),
        "policies: is nested deeper than 30 levels",
    ),
    "name that turns the line round": (
        lambda e: e.update(author="eve\u202egnp"),
        "author: 'eve\\u202egnp' has unprintable characters",
    ),
    "policy twice": (
        lambda e: e["leaderboard"]["overall"].append(e["leaderboard"]["overall"][0]),
        "leaderboard.overall: ",
    ),
    "policy that is nowhere else": (
        lambda e: e["leaderboard"]["overall"][0].update(policy="else"),
        "leaderboard.scenarios: ",
    ),
    "baseline that is none": (
        lambda e: e["leaderboard"].update(baseline="nobody"),
        "leaderboard.baseline: 'nobody' is none of its policies",
    ),
    "other config": (
        lambda e: next(iter(e["configs"].values())).update(offered_load=0.1),
        "is not the SHA-256 of this config",
    ),
    "more trials than there are": (
        lambda e: e["run"].update(done=10**9),
        "run.expected: is 216, less than",
    ),
    "mean outside of its interval": (
        lambda e: of_first(e, mean=1e9),
        "leaderboard.scenarios[0].mean: is 1e+09, outside of ",
    ),
    "interval the wrong way round": (
        lambda e: of_first(e, relative_low=5.0, relative_high=-5.0),
        "leaderboard.scenarios[0].relative_low: is 5, above relative_high, -5",
    ),
    "more worlds than others": (
        lambda e: of_first(e, n=10**6),
        "'greedy' has 6 worlds, another policy of the scenario 1000000",
    ),
    "more trials in rows than in the run": (
        lambda e: e["run"].update(done=0),
        "run.done: is 0, less than the 108 trials of its rows",
    ),
    "mean of no trial": (
        lambda e: of_first(e, n=0, missing=6, pairs=0),
        "leaderboard.scenarios[0].mean: is ",
    ),
    "claim from too few worlds": (
        lambda e: of_first(e, pairs=4, p_value=0.001),
        "leaderboard.scenarios[0].p_value: is 0.001, of 4 worlds; below 5 it is null",
    ),
    "rank of more policies than there are": (
        lambda e: of_first(e, rank_high=99),
        "leaderboard.scenarios[0].rank_high: is 99 of 6 policies",
    ),
    "rank outside of its range": (
        lambda e: of_first(e, rank=1.0, rank_low=2, rank_high=6),
        "leaderboard.scenarios[0].rank: is 1, outside of 2 to 6",
    ),
    "wins that are none": (
        lambda e: e["leaderboard"]["overall"][-1].update(wins=3),
        "leaderboard.overall[5].wins: is 3; it is first in 0 scenarios",
    ),
    "sums that are none": (
        lambda e: e["leaderboard"]["overall"][0].update(failed=7),
        "leaderboard.overall[0].failed: is 7; its scenarios have 0",
    ),
    "rows in another order": (
        lambda e: e["leaderboard"]["overall"].reverse(),
        "leaderboard.overall: its rows are not in the order of their ranks",
    ),
    "row that lacks": (
        lambda e: e["leaderboard"]["scenarios"].pop(),
        "has 5 rows of 6 policies",
    ),
    "another goal": (
        lambda e: e["leaderboard"].update(goal="max"),
        "leaderboard.scenarios: ranks of 'qce5-paper' are not those of its means by goal max",
    ),
    "another baseline": (
        lambda e: e["leaderboard"].update(baseline="greedy"),
        "leaderboard.baseline: 'greedy' differs from itself in leaderboard.scenarios[",
    ),
    "date that is none": (
        lambda e: e["run"].update(started="2026-99-99T14:05:01+00:00"),
        "run.started: '2026-99-99T14:05:01+00:00' is no date and time",
    ),
    "hash of a report that is no hash": (
        lambda e: e.update(report="../secret"),
        "report: is '../secret'; must be SHA-256 of reports/ID.html",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_wrong_is_told_in_a_line(name: str, entry: dict[str, Any]) -> None:
    spoil, expected = SPOILT[name]
    spoil(entry)
    found = faults(entry)
    assert any(expected in fault for fault in found), found
    assert all(len(fault) < 400 and fault.isprintable() for fault in found)


TABLES: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "failures": lambda t: t.with_columns(
        status=pl.when(pl.col("replicate") % 5 == 1).then(pl.lit("failed")).otherwise("status"),
        **{METRIC: pl.when(pl.col("replicate") % 5 == 1).then(None).otherwise(METRIC)},
    ),
    "a policy that finishes nothing": lambda t: t.with_columns(
        status=pl.when(pl.col("policy") == "greedy").then(pl.lit("failed")).otherwise("status"),
        **{METRIC: pl.when(pl.col("policy") == "greedy").then(None).otherwise(METRIC)},
    ),
    "unfinished": lambda t: t.filter(
        (pl.col("policy") != "greedy") | (pl.col("replicate") % 3 == 0)
    ),
    "equal values": lambda t: t.with_columns(pl.lit(0.1).alias(METRIC)),
    "one world": lambda t: t.filter(pl.col("replicate") == 0),
    "a skewed metric": lambda t: t.with_columns((pl.col(METRIC) / 1e3) ** 5),
    "a metric around 0": lambda t: t.with_columns(pl.col(METRIC) - pl.col(METRIC).mean()),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("goal", ["min", "max"])
def test_numbers_that_runs_have_contradict_nothing(name: str, goal: str) -> None:
    table = TABLES[name](synthetic_trials(12, shares=False))
    found = summarise(table, metric=METRIC, baseline=BASELINE, goal=goal, resamples=200)
    entry = made_up_entry(found)
    assert checked(entry, "the entry", entry["id"]).id == entry["id"]


def test_a_changed_number_is_not_under_the_old_hash(entry: dict[str, Any]) -> None:
    entry["leaderboard"]["scenarios"][0]["mean"] *= 0.9
    (fault,) = faults(entry, seal=False)
    assert fault.startswith("the entry: sha256: is ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"format": NaN}', "NaN is no number of JSON"),
        ('{"format": 1e999}', "the largest number is about 1.8e308"),
        ('{"format": 1, "format": 1}', "key 'format' is there twice"),
        ("[" * 100_000, "nested too deep"),
        ("[]", "must be a mapping of keys to values"),
        ("{", "is not JSON"),
        ("\x00\xff", "is not JSON"),
    ],
)
def test_no_json_of_an_entry(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(EntryError, match=expected.replace("(", r"\(")):
        read_entry(path)


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(50 * 2**20)
    with pytest.raises(EntryError, match=f"52,428,800 bytes; at most {MOST_BYTES:,}"):
        read_entry(path)


def test_all_faults_of_a_folder_are_told(
    summary: Summary, entry: dict[str, Any], tmp_path: Path
) -> None:
    run = checked(entry, "the entry", entry["id"])
    publish_entries(tmp_path, [run], {})
    entries, reports = tmp_path / "entries", tmp_path / "reports"
    reports.mkdir()
    (entries / "other.json").write_text(entry_text(run))
    (entries / f"{run.id.upper()}.json").write_text(
        entry_text(checked(sealed({**entry, "id": run.id.upper()}), "", run.id.upper()))
    )
    (entries / "run.sh").write_text("")
    (entries / "link.json").symlink_to("/etc/passwd")
    (reports / "evil.html").write_text("<script>alert(1)</script>")
    (reports / f"{run.id}.html").write_text("<script>alert(1)</script>")
    found = check_folder(tmp_path)
    said = "\n".join(found.faults)
    assert [run.id.casefold()] == [each.id.casefold() for each in found.runs]
    for expected in (
        f"other.json: id: is '{run.id}'; must be the name of its file, 'other'",
        "differs from",
        "run.sh: is no entry",
        "link.json: is a link",
        "evil.html: belongs to no entry",
    ):
        assert expected in said


@pytest.mark.parametrize(
    ("run_id", "expected"),
    [
        ("placement-v1-20261102-140501", "placement-v1-20261102-140501"),
        ("my suite: é-20261102-140501", "my-suite--20261102-140501"),
        ("../..", "run"),
        ("x" * 150 + "-20261102-140501", "x" * 84 + "-20261102-140501"),
    ],
)
def test_every_run_has_an_id_that_is_a_file_name(
    run_id: str, expected: str, entry: dict[str, Any]
) -> None:
    assert published_id(run_id) == expected
    checked(sealed({**entry, "id": expected}), "the entry", expected)


def test_scenarios_of_a_wrong_law_and_of_the_right_one_are_two(summary: Summary) -> None:
    """Their numbers are not shown as of one scenario."""
    bursts = "{process: bursts, rate_per_s: 0.02, load: null, burstiness: 5, mean_burst_s: 600}"
    scenario = compose_scenario("hybrid/heron5", [f"workload.arrivals={bursts}"])
    now = Trial(
        ordinal=0,
        suite="s",
        scenario="a",
        policy="fifo",
        replicate=0,
        scenario_config=plain(scenario),
        policy_config={"name": "fifo"},
    )
    keys = []
    for trial in (now.uncorrected(), now):
        entry = make_entry(
            run=RunDescription(run_id="s-1", suite={}),
            manifest=Manifest(
                run_id="s-1",
                suite={},
                trials=(trial,),
                track="queueing",
                keep_records=False,
                provenance={},
            ),
            summary=summary,
            done=1,
            failed=0,
            author=None,
            report=None,
        )
        keys.append(entry["scenarios"][0]["config"])
    assert keys[0] != keys[1]
    assert keys[0] == content_hash(now.scenario_config), "as it has always been published"


def test_manifests_follow_their_schema() -> None:
    trial = Trial(
        ordinal=0,
        suite="s",
        scenario="a",
        policy="greedy",
        replicate=0,
        scenario_config={},
        policy_config={"name": "greedy"},
    )
    manifest = Manifest(
        run_id="s-1",
        suite={},
        trials=(trial,),
        track="placement",
        keep_records=False,
        provenance={},
    )
    data = json.loads(dump(manifest))
    assert list(misfits(data, "manifest-1")) == []
    ((place, what),) = misfits({**data, "extra": 1}, "manifest-1")
    assert (place, what.partition(";")[0]) == ("", "there is no key 'extra'")


def test_schemas_are_of_what_there_is(root: Path, entry: dict[str, Any]) -> None:
    assert set(schemas()) == {"entry-1", "manifest-1", "scenario-1", "suite-1"}
    for name, text in schemas().items():
        kind, _, version = name.partition("-")
        assert json.loads(text)["$id"] == f"urn:qcbench:schema:{kind}:{version}"
    assert list(misfits(entry, "entry-1")) == []
    suite = {"name": "s", "track": "placement", "scenarios": [{"base": "placement/qce5"}]}
    suite |= {"policies": [{"name": "greedy"}], "primary_metric": "m", "baseline": "greedy"}
    assert list(misfits({**suite, "replicates": 3}, "suite-1")) == []
    assert list(misfits({**suite, "replicates": 0}, "suite-1")) == [
        ("replicates", "is 0; must be at least 1")
    ]
