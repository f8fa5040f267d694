"""The page: complete, self-contained, safe, the same bytes every time."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree

import polars as pl
import pytest
from matplotlib import image
from synthetic_trials import synthetic_trials

from qcbench.bench.run_folder import create_run
from qcbench.bench.trial import Trial
from qcbench.errors import InputError
from qcbench.report.drawers import drawers
from qcbench.report.html import write_report
from qcbench.report.pages import SCRIPT, environment, head_of, script_hash
from qcbench.report.run import RunDescription, describe_run
from qcbench.stats.summary import summarise

METRIC, BASELINE = "total_completion_s", "earliest_completion"
RUN = RunDescription(
    run_id="placement-v1-20261102-140501",
    suite={"name": "placement-v1", "description": "a <b>suite</b>", "replicates": 30, "seed": 0},
    started="2026-11-02T14:05:01.123+00:00",
    versions={"qcbench": "0.1.0"},
)


def two_scenarios(replicates=6):
    """Enough for a page with all its parts; a scenario's drawings take a second and more."""
    return synthetic_trials(replicates=replicates, scenarios=("qce5-paper", "eagle5-bursts"))


def write(folder, trials, run=RUN, **changes):
    arguments = {"metric": METRIC, "baseline": BASELINE, "resamples": 300} | changes
    return write_report(folder, trials=trials, summary=summarise(trials, **arguments), run=run)


class Page(HTMLParser):
    """Tags that are closed, ids, and everything that would be fetched."""

    VOID = frozenset(("meta", "link", "br", "img", "hr", "input"))

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.fetched, self.tags = [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "action", "data") and not value.startswith(
                "#"
            ):
                self.fetched.append(value)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write(tmp_path_factory.mktemp("run"), two_scenarios())


def test_page_is_complete_and_fetches_nothing(written):
    source = written.read_text()
    page = Page(source)
    assert page.open == []
    assert page.fetched == []
    assert page.tags.count("script") == 1
    assert source.startswith(head_of(script_hash(SCRIPT)))
    assert source.count(f"<script>{SCRIPT}</script>") == 1
    assert not re.search(r"url\(\s*['\"]?(?!#)", source)
    assert not re.search(r"@import", source)
    assert {"overall", "qce5-paper", "failed", "reading", "provenance"} <= set(page.ids)
    for target in re.findall(r'href="#([^"]+)"', source):
        assert target in page.ids
    assert "2026-11-02 14:05 UTC" in source
    assert "qcbench run suite=placement-v1 suite.replicates=30 suite.seed=0" in source


def test_every_policy_and_every_failure_is_there(written):
    source = written.read_text()
    for policy in synthetic_trials(replicates=1)["policy"].unique():
        assert source.count(f"</span>{policy}") >= 4
    assert source.count("ZeroDivisionError: float division by zero") == 2
    assert "&lt;b&gt;suite" in source


def test_drawings_are_well_formed_and_named(written):
    drawings = re.findall(r"<svg.*?</svg>", written.read_text(), flags=re.DOTALL)
    assert len(drawings) == 2 + 2 * 5
    titles = set()
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        titles.add(root[0].text)
        assert "var(--ink)" in drawing
    assert len(titles) == len(drawings)
    files = sorted(path.name for path in (written.parent / "figures").iterdir())
    assert len(files) == 2 * len(drawings)
    for name in files:
        data = (written.parent / "figures" / name).read_bytes()
        assert data.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")


def test_pictures_can_be_read_on_any_background(written):
    pictures = list((written.parent / "figures").glob("*.png"))
    assert pictures
    for path in pictures:
        pixels = image.imread(path)
        assert pixels.shape[2] == 3 or (pixels[..., 3] == 1).all(), path.name
        assert (pixels[0, 0, :3] == 1).all(), path.name


def test_same_input_gives_the_same_bytes(written, tmp_path):
    again = write(tmp_path, two_scenarios())
    for path in (written, *(written.parent / "figures").iterdir()):
        other = again.parent / path.relative_to(written.parent)
        assert other.read_bytes() == path.read_bytes(), path.name


def test_errors_and_names_are_text(tmp_path):
    names = ("lookahead", "greedy", BASELINE)
    trials = synthetic_trials(replicates=3, policies=names, scenarios=("qce5-paper",))
    evil = "<script>alert(1)</script>"
    trials = trials.with_columns(
        pl.col("policy").replace({"greedy": evil}),
        status=pl.when(pl.col("replicate") == 1).then(pl.lit("failed")).otherwise("status"),
        error=pl.lit("<img src=http://example.org>"),
    )
    page = Page(write(tmp_path, trials).read_text())
    assert page.fetched == []
    assert page.tags.count("script") == 1
    assert "img" not in page.tags


