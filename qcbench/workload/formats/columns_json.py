"""Our task files as JSON: a header and one object a job, with the keys of `columns`."""

from pathlib import Path
from typing import Any

from qcbench.errors import InputError
from qcbench.files import quoted, to_json
from qcbench.workload.formats.columns import from_columns, to_columns
from qcbench.workload.formats.gzip_files import write_text
from qcbench.workload.task_set import TaskSet

FORMAT = "qcbench-workload"
VERSION = 1


def task_json(content: Any, path: Path) -> TaskSet:
    """Return the tasks of a JSON task file that has been parsed.

    Raises:
        InputError: it is something else, or holds a value that cannot be.
    """
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f'{path}: is no task file; "format" must be "{FORMAT}"')
    if content.get("version") != VERSION:
        raise InputError(
            f"{path}: version {quoted(content.get('version'))}; {VERSION} is supported"
        )
    jobs, comments = content.get("jobs"), content.get("comments", [])
    if not isinstance(jobs, list) or not jobs:
        raise InputError(f'{path}: "jobs" must be a list with at least one job')
    if not isinstance(comments, list) or not all(isinstance(line, str) for line in comments):
        raise InputError(f'{path}: "comments" must be a list of texts')
    return from_columns(_columns(jobs, path), str(path), tuple(comments))


def _columns(jobs: list[Any], path: Path) -> dict[str, list[Any]]:
    keys = list(jobs[0]) if isinstance(jobs[0], dict) else []
    expected = set(keys)
    for position, job in enumerate(jobs):
        if not isinstance(job, dict):
            raise InputError(f"{path}: row {position + 1} of jobs is no object with keys")
        if job.keys() != expected:
            odd = sorted(job.keys() ^ expected)[0]
            verb = "has no" if odd in expected else "has, unlike the first,"
            raise InputError(f"{path}: row {position + 1} of jobs {verb} key {quoted(odd)}")
    return {key: [job[key] for job in jobs] for key in keys}


def write_json(content: TaskSet, path: Path) -> None:
    """Write a JSON task file, a line a job."""
    columns = to_columns(content)
    header = {"format": FORMAT, "version": VERSION, "comments": list(content.comments)}
    rows = zip(*columns.values(), strict=True)
    jobs = [
        to_json(dict(zip(columns, row, strict=True)), str(path), ensure_ascii=False) for row in rows
    ]
    head = to_json(header, str(path), ensure_ascii=False)[:-1]
    write_text(path, head + ', "jobs": [\n' + ",\n".join(jobs) + "\n]}\n")
