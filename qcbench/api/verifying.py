"""Whether a stored run can be repeated."""

from collections.abc import Callable, Sequence

from qcbench.api.arguments import checks_arguments
from qcbench.bench.run_folder import open_run
from qcbench.bench.run_names import find
from qcbench.bench.trial import Trial
from qcbench.bench.verifying import (
    Repeated,
    Verification,
    chosen,
    notes_of,
    problems_of,
    repeat,
)
from qcbench.configs import seed_of
from qcbench.errors import InputError
from qcbench.extras import door
from qcbench.loading import starts_work
from qcbench.storage.places import runs_folder

SAMPLE = 10
"""Trials that are repeated where nobody says how many."""

Begin = Callable[[str, Sequence[str], Sequence[Trial]], None]


def _nothing(*_: object) -> None:
    pass


@door()
@starts_work
@checks_arguments
def verify(
    run: str | None = None,
    *,
    sample: int | None = SAMPLE,
    seed: int = 0,
    runs_dir: str = "runs",
    begin: Begin = _nothing,
    tell: Callable[[Repeated], None] = _nothing,
) -> Verification:
    """Run trials of a stored run again and compare them with what is stored, to the last bit.

    Each runs on the engine that it is stored from and, where its policy has a compiled twin, on the
    other one.

    Args:
        run: by id, by the beginning of one, or by path; the latest where None.
        sample: how many trials; all where None.
        seed: which trials.
        runs_dir: folder of all runs.
        begin: called before, with the run's id, what is otherwise here, and the trials.
        tell: called with each trial when it has been repeated.

    Raises:
        InputError: no such run, or one without numbers.
    """
    which = seed_of("seed", seed)
    if sample is not None and sample < 1:
        raise InputError(f"sample: {sample}; repeat at least one trial")
    store = open_run(find("run", runs_folder(runs_dir), run))
    trials, notes, repeated = chosen(store, sample, which), notes_of(store), []
    begin(store.folder.name, notes, trials)
    table = store.compacted()
    for each in repeat(store, table, trials):
        tell(each)
        repeated.append(each)
    return Verification(store.folder.name, notes, problems_of(store, table), tuple(repeated))
