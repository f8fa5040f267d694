"""A promotion whose trials run on a cluster; it is judged and registered here."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench.bench.run_names import HEADS
from qcbench.cli.sent.verb import Going, JobVerb, There, Told, say
from qcbench.errors import InputError
from qcbench.storage.places import shown_path

if TYPE_CHECKING:
    from qcbench.cli.where import Where
    from qcbench.tracking.begun import Begun
    from qcbench.tracking.promote_config import PromoteConfig

CONTEST = "contest.json"
"""File of a job's package with what a candidate has to face."""

SENT = "sent-policies"
"""Folder of a job's package with the policies of a contest."""


def _going(told: Told) -> Going:
    from qcbench.bench.typed import plain  # noqa: PLC0415
    from qcbench.policies.exported.folder import PACKAGED, folder_of  # noqa: PLC0415
    from qcbench.tracking.contest import contest_of  # noqa: PLC0415
    from qcbench.tracking.promote_config import compose_promote  # noqa: PLC0415

    if not told.named:
        raise InputError("submit promote: name a policy, a folder, a training run, or a model")
    config = compose_promote(told.named, told.overrides, told.config_dirs)
    contest = contest_of(config, told.config_dirs)
    brought: dict[str, Path | bytes] = {}
    data: dict[str, Any] = {
        "suite": plain(contest.suite),
        "scenarios": [plain(scenario) for scenario in contest.scenarios],
    }
    for number, policy in enumerate(data["suite"]["policies"]):
        path = policy["parameters"].get("path")
        if isinstance(path, str) and not path.startswith(PACKAGED):
            policy["parameters"]["path"] = name = f"{SENT}/{number}"
            brought[name] = folder_of(contest.suite.track, path)
    brought[CONTEST] = json.dumps(data).encode()
    return Going(contest.suite.policies[-1].label, data, brought)


def _shown(told: Told) -> Sequence[str]:
    from qcbench.bench.compose import known_policies  # noqa: PLC0415
    from qcbench.bench.overrides import nested  # noqa: PLC0415

    named = [f"policy={told.named}"] if told.named else []
    return known_policies(nested([*named, *told.overrides]), told.config_dirs)


def _work(told: Told, there: There) -> None:
    from qcbench.bench.config import ScenarioConfig, SuiteConfig  # noqa: PLC0415
    from qcbench.bench.typed import typed  # noqa: PLC0415
    from qcbench.files import read_json  # noqa: PLC0415
    from qcbench.tracking.contest import Contest, hold  # noqa: PLC0415
    from qcbench.tracking.promote_config import compose_promote  # noqa: PLC0415
    from qcbench.tracking.promotion import go_on, promote  # noqa: PLC0415
    from qcbench.tracking.verdict_view import outcome_in  # noqa: PLC0415

    if there.delivers:
        data = read_json(Path(CONTEST))
        suite = typed(SuiteConfig, data["suite"], "suite")
        scenarios = [typed(ScenarioConfig, one, "scenario") for one in data["scenarios"]]
        contest = Contest(suite, tuple(scenarios))
        hold(contest, there.place, there.cluster, "lines")
        return
    config = compose_promote(told.named, told.overrides, told.config_dirs)
    config = replace(config, cluster=there.cluster, runs_dir=str(there.place))
    command = f"qcbench promote {told.words}"
    earlier = _earlier(config, told, there.place) if there.continued else None
    if earlier is None:
        done = promote(config, "lines", command=command, config_dirs=told.config_dirs)
    else:
        folder, begun = earlier
        say(f"promotion {folder.name}: is there already, and goes on where it lacks anything")
        found = go_on(folder, replace(begun, settings=config), "lines")
        if found is None:
            say(outcome_in(folder))
            return
        done = found
    reasons = "; ".join(done.verdict.reasons)
    say(f"{done.verdict.label}: " + (f"is {done.reference}" if done.reference else reasons))