def test_any_track_will_do(tmp_path):
    """Only the columns that every track has, a metric of its own, and more is better."""
    trials = synthetic_trials(replicates=4, failures=False, scenarios=("qce5-paper",)).select(
        "scenario", "policy", "replicate", "status", reward=-pl.col(METRIC)
    )
    trials = trials.with_columns(error=pl.lit(None, dtype=pl.String))
    page = write(tmp_path, trials, metric="reward", goal="max").read_text()
    assert Page(page).open == []
    assert 'id="overall"' not in page
    assert 'id="failed"' not in page
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert names == {"qce5-paper-difference", "qce5-paper-distribution"}  # and no profile


def test_many_policies_one_replicate_and_a_policy_without_results(tmp_path):
    base = synthetic_trials(replicates=1, scenarios=("qce5-paper",), failures=False)
    more = [
        base.filter(pl.col("policy") == "greedy").with_columns(policy=pl.lit(f"greedy{i}"))
        for i in range(20)
    ]
    broken = base.filter(pl.col("policy") == "greedy").with_columns(
        policy=pl.lit("broken"), status=pl.lit("failed"), **{METRIC: pl.lit(None, dtype=pl.Float64)}
    )
    page = write(tmp_path, pl.concat([base, *more, broken])).read_text()
    assert Page(page).open == []
    assert "broken" in page


def test_an_incomplete_run_says_so(tmp_path):
    run = RunDescription(run_id="r-1", suite={"name": "s"}, expected=500)
    trials = synthetic_trials(replicates=2, scenarios=("qce5-paper",))
    page = write(tmp_path, trials, run=run).read_text()
    assert "22 of 500 trials have a result" in page
    assert "qcbench resume r-1" in page


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "file", synthetic_trials(replicates=2, scenarios=("qce5-paper",)))


def test_description_of_a_stored_run(tmp_path):
    trials = [
        Trial(
            ordinal=i,
            suite="mini",
            scenario="placement/qce5",
            policy="greedy",
            replicate=i,
            scenario_config={"description": "five devices", "offered_load": 1.4},
            policy_config={"name": "greedy"},
        )
        for i in range(3)
    ]
    with create_run(tmp_path, {"name": "mini", "seed": 7}, trials, track="placement") as store:
        for hour in (12, 11):
            started = datetime(2026, 11, 2, hour, tzinfo=UTC).isoformat()
            store.log_session({"started": started, "run_s": 10.0})
        folder = store.folder
    run = describe_run(folder)
    assert run.date == "2026-11-02 11:00 UTC"
    assert run.expected == 3
    assert run.run_s == 20.0
    assert run.command == "qcbench run suite=mini suite.seed=7"
    assert run.scenarios["placement/qce5"].offered_load == 1.4
    assert run.versions["numpy"]
    (folder / "machine.json").write_text('[{"started": "yesterday"}]')
    with pytest.raises(InputError, match=r"machine\.json: is no list of sessions"):
        describe_run(folder)


@pytest.mark.e2e
def test_processes_that_draw_change_no_byte_nor_does_their_death(written, tmp_path):
    trials = two_scenarios()
    summary = summarise(trials, metric=METRIC, baseline=BASELINE, resamples=300)
    for killed in (False, True):
        folder = tmp_path / str(killed)
        with drawers(2) as drawing:
            if killed:
                drawing._processes[1].kill()
            page = write_report(folder, trials=trials, summary=summary, run=RUN, drawers=drawing)
        assert page.read_bytes() == written.read_bytes()
        for figure in (written.parent / "figures").iterdir():
            assert (folder / "figures" / figure.name).read_bytes() == figure.read_bytes()
    assert all(process.poll() is not None for process in drawing._processes)


def test_a_page_prints_no_function() -> None:
    """Of a dictionary `{{ row.values }}` is the method: as text it would be an address."""
    template = environment().from_string("{{ row.values }}{{ row['keys'] }}{{ row.name }}")
    with pytest.raises(TypeError, match="give the key another name"):
        template.render(row={"values": "0.9", "keys": "k", "name": "n"})
    fine = environment().from_string("{{ row['values'] }}{{ row['keys'] }}{{ row.name }}")
    assert fine.render(row={"values": "0.9", "keys": "k", "name": "n"}) == "0.9kn"
