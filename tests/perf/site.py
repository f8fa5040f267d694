"""How large the site of 20 runs of 20 policies is, and how soon a browser shows it.

Usage: python -m tests.perf.site [FOLDER]; the site is kept in FOLDER where one is named.
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
TRIES = 5
SORT = "document.querySelectorAll('th button')[3].click(); document.body.offsetHeight"
TIMED = f"(() => {{ const t = performance.now(); {SORT}; return performance.now() - t; }})()"


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


def main() -> None:
    """Print sizes and times."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        index = made_up_site(folder)
        parts: dict[str, int] = {}
        for path in folder.rglob("*"):
            if path.is_file():
                part = path.relative_to(folder).parts[0]
                parts[part] = parts.get(part, 0) + path.stat().st_size
        for part, size in sorted(parts.items(), key=lambda each: -each[1]):
            print(f"{part:<12} {size / 1e6:6.2f} MB")
        print(f"{'all':<12} {sum(parts.values()) / 1e6:6.2f} MB")
        if not CHROMIUM:
            print("no Chromium: nothing is shown")
            return
        for screen in (Screen(), Screen(390, 844)):
            visits = [visit(index, [TIMED], screen=screen) for _ in range(TRIES)]
            paint = min(each.first_paint_ms or float("inf") for each in visits)
            errors = sum(len(each.errors) for each in visits)
            print(
                f"{screen.width} wide, least of {TRIES}: first paint {paint:.0f} ms, sorted in "
                f"{min(each.values[0] for each in visits):.0f} ms; {errors} errors"
            )


if __name__ == "__main__":
    main()
