"""The ranking of a run's policies."""

from typing import TYPE_CHECKING

from qcbench.api.arguments import checks_arguments
from qcbench.api.notebook import text
from qcbench.api.stored import open_run
from qcbench.extras import door
from qcbench.stats.summary import Summary

if TYPE_CHECKING:
    from qcbench.report.formats import Format


class Leaderboard:
    """Who is best, and by how much; printed as `qcbench leaderboard` does.

    Attributes:
        summary: its numbers, see `qcbench.stats.summary`.
    """

    @checks_arguments
    def __init__(self, summary: Summary, run: str) -> None:
        self.summary = summary
        self._run = run

    @checks_arguments
    def text(self, format: "Format" = "table") -> str:
        """Return it as a table for a terminal of 100 columns, or as csv, json or markdown."""
        from qcbench.report.leaderboard import as_text, plain  # noqa: PLC0415 - rich

        return plain(self.summary) if format == "table" else as_text(self.summary, format)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        first = self.summary.overall.row(0, named=True)["policy"]
        count = self.summary.overall.height
        return f"<Leaderboard of {self._run}: {first} first of {count} by {self.summary.metric}>"

    def _repr_html_(self) -> str:
        return text(self.text())


@door()
@checks_arguments
def leaderboard(
    run: str | None = None, *, metric: str | None = None, runs_dir: str = "runs"
) -> Leaderboard:
    """Return the leaderboard of a stored run; what `qcbench leaderboard` shows.

    Args:
        run: by id, by the beginning of one, or by path; the latest where None.
        metric: column of the result table; the suite's primary metric where None.
        runs_dir: folder of all runs, or a URL.

    Raises:
        InputError: no such run or metric, or no trial has a result yet.
    """
    found = open_run(run, runs_dir=runs_dir)
    return Leaderboard(found.summary(metric), found.folder.name)
