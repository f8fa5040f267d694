"""Two stored runs side by side."""

from qcbench.api.arguments import checks_arguments
from qcbench.api.stored import Run, open_run
from qcbench.bench.changes import RunComparison, changes
from qcbench.bench.manifest import said_of_uncorrected
from qcbench.bench.metrics.names import goal_of
from qcbench.errors import InputError
from qcbench.extras import door
from qcbench.stats.comparison import compare_tables


@door()
@checks_arguments
def compare(
    first: str, second: str, *, metric: str | None = None, runs_dir: str = "runs"
) -> RunComparison:
    """Compare two stored runs: their configs, their software, and their results world by world.

    Args:
        first, second: by id, by the beginning of one, or by path.
        metric: column of the result tables; the primary metric of the first run where None.
        runs_dir: folder of all runs.

    Raises:
        InputError: no such run, the same one twice, one without results, or nothing in common.
    """
    runs = [open_run(name, runs_dir=runs_dir) for name in (first, second)]
    one, other = runs
    if one.folder.resolve() == other.folder.resolve():
        raise InputError(f"compare: {first} and {second} are the same run; name two")
    for run in runs:
        if run.trials.is_empty():
            raise InputError(f"run {run.folder.name}: no trial has a result yet")
    chosen = metric or one.suite.primary_metric
    own = chosen == one.suite.primary_metric
    results = compare_tables(
        one.trials,
        other.trials,
        metric=chosen,
        goal=one.suite.goal if own else goal_of(chosen),
    )
    return RunComparison(
        one.folder.name,
        other.folder.name,
        tuple(changes(one.manifest, other.manifest)),
        results,
        tuple(note for run in runs for note in (*_notes(run), *said_of_uncorrected(run.manifest))),
    )


def _notes(run: Run) -> list[str]:
    """What is lacking in a run."""
    name, found = run.folder.name, []
    expected, there = run.expected, run.trials.height
    if there < expected:
        found.append(f"{name}: {there} of {expected} trials have a result; what is there counts")
    failed = int((run.trials["status"] != "done").sum())
    if failed:
        found.append(f"{name}: {failed} of {there} trials failed and have no number")
    return found
