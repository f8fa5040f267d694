"""The site: safe whatever entries say, the same bytes every time, of use without scripts."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Screen, visit
from made_up import CARD, made_up_entry, made_up_summary

from qcbench.cli.main import main
from qcbench.content import hash_of
from qcbench.errors import InputError
from qcbench.locks import turn
from qcbench.publishing.checking import PUBLISHED_SCRIPTS, check_folder, checked, is_safe
from qcbench.publishing.entries import PublishedRun, content_hash, sealed
from qcbench.publishing.site import entry_text, publish_entries
from qcbench.report.pages import SCRIPT, head_of, script_hash
from qcbench.stats.summary import Summary

EVIL = "</script><script>document.title='evil'</script><img src=x onerror=alert(1)>"
VOID = frozenset(("meta", "link", "br", "img", "hr", "input"))


class Page(HTMLParser):
    """Tags that are open, links, and the text of cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        assert not any(name.startswith("on") or name == "src" for name, _ in attrs)
        self.links += [str(value) for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def summary() -> Summary:
    return made_up_summary(11, replicates=6)


def runs(summary: Summary, count: int = 3) -> list[PublishedRun]:
    found = []
    for number in range(count):
        entry = made_up_entry(summary, number, author=["Ada", None, "Grace"][number % 3])
        found.append(checked(entry, "an entry", str(entry["id"])))
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def hostile(summary: Summary) -> PublishedRun:
    """An entry whose every free text is markup."""
    entry: dict[str, Any] = json.loads(json.dumps(made_up_entry(summary, 7)))
    text = json.dumps(entry).replace('"greedy"', json.dumps(EVIL))
    text = text.replace('"qce5-paper"', json.dumps(f"../../{EVIL}"))
    entry = json.loads(text)
    entry["author"] = EVIL
    entry["suite"] |= {"name": EVIL, "description": EVIL, "engine": EVIL}
    entry["run"] |= {"command": EVIL, "commit": EVIL, "track": EVIL, "machine": {EVIL: EVIL}}
    entry["run"]["versions"] = {EVIL: EVIL, "qcbench": EVIL}
    entry["leaderboard"]["metric"] = EVIL
    config = {EVIL: EVIL, "description": EVIL, "fleet": {"name": EVIL, "qpus": [{EVIL: EVIL}]}}
    entry["configs"] = {content_hash(config): config}
    entry["scenarios"] = [{**each, "config": content_hash(config)} for each in entry["scenarios"]]
    entry["policies"][0] |= {
        "config": {"name": "learned", EVIL: EVIL},
        "card": {**CARD, EVIL: EVIL},
    }
    entry = sealed(entry)
    return checked(entry, "an entry", str(entry["id"]))


def test_whatever_entries_say_is_text(summary: Summary, tmp_path: Path) -> None:
    publish_entries(tmp_path, [hostile(summary), *runs(summary)], {})
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) >= 8
    for path in pages:
        text = path.read_text()
        assert text.startswith(head_of(script_hash(SCRIPT)))
        page = Page(text)
        assert page.open == []
        assert page.tags.count("script") == 1
        assert "img" not in page.tags
        assert path.resolve().is_relative_to(tmp_path.resolve())
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", path.name)
        for link in page.links:
            target = (path.parent / link.partition("#")[0]) if link[0] != "#" else path
            assert target.exists(), link
    assert "&lt;img src=x" in (tmp_path / "index.html").read_text()


def test_publishing_twice_changes_nothing_and_order_does_not_matter(
    summary: Summary, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    publish_entries(first, runs(summary), {})
    before = contents(first)
    times = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    publish_entries(first, runs(summary)[:1], {})
    publish_entries(first, [], {})
    assert contents(first) == before
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*") if path.is_file()} == {
        path: time for path, time in times.items() if path.is_file()
    }
    for run in reversed(runs(summary)):
        publish_entries(second, [run], {})
    assert contents(second) == before
    assert not list(first.rglob(".*"))


PUBLISH = """
import json, pathlib, sys
from qcbench.publishing.entries import PublishedRun
from qcbench.publishing.site import entry_text, publish_entries

site, *entries = map(pathlib.Path, sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
for entry in entries:
    publish_entries(site, [PublishedRun(json.loads(entry.read_text()))], {})
"""


def test_two_who_publish_at_once_lose_nothing_of_each_other(
    summary: Summary, tmp_path: Path
) -> None:
    entries = []
    for run in runs(summary, 6):
        entries.append(tmp_path / f"{run.id}.json")
        entries[-1].write_text(entry_text(run))
    site, alone = tmp_path / "site", tmp_path / "alone"
    told = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", PUBLISH, str(site)]
    both: list[Any] = [
        subprocess.Popen([*command, *map(str, entries[half::2])], **told)  # type: ignore[call-overload]
        for half in (0, 1)
    ]
    for one in both:
        assert one.stdout.readline() == "ready\n"
    for one in both:
        one.stdin.write("go\n")
        one.stdin.close()
    assert [one.wait() for one in both] == [0, 0]
    publish_entries(alone, runs(summary, 6), {})
    assert contents(site) == contents(alone)


