"""`qcbench verify`: trials of a run once more, compared with what is stored to the last bit."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qcbench.cli.arguments import Parser, as_option
from qcbench.errors import InputError

if TYPE_CHECKING:
    from qcbench.bench.trial import Trial
    from qcbench.bench.verifying import Repeated, Verification


def main(arguments: Sequence[str]) -> int:
    """Run the verb; 1 where anything is not as it is stored."""
    parser = Parser(
        prog="qcbench verify",
        description="Repeat trials of a run here, on both engines where a policy has a compiled"
        " twin, and compare every number with the stored one to the last bit.",
    )
    parser.add_argument("run", nargs="?", help="id, beginning of one, or path; the latest if none")
    parser.add_argument("--runs-dir", default="runs", help="folder of all runs (default: runs)")
    parser.add_argument("--sample", help="how many trials, or all (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="which trials (default: 0)")
    options = parser.parse_args([as_option(text) for text in arguments])
    from qcbench.api.verifying import SAMPLE, verify  # noqa: PLC0415 - after the help

    done = verify(
        options.run,
        sample=SAMPLE if options.sample is None else _count(options.sample),
        seed=options.seed,
        runs_dir=options.runs_dir,
        begin=_begin,
        tell=_tell,
    )
    return _conclude(done)


def _count(text: str) -> int | None:
    if text == "all":
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text) or not int(text):
        raise InputError(f"verify: sample={text}: give a number of trials, or all")
    return int(text)


def _counted(trials: int) -> str:
    return f"{trials:,} trial" if trials == 1 else f"{trials:,} trials"


def _begin(run: str, notes: Sequence[str], trials: "Sequence[Trial]") -> None:
    print(f"{run}: {_counted(len(trials))} to repeat")
    for note in notes:
        print(f"note  {note}")


def _tell(each: "Repeated") -> None:
    trial = each.trial
    where = f"{trial.scenario} / {trial.policy} / world {trial.replicate}"
    if each.equal:
        print(f"ok    {where}: {' and '.join(each.engines)}", flush=True)
    for engine, differences in each.differences.items():
        for difference in differences:
            print(f"DIFFERENT  {where}, {engine}: {difference}", flush=True)


def _conclude(done: "Verification") -> int:
    for problem in done.problems:
        print(f"DIFFERENT  {problem}")
    columns = dict.fromkeys(name for each in done.repeated for name in each.uncompared)
    if columns:
        print(f"note  only one of the two versions of qcbench has {', '.join(columns)}")
    count, both = len(done.repeated), sum(len(each.engines) > 1 for each in done.repeated)
    told = f"{_counted(count)} repeated, {both} on both engines"
    different = sum(not each.equal for each in done.repeated)
    if different:
        print(f"{told}: {_counted(different)} not as stored")
    elif done.problems:
        print(f"{told}: equal to the last bit, but the run's files are not as they were written")
    else:
        print(f"{told}: equal to the last bit")
    return 0 if done.equal else 1
