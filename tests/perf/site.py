"""How large the site of 20 runs of 20 policies is, and how soon a browser shows it.

Usage: python -m tests.perf.site [FOLDER [PICTURES]]; the site is kept in FOLDER, and what a browser
shows of it in PICTURES, where they are named. Ends with 1 where pages are above 2 MB, a page is
first painted after a second, the console has an error, or a column that was sorted is not.
"""

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "publishing")]

from browser import CHROMIUM, Screen, visit  # noqa: E402 - found through the line above
from made_up import made_up_entry, made_up_summary  # noqa: E402

from qcbench.publishing.checking import checked  # noqa: E402
from qcbench.publishing.site import publish_entries  # noqa: E402

RUNS, POLICIES = 20, 20
PEOPLE = ("Ada Lovelace", "Grace Hopper", "Emmy Noether", None)
SUITES = ("placement-v1", "placement-late-v1")
TRIES = 3
SORT = "document.querySelectorAll('th button')[3].click(); document.body.offsetHeight"
TIMED = f"(() => {{ const t = performance.now(); {SORT}; return performance.now() - t; }})()"
MEANS = (
    "[...document.querySelector('table').tBodies[0].rows].filter(row => !row.hidden)"
    ".map(row => Number(row.cells[3].dataset.v))"
)
SCREENS = {
    f"{name}-{'dark' if dark else 'light'}": Screen(*size, dark=dark)
    for name, size in {"desktop": (1400, 1000), "phone": (390, 844)}.items()
    for dark in (False, True)
}
MOST_BYTES, MOST_PAINT_MS = 2e6, 1000.0
PAGES = ("index.html", "runs", "models", "scenarios", "fleets")


def made_up_site(folder: Path) -> Path:
    """Publish the runs into a folder; return the index."""
    summaries = [made_up_summary(POLICIES, seed=seed) for seed in range(4)]
    runs = []
    for number in range(RUNS):
        entry = made_up_entry(
            summaries[number % len(summaries)],
            number,
            author=PEOPLE[number % len(PEOPLE)],
            suite=SUITES[number % len(SUITES)],
        )
        runs.append(checked(entry, "an entry", str(entry["id"])))
    begun = time.process_time()
    index = publish_entries(folder, runs, {})
    print(f"written in {time.process_time() - begun:.1f} s of processor time")
    return index


def sizes_of(folder: Path) -> dict[str, int]:
    """Return the bytes of each part of a site."""
    parts: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            part = path.relative_to(folder).parts[0]
            parts[part] = parts.get(part, 0) + path.stat().st_size
    return parts


def look(index: Path, name: str, pictures: Path | None) -> list[str]:
    """Look at the index and at the page of a run; return what is not as it should be."""
    screen, faults = SCREENS[name], []
    run = next((index.parent / "runs").iterdir())
    for page, asked in ((index, [TIMED, MEANS]), (run, [])):
        picture = pictures and pictures / f"{page.parent.name}-{name}.png"
        shown = [visit(page, asked, screen=screen, picture=picture)]
        shown += [visit(page, asked, screen=screen) for _ in range(TRIES - 1)]
        paint = min(each.first_paint_ms or float("inf") for each in shown)
        errors = [error for each in shown for error in each.errors]
        words = ""
        if asked:
            words = f", sorted in {min(each.values[0] for each in shown):.0f} ms"
            means = shown[0].values[1]
            if len(means) < POLICIES or means != sorted(means):
                faults.append(f"{name}: the column of means is not sorted")
        where = "index" if page == index else "run"
        print(
            f"{name:<14} {where:<6} least of {TRIES}: first paint {paint:.0f} ms{words};"
            f" {len(errors)} errors"
        )
        faults += [f"{name}, {where}: {error}" for error in errors]
        if paint > MOST_PAINT_MS:
            faults.append(f"{name}, {where}: first paint after {paint:.0f} ms")
    return faults


def main() -> int:
    """Print sizes and times; return 1 where something is not as it should be."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        pictures = Path(sys.argv[2]) if len(sys.argv) > 2 else None
        index = made_up_site(folder)
        parts = sizes_of(folder)
        for part, size in sorted(parts.items(), key=lambda each: -each[1]):
            print(f"{part:<12} {size / 1e6:6.2f} MB")
        pages = sum(parts.get(part, 0) for part in PAGES)
        print(f"{'all pages':<12} {pages / 1e6:6.2f} MB, {sum(parts.values()) / 1e6:.2f} with data")
        faults = [] if pages < MOST_BYTES else [f"the pages have {pages / 1e6:.2f} MB"]
        if not CHROMIUM:
            print("no Chromium: nothing is shown")
        else:
            if pictures:
                pictures.mkdir(parents=True, exist_ok=True)
            for name in SCREENS:
                faults += look(index, name, pictures)
        for fault in faults:
            print(fault, file=sys.stderr)
        return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