def test_who_publishes_waits_for_another(summary: Summary, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    with ThreadPoolExecutor() as pool:
        with turn(site):
            waiting = pool.submit(publish_entries, site, runs(summary, 1), {})
            with pytest.raises(TimeoutError):
                waiting.result(0.5)
            assert not any(site.iterdir())
        assert waiting.result().is_file()


def test_pages_of_an_entry_that_is_gone_go_too(summary: Summary, tmp_path: Path) -> None:
    publish_entries(tmp_path, runs(summary, 2), {})
    gone = sorted((tmp_path / "entries").iterdir())[0]
    gone.unlink()
    publish_entries(tmp_path, [], {})
    assert [path.stem for path in (tmp_path / "runs").iterdir()] == [
        path.stem for path in (tmp_path / "entries").iterdir()
    ]
    assert gone.stem not in (tmp_path / "index.html").read_text()


def test_nothing_is_written_beside_a_fault(summary: Summary, tmp_path: Path) -> None:
    publish_entries(tmp_path, runs(summary, 1), {})
    (tmp_path / "entries" / "broken.json").write_text("{")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"broken\.json.*nothing is written"):
        publish_entries(tmp_path, runs(summary), {})
    assert contents(tmp_path) == before


def test_a_page_of_somebodys_own_stays(summary: Summary, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("my home page")
    with pytest.raises(InputError, match="is a page of somebody's own"):
        publish_entries(tmp_path, runs(summary), {})
    assert contents(tmp_path) == {"index.html": b"my home page"}


def test_another_run_of_the_same_id_is_not_replaced(summary: Summary, tmp_path: Path) -> None:
    (run,) = runs(summary, 1)
    publish_entries(tmp_path, [run], {})
    data = json.loads(json.dumps(dict(run.data)))
    data["run"]["trials_sha256"] = "0" * 64
    other = checked(sealed(data), "an entry", run.id)
    with pytest.raises(InputError, match="is of another run of this id"):
        publish_entries(tmp_path, [other], {})


def test_who_published_stays_where_nobody_is_told(summary: Summary, tmp_path: Path) -> None:
    def entry(author: str | None) -> PublishedRun:
        made = made_up_entry(summary, author=author)
        return checked(made, "an entry", str(made["id"]))

    publish_entries(tmp_path, [entry("Ada")], {})
    before = contents(tmp_path)
    publish_entries(tmp_path, [entry(None)], {})
    assert contents(tmp_path) == before
    publish_entries(tmp_path, [entry("Grace")], {})
    (found,) = check_folder(tmp_path).runs
    assert found.data["author"] == "Grace"


def test_a_report_runs_our_script_or_is_refused(summary: Summary, tmp_path: Path) -> None:
    safe = (head_of(script_hash(SCRIPT)) + f"{EVIL}</html>").encode()
    for report, fault in ((safe, ""), (EVIL.encode(), "does not begin as reports do")):
        entry = made_up_entry(summary, report=hash_of(report))
        run = checked(entry, "an entry", str(entry["id"]))
        publish_entries(tmp_path, [run], {run.id: report})
        assert fault in "".join(check_folder(tmp_path).faults)
    (tmp_path / "reports" / f"{run.id}.html").write_bytes(safe)
    assert "is not the report that its entry names" in "".join(check_folder(tmp_path).faults)


FIRST_SCRIPT = "sha256-ksfowSGq1hARP8I2sQYgLN1ViSCrmxiCu1YAEiEXixA="


def test_reports_of_every_version_stay_readable() -> None:
    """The script of pages is written down by its hash before it is ever replaced by another."""
    latest = script_hash(SCRIPT)
    assert PUBLISHED_SCRIPTS[-1] == latest, f"append {latest!r} to PUBLISHED_SCRIPTS, drop none"
    assert PUBLISHED_SCRIPTS[0] == FIRST_SCRIPT
    assert len(set(PUBLISHED_SCRIPTS)) == len(PUBLISHED_SCRIPTS)
    for script in PUBLISHED_SCRIPTS:
        assert is_safe(f"{head_of(script)}</html>".encode())
    assert not is_safe(f"{head_of(script_hash('alert(1)'))}</html>".encode())


def test_versions_of_the_script_in_the_history_are_written_down() -> None:
    """Whoever replaces the hash of a script by that of the next one is told here."""
    path = "qcbench/report/templates/tables.js"
    root = Path(__file__).parents[2]
    git = ["git", "-C", str(root)]
    log = subprocess.run(
        [*git, "log", "--first-parent", "--format=%H", "--diff-filter=AMR", "HEAD", "--", path],
        capture_output=True,
        text=True,
        check=False,
    )
    if log.returncode or not log.stdout.strip():
        pytest.skip("no history here")
    for commit in log.stdout.split():
        text = subprocess.run(
            [*git, "show", f"{commit}:{path}"], capture_output=True, check=True
        ).stdout.decode()
        assert script_hash(text) in PUBLISHED_SCRIPTS, f"the script of {commit}"


def test_a_faulty_entry_does_not_condemn_its_report(summary: Summary, tmp_path: Path) -> None:
    folder = tmp_path / "of results"
    (entry,) = runs(summary, 1)
    publish_entries(folder, [entry], {})
    (folder / "reports").mkdir()
    (folder / "reports" / f"{entry.id}.html").write_text("x")
    (folder / "reports" / f"{entry.id}.txt").write_text("x")
    path = folder / "entries" / f"{entry.id}.json"
    path.write_text("{")
    found = check_folder(folder).faults
    assert [fault for fault in found if "belongs to no entry" in fault] == [
        f"{folder / 'reports' / entry.id}.txt: belongs to no entry; remove it"
    ]
    other = PublishedRun({**entry.data, "id": "other"})
    with pytest.raises(InputError, match=r"publish check 'to=.*of results'` tells all"):
        publish_entries(folder, [other], {})
    (folder / "reports" / f"{entry.id}.txt").unlink()
    publish_entries(folder, [entry], {})
    assert len(check_folder(folder).runs) == 1


def test_a_file_in_the_place_of_a_folder(summary: Summary, tmp_path: Path) -> None:
    (tmp_path / "entries").write_text("x")
    with pytest.raises(InputError, match="entries: is no folder; a site has a folder of this name"):
        publish_entries(tmp_path, runs(summary, 1), {})


def test_the_table_is_there_without_scripts(summary: Summary, tmp_path: Path) -> None:
    index = publish_entries(tmp_path, runs(summary), {}).read_text()
    body = index[index.index('<h2 id="leaderboard">') : index.index('<h2 id="runs">')]
    assert body.count("<tr>") == 1 + 3 * 11 * 4
    assert 'class="number better"' in body
    assert " hidden" not in body


def test_the_verb(summary: Summary, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site"
    assert main(["publish", f"to={site}"]) == 2
    assert "has no entry; name a run" in capsys.readouterr().err
    assert not site.exists()
    publish_entries(site, runs(summary), {})
    assert main(["publish", "check", f"to={site}"]) == 0
    assert capsys.readouterr().out == "3 entries are right\n"
    path = sorted((site / "entries").iterdir())[0]
    path.write_text(path.read_text().replace('"Ada"', '"Eve"'))
    (site / "entries" / "x.json").write_text("{}")
    assert main(["publish", "check", f"to={site}"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"qcbench: {site}/entries/") for line in lines)
    for arguments, expected in (
        (["publish"], "to: is missing"),
        (["publish", "to=s3://bucket"], "is a URL"),
        (["publish", f"to={path}"], "is no folder"),
        (["publish", "check", f"to={tmp_path}"], "does not exist"),
        (["publish", "check", "run", f"to={site}"], "only to=FOLDER"),
        (["publish", "nobody", f"to={site}", f"runs_dir={tmp_path}"], "nobody"),
    ):
        assert main(arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert expected in line


BROWSER = pytest.mark.skipif(not CHROMIUM, reason="no Chromium")
ROWS = "[...document.querySelector('table').tBodies[0].rows].filter(row => !row.hidden)"
HEAD = "document.querySelector('table').tHead.rows[0].cells"


@pytest.mark.e2e
@BROWSER
def test_a_browser_sorts_filters_and_runs_nothing_else(summary: Summary, tmp_path: Path) -> None:
    index = publish_entries(tmp_path, [hostile(summary), *runs(summary)], {})
    means = f"{ROWS}.slice(0, 50).map(row => Number(row.cells[3].dataset.v))"
    found = visit(
        index,
        [
            f"{HEAD}[3].querySelector('button').click(), {means}",
            f"{HEAD}[3].querySelector('button').click(), {means}",
            f"{HEAD}[3].getAttribute('aria-sort')",
            "(() => { const box = document.querySelector('.filters input'); box.value = 'Grace';"
            "box.dispatchEvent(new Event('input', {bubbles: true}));"
            f"return {ROWS}.length; }})()",
            "document.querySelector('.filters output').value",
            "document.title",
        ],
    )
    rising, falling, way, left, count, title = found.values
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert way == "descending"
    assert left == 44
    assert count == "44 of 176 rows"
    assert title == "qcbench results"
    assert found.errors == []


@pytest.mark.e2e
@BROWSER
def test_a_phone_and_a_browser_without_scripts(summary: Summary, tmp_path: Path) -> None:
    index = publish_entries(tmp_path, runs(summary), {})
    run = next((tmp_path / "runs").iterdir())
    for page in (index, run):
        found = visit(
            page,
            [
                "document.documentElement.scrollWidth",
                "getComputedStyle(document.querySelector('.scroll'), '::before').content",
            ],
            screen=Screen(390, 844, dark=True),
        )
        assert found.errors == []
        assert found.values[0] == 390  # only tables scroll sideways
        assert "swipe sideways" in found.values[1]
    assert visit(index, screen=Screen(scripts=False)).errors == []
