"""Looking at other processes."""

from pathlib import Path


def processes_below(pid: int) -> set[int]:
    """All descendants of a process."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found - {pid}
        found |= more


def title(pid: int) -> str:
    """What a process calls itself; empty where it is gone."""
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_text()
    except OSError:
        return ""


def gone(pids: set[int]) -> bool:
    return not any(title(pid) for pid in pids)
