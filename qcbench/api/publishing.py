"""Publishing runs as a static site: `qcbench publish`."""

from collections.abc import Sequence
from pathlib import Path

from qcbench.api.arguments import checks_arguments
from qcbench.api.stored import open_run
from qcbench.bench.run_names import told_name
from qcbench.content import hash_of
from qcbench.errors import InputError
from qcbench.extras import door
from qcbench.files import at_home, read_bytes
from qcbench.loading import starts_work


def site_folder(to: str) -> Path:
    """Return the folder of a site; raises `InputError` where it is none on this machine."""
    if not to:
        raise InputError("to: is missing; name the folder of the site, as in to=results")
    if "://" in to:
        raise InputError(f"to: {to}: is a URL; a site is a folder, which any server can copy")
    folder = at_home(to)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"to: {folder}: is no folder")
    return folder


@door()
@starts_work
@checks_arguments
def publish(
    runs: Sequence[str] = (),
    *,
    to: str,
    author: str | None = None,
    runs_dir: str = "runs",
    reports: bool = True,
) -> Path:
    """Publish runs as entries of a static site, and make its pages; return the path of the index.

    Args:
        runs: by id, by the beginning of one, or by path; where none, the pages are made again.
        to: folder of the site.
        author: who publishes, as it is shown.
        runs_dir: folder of all runs.
        reports: copy the reports of the runs that have one.

    Raises:
        InputError: a run that cannot be published, a faulty entry, a folder that cannot be written.
    """
    from qcbench.publishing.checking import checked, is_safe  # noqa: PLC0415
    from qcbench.publishing.entries import PublishedRun, make_entry  # noqa: PLC0415
    from qcbench.publishing.site import publish_entries  # noqa: PLC0415
    from qcbench.report.run import describe_run  # noqa: PLC0415

    folder = site_folder(to)
    if author is not None and not author.strip():
        raise InputError("author: is empty; name who publishes, or leave it out")
    new: list[PublishedRun] = []
    copied: dict[str, bytes] = {}
    for name in runs:
        run = open_run(name, runs_dir=runs_dir)
        page = run.folder / "report.html"
        report = read_bytes(page) if reports and page.is_file() else None
        if report is not None and not is_safe(report):
            raise InputError(
                f"{page}: does not begin as reports do; write it again with `qcbench report "
                f"{told_name(run.folder)}`, or say reports=no"
            )
        entry = make_entry(
            run=describe_run(run.folder, run.expected, run.manifest),
            manifest=run.manifest,
            summary=run.summary(),
            done=int((run.trials["status"] == "done").sum()),
            failed=int((run.trials["status"] != "done").sum()),
            author=None if author is None else author.strip(),
            report=None if report is None else hash_of(report),
        )
        made = checked(entry, f"the entry of run {run.folder.name}", str(entry["id"]))
        new.append(made)
        if report is not None:
            copied[made.id] = report
    return publish_entries(folder, new, copied)


@door()
@checks_arguments
def check_published(to: str) -> tuple[int, tuple[str, ...]]:
    """Return how many entries of a site are right, and a line for each fault.

    Raises:
        InputError: there is no such folder.
    """
    from qcbench.publishing.checking import ENTRIES, check_folder  # noqa: PLC0415

    folder = site_folder(to)
    if not (folder / ENTRIES).exists():
        raise InputError(f"{folder / ENTRIES}: does not exist; a site has a folder of this name")
    found = check_folder(folder)
    return len(found.runs), found.faults
