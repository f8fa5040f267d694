"""`qcbench show`: what a run is, what came of it, and what can be done with it."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from qcbench.cli.arguments import Parser, as_option
from qcbench.cli.stages import stage
from qcbench.commands import word
from qcbench.errors import QcbenchError, one_line

if TYPE_CHECKING:
    from qcbench.api import Run
    from qcbench.bench.listing import Listed
    from qcbench.bench.run_names import Kind
    from qcbench.report.run import RunDescription

Line = tuple[str, str]
"""What is said, under its head; an empty head goes on with the one before."""

MOST_LINES = 12
"""Changes and failures that are shown."""

NEXT = {
    "training": ("promote", "export", "track"),
    "sweep": ("sweep",),
    "replay": ("gap",),
}
"""Verbs that take what is no run of a suite."""


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(
        prog="qcbench show",
        description="Say what a run is: command, configs, software, states, headline, and what to"
        " do next. Also of trainings, sweeps and replays.",
    )
    parser.add_argument("run", nargs="?", help="id, beginning of one, or path; the latest if none")
    parser.add_argument("--runs-dir", default="runs", help="folder of all runs (default: runs)")
    parser.add_argument("--replays-dir", default="replays", help="folder of all replays")
    options = parser.parse_args([as_option(text) for text in arguments])
    from qcbench.bench.listing import look_at  # noqa: PLC0415 - after the help
    from qcbench.bench.run_names import HEADS, find, find_any  # noqa: PLC0415
    from qcbench.storage.places import runs_folder  # noqa: PLC0415

    runs = runs_folder(options.runs_dir)
    kind: Kind = "run"
    if options.run is None:
        folder = find("run", runs)
    else:
        folder, kind = find_any(HEADS, (runs, Path(options.replays_dir)), options.run)
    with stage("reading the run", logged=False):
        if kind == "run":
            from qcbench.api import Run  # noqa: PLC0415

            lines = list(_of_run(Run(folder)))
        else:
            lines = list(_of_other(look_at(folder, kind)))
    _print(lines)
    return 0


def _print(lines: Iterable[Line]) -> None:
    for head, text in lines:
        print(f"{head:<10}  {one_line(text)}", flush=True)


def _of_run(run: "Run") -> Iterator[Line]:
    from qcbench.bench.run_names import PROMOTION_SUITE, told_name  # noqa: PLC0415
    from qcbench.report.run import describe_run  # noqa: PLC0415
    from qcbench.storage.places import shown_path  # noqa: PLC0415
    from qcbench.tracking.begun import begun_in  # noqa: PLC0415
    from qcbench.tracking.mlflow_view import link_in_file, trouble_in_file  # noqa: PLC0415
    from qcbench.tracking.verdict_view import outcome_in  # noqa: PLC0415

    about, name = describe_run(run.folder, run.expected, run.manifest), told_name(run.folder)
    suite = run.suite
    yield "run", run.folder.name
    yield "suite", suite.headed
    begun = begun_in(run.folder)
    verdict = unknown = ""
    try:
        verdict = outcome_in(run.folder)
    except QcbenchError as error:
        unknown = f"not known: {error}"
    lacking = not run.complete or (begun is not None and not (verdict or unknown))
    yield "state", _state(run, lacking)
    yield "began", _began(about)
    command = begun.command if begun else about.told
    if command:
        yield "told", command
    if begun is None and suite.name != PROMOTION_SUITE:  # a promotion has no file of its suite
        yield from _headed("changed", _changed(run, about))
    yield from _headed("software", _software(run, about))
    scenarios = list(about.scenarios)
    yield "scenarios", f"{len(scenarios)}: {', '.join(scenarios)}"
    labels = dict.fromkeys(trial.policy for trial in run.manifest.trials)
    names = (f"{label} (baseline)" if label == suite.baseline else label for label in labels)
    yield "policies", f"{len(labels)}: {', '.join(names)}"
    failures = Counter((one["policy"], one["scenario"], one["error"]) for one in run.failures)
    yield from _headed(
        "failed", [f"{n} x {p} in {s}: {why}" for (p, s, why), n in failures.most_common()]
    )
    yield from _headed("damaged", run.warnings)
    yield "result", _headline(run)
    if begun is not None or verdict or unknown:
        yield "verdict", unknown or verdict or f"none yet; `qcbench resume {name}`"
    report = run.folder / "report.html"
    yield "report", shown_path(report) if report.is_file() else f"none; `qcbench report {name}`"
    link, browse = link_in_file(run.folder)
    track = f"`qcbench track {name}`"
    trouble = "" if link else trouble_in_file(run.folder)
    missing = f"not known ({trouble})" if trouble else f"not in MLflow's file here; {track}"
    yield "tracking", link or missing
    if browse:
        yield "browse it", browse
    verbs = ["resume"] if lacking else []
    verbs += ["leaderboard", "verify"] if run.trials.height else []
    yield from _headed("next", [f"qcbench {verb} {name}" for verb in [*verbs, "rerun"]])


def _headed(head: str, texts: Sequence[str]) -> Iterator[Line]:
    for place, text in enumerate(texts[:MOST_LINES]):
        yield "" if place else head, text
    if len(texts) > MOST_LINES:
        yield "", f"and {len(texts) - MOST_LINES} more"


def _state(run: "Run", lacking: bool) -> str:
    from qcbench.locks import is_running  # noqa: PLC0415

    there, failed = run.trials.height, len(run.failures)
    word = "running" if is_running(run.folder) else "unfinished" if lacking else "complete"
    return f"{word}: {there:,} of {run.expected:,} trials have a result, {failed:,} of them failed"


def _began(about: "RunDescription") -> str:
    took = "" if about.run_s is None else f", {about.run_s:.1f} s of trials"
    machine = about.machine
    kind = [machine.get("processor"), f"{machine['cores']} cores" if "cores" in machine else None]
    return f"{about.date or 'unknown'}{took}, {', '.join(filter(None, kind)) or 'unknown machine'}"


def _software(run: "Run", about: "RunDescription") -> list[str]:
    """Name the versions, and what would now be otherwise."""
    versions = ", ".join(f"{name} {version}" for name, version in about.versions.items())
    found = [f"{versions}; model version {run.manifest.model_version}"]
    if about.commit:
        found.append(f"commit {about.commit}")
    if run.manifest.mismatch:
        found.append(f"cannot be continued here: {run.manifest.mismatch}")
    return found


def _changed(run: "Run", about: "RunDescription") -> list[str]:
    """Say where the suite was otherwise than its file is now."""
    from qcbench.api import compose_run  # noqa: PLC0415
    from qcbench.bench.changes import from_its_file  # noqa: PLC0415
    from qcbench.bench.suite import suite_data  # noqa: PLC0415

    words = shlex.split(about.told or "")
    named = next((w for w in words if w.startswith("suite=")), f"suite={run.suite.name}")
    folders = [Path(after) for word, after in pairwise(words) if word == "--config-dir"]
    try:
        file = suite_data(compose_run([named, "tracking=none"], folders).suite)
    except QcbenchError as error:
        return [f"not known: what the suite's file says now cannot be put together here ({error})"]
    found = from_its_file(run.manifest.suite, file)
    return [f"{c.key}: {_value(c.second)}; in the file {_value(c.first)}" for c in found]


def _value(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _headline(run: "Run") -> str:
    from qcbench.report.rows import headline  # noqa: PLC0415

    try:
        return headline(run.summary())
    except QcbenchError as error:
        return str(error)


def _of_other(found: "Listed") -> Iterator[Line]:
    """Say what is known of a training, sweep or replay."""
    from qcbench.agents.told import judge_it, train_best  # noqa: PLC0415
    from qcbench.bench.run_names import told_name  # noqa: PLC0415
    from qcbench.storage import mirror  # noqa: PLC0415
    from qcbench.storage.places import shown_path  # noqa: PLC0415

    yield found.kind, found.id
    yield "state", found.problem or (f"{found.state}: {found.left}" if found.left else found.state)
    yield "folder", shown_path(found.folder)
    if found.began:
        yield "began", f"{found.began:%Y-%m-%d %H:%M} UTC"
    if found.subject:
        yield "scenario", found.subject
    if found.policies:
        yield "agent" if found.kind == "training" else "policies", ", ".join(found.policies)
    if found.version:
        yield "software", f"qcbench {found.version}"
    replay = found.kind == "replay"
    name = word(found.folder) if replay else told_name(found.folder)
    verbs = ["train"] if found.kind == "training" and found.state == "unfinished" else []
    verbs += [] if found.state == "damaged" else NEXT[found.kind]
    said = [f"qcbench {verb} {name}" for verb in verbs]
    mirror.pull(found.folder / ("exported" if found.kind == "training" else "conf"))
    if found.kind == "training" and "promote" in verbs:
        said[verbs.index("promote")] = judge_it(found.folder)
    if (
        found.kind == "sweep"
        and found.state == "complete"
        and (training := train_best(found.folder))
    ):
        said.insert(0, training)
    yield from _headed("next", said)