def _earlier(config: "PromoteConfig", told: Told, place: Path) -> "tuple[Path, Begun] | None":
    """Return the newest promotion that was told the same and is judged or can be gone on with."""
    from qcbench.bench.run_folder import open_run  # noqa: PLC0415
    from qcbench.bench.run_names import VERDICT, list_runs  # noqa: PLC0415
    from qcbench.tracking.begun import begun_in  # noqa: PLC0415
    from qcbench.tracking.contest import check_contest, contest_of  # noqa: PLC0415

    for folder in reversed(list_runs(place)):
        begun = begun_in(folder)
        if begun is None:
            continue
        settings = replace(begun.settings, cluster=config.cluster, runs_dir=config.runs_dir)
        if settings != config:
            continue
        if not (folder / VERDICT).is_file():
            try:
                check_contest(contest_of(config, told.config_dirs), open_run(folder))
            except InputError as error:  # such as another champion since
                say(str(error))
                return None
        return folder, begun
    return None


def _begun(told: Told, where: "Where") -> "Begun":
    """Return what was told here, as it is gone on with here.

    Raises:
        InputError: that is not known here, or not any more.
    """
    from qcbench.cli.where import key_of  # noqa: PLC0415
    from qcbench.tracking.begun import Begun  # noqa: PLC0415
    from qcbench.tracking.contest import scenarios_of  # noqa: PLC0415
    from qcbench.tracking.promote_config import compose_promote  # noqa: PLC0415

    if not told.named:
        raise InputError("what is to be promoted is known only where it was submitted")
    # A cluster that jobs are sent to is none that trials are given to from here.
    overrides = [each for each in told.overrides if key_of(each).partition(".")[0] != "cluster"]
    config = compose_promote(told.named, overrides, told.config_dirs)
    config = replace(config, tracking=where.tracking, runs_dir=where.runs_dir)
    scenarios = scenarios_of(config, told.config_dirs)
    return Begun(config, scenarios, f"qcbench promote {told.words}")


def _lacks(folder: Path, told: Told, where: "Where") -> str:
    from qcbench.api import Run  # noqa: PLC0415
    from qcbench.bench.run_names import told_name  # noqa: PLC0415
    from qcbench.tracking.begun import keep  # noqa: PLC0415

    if Run(folder).complete:
        return ""
    try:
        keep(folder, _begun(told, where))
    except InputError as error:
        return f"nothing was promoted; {error}"
    return (
        f"nothing was promoted; `qcbench resume {told_name(folder)}` runs the rest here and judges"
    )


def _announce(folder: Path, told: Told, where: "Where") -> int:
    from qcbench.bench.run_folder import open_run  # noqa: PLC0415
    from qcbench.cli.promote import announce  # noqa: PLC0415
    from qcbench.tracking.begun import keep  # noqa: PLC0415
    from qcbench.tracking.contest import check_contest, contest_of  # noqa: PLC0415
    from qcbench.tracking.promotion import conclude_kept  # noqa: PLC0415
    from qcbench.tracking.verdict_view import outcome_in, was_promoted  # noqa: PLC0415

    if outcome := outcome_in(folder):  # fetched again: to judge twice would count as two tries
        print(f"{shown_path(folder)}: was judged before; {outcome}")
        return 0 if was_promoted(folder) else 1
    try:
        begun = _begun(told, where)
    except InputError as error:
        raise InputError(f"{folder}: has the trials; {error}") from None
    contest = contest_of(begun.settings, told.config_dirs)
    check_contest(contest, open_run(folder))
    keep(folder, begun)
    return announce(begun.settings, conclude_kept(begun, contest, folder))


PROMOTE = JobVerb(
    summary="Run the trials of a promotion on a Ray cluster; judge and register here.",
    mark=HEADS["run"],
    named="POLICY",
    going=_going,
    work=_work,
    lacks=_lacks,
    announce=_announce,
    shown=_shown,
)
