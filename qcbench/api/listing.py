"""What runs, trainings, sweeps and replays there are."""

from collections.abc import Sequence
from pathlib import Path
from typing import overload

from qcbench.api.arguments import checks_arguments
from qcbench.api.notebook import table
from qcbench.bench.listing import Listed, list_all
from qcbench.extras import door
from qcbench.storage.places import runs_folder


class RunList(Sequence[Listed]):
    """What `runs` has found, the latest last; a notebook shows it as a table."""

    def __init__(self, found: Sequence[Listed]) -> None:
        self._found = tuple(found)

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, place: int) -> Listed: ...
    @overload
    def __getitem__(self, place: slice) -> "RunList": ...
    def __getitem__(self, place: int | slice) -> "Listed | RunList":
        found = self._found[place]
        return found if isinstance(found, Listed) else RunList(found)

    def __repr__(self) -> str:
        names = ", ".join(each.id for each in self._found[-3:])
        before = "..., " if len(self) > 3 else ""
        return f"<{len(self)} listed: {before}{names}>" if self._found else "<nothing listed>"

    def _repr_html_(self) -> str:
        return table(HEADS, map(_row, self._found))


HEADS = ("run", "kind", "suite or scenario", "state", "trials", "failed", "began", "policies")


def _row(each: Listed) -> tuple[object, ...]:
    began = each.began and f"{each.began:%Y-%m-%d %H:%M}"
    policies = ", ".join(each.policies)
    return (
        *(each.id, each.kind, each.subject, each.state, each.trials, each.failed),
        *(began, policies),
    )


@door()
@checks_arguments
def runs(runs_dir: str = "runs", replays_dir: str = "replays") -> RunList:
    """Return runs, trainings, sweeps and replays, the latest last; what `qcbench runs` lists.

    Args:
        runs_dir: folder of all runs, or a URL.
        replays_dir: folder of all replays.
    """
    return RunList(list_all(runs_folder(runs_dir), Path(replays_dir)))
