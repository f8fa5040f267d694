"""`qcbench VERB ...`: finds the verb, and turns errors into one line and an exit code.

Exit codes: 0 done, 1 a run that could not go on or a check whose answer is no, 2 input that cannot
be used, 130 interrupted.
"""

import atexit
import errno
import gc
import importlib
import sys
from collections.abc import Callable, Sequence

from qcbench.caches import ensure_home
from qcbench.cli.streams import standard_streams
from qcbench.commands import command, override
from qcbench.errors import InputError, QcbenchError, nearest, one_line
from qcbench.extras import door
from qcbench.loading import check_not_loading
from qcbench.version import __version__

VERBS = {
    "run": ("qcbench.cli.run", "run a benchmark suite on Ray, store, track and report it"),
    "resume": ("qcbench.cli.resume", "run what a stopped or killed run still lacks"),
    "rerun": ("qcbench.cli.rerun", "run the trials of a stored run once more"),
    "leaderboard": ("qcbench.cli.leaderboard", "show a run's leaderboard in the terminal"),
    "runs": ("qcbench.cli.runs", "list runs, trainings, sweeps and replays"),
    "show": ("qcbench.cli.show", "say what a run is, what came of it and what to do next"),
    "verify": ("qcbench.cli.verify", "repeat trials of a run and compare them to the last bit"),
    "compare": ("qcbench.cli.compare", "compare two runs: configs, software, results"),
    "claims": ("qcbench.cli.claims", "list published claims and whether they hold, or check one"),
    "report": ("qcbench.cli.report", "write a run's HTML report"),
    "publish": ("qcbench.cli.publish", "write runs as a static site, or check its entries"),
    "browse": ("qcbench.cli.browse", "show what was published in MLflow, on this machine"),
    "track": ("qcbench.cli.track", "publish a run to MLflow, or again"),
    "simulate": ("qcbench.cli.simulate", "run one trial and print its records"),
    "submit": ("qcbench.cli.submit", "run a verb on a Ray cluster and fetch the results"),
    "train": ("qcbench.cli.train", "train an agent on a scenario"),
    "sweep": ("qcbench.cli.sweep", "train an agent many times with different settings"),
    "export": ("qcbench.cli.export", "copy the policy that a run has trained into a folder"),
    "promote": ("qcbench.cli.promote", "make a policy the champion if it beats the standing one"),
    "new": ("qcbench.cli.new", "write a policy, suite or fleet of your own to begin with"),
    "test-policy": ("qcbench.cli.test_policy", "check what a policy owes to its broker"),
    "policies": ("qcbench.cli.policies", "list the policies"),
    "plugins": ("qcbench.cli.plugins", "list what other packages bring along, and what is wrong"),
    "suites": ("qcbench.cli.suites", "list the suites and what they contain"),
    "scenarios": ("qcbench.cli.scenarios", "list the scenarios and their offered load"),
    "fleets": ("qcbench.cli.fleets", "list the fleets, or show one"),
    "fleet": ("qcbench.cli.fleet", "list, show or rebuild the catalogue of devices"),
    "workload": ("qcbench.cli.workload", "generate, convert, show or rebuild workloads"),
    "partition": ("qcbench.cli.partition", "solve, check and draw partitions of a batch"),
    "emulator": ("qcbench.cli.emulator", "emulate IBM's quantum service on this machine"),
    "replay": ("qcbench.cli.replay", "place circuits by policies and execute them on a backend"),
    "gap": ("qcbench.cli.gap", "report the gap between simulation and a replay"),
    "calibrate": ("qcbench.cli.calibrate", "write the models fitted to a replay as a scenario"),
    "doctor": ("qcbench.cli.doctor", "say what this installation lacks, and what to do"),
    "completion": ("qcbench.cli.completion", "print the tab completion of a shell"),
}
"""Every verb with the module whose ``main(arguments)`` runs it, and what it does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # A process that ends looks for garbage among all compiled kernels, seconds after its last line.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    ensure_home()
    with standard_streams() as lost:
        code = _guarded(given)
    if lost.reason and not code:
        return _say(f"standard output: {lost.reason}; what was to be shown there is lost", 1)
    return code


def _guarded(arguments: list[str]) -> int:
    """Run a verb; whatever stops it becomes one line and an exit code."""
    try:
        with door():
            return _run(arguments)
    except QcbenchError as error:
        return _say(error, error.exit_code)
    except MemoryError as error:
        return _say(f"more than the memory of this machine is asked for ({error})", 2)
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except SystemExit as ended:  # argparse has shown its help
        return ended.code if isinstance(ended.code, int) else 0
    except OSError as error:
        # A file or the system refused, and no room has said more about it.
        if error.strerror is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        # What somebody has told is too long; everything else is a fault of the machine.
        told = error.errno == errno.ENAMETOOLONG
        return _say(f"{where}{error.strerror}", InputError.exit_code if told else 1)


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(_help())
        return 0
    if arguments[0] in {"-V", "--version"}:
        print(f"qcbench {__version__}")
        return 0
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        raise InputError(f"{verb}: no such verb{_meant(verb)}")
    check_not_loading(f"qcbench {verb}")
    run: Callable[[Sequence[str]], int] = importlib.import_module(VERBS[verb][0]).main
    return run(rest)


def _meant(word: str) -> str:
    """Return a hint which verb may be meant, also by who names what a verb is for."""
    from qcbench.bench.conf_files import options_of  # noqa: PLC0415 - for who has mistyped

    verbs = {"suite": "run", "scenario": "simulate", "agent": "train"}
    for group, verb in verbs.items():
        if word in options_of(group):
            return f"; did you mean `{command(verb, override(group, word))}`?"
    return nearest(word, VERBS)


def _say(what: object, code: int) -> int:
    print(f"qcbench: {one_line(what)}", file=sys.stderr)
    return code


def _help() -> str:
    width = max(len(verb) for verb in VERBS)
    lines = [f"  {verb:<{width}}  {summary}" for verb, (_, summary) in VERBS.items()]
    return "\n".join(
        [
            "usage: qcbench VERB [arguments]",
            "",
            "Compare scheduling policies for quantum clouds.",
            "",
            *lines,
            "",
            "`qcbench VERB --help` says more. Start with `qcbench run suite=quickstart`.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
