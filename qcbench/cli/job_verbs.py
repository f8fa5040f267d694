"""The verbs that `qcbench submit` sends to a cluster: for each, one record of what is its own.

Everything else is the same for all of them: how they are sent, watched and stopped
(`qcbench.cli.cluster_jobs`), and how they are run and packed there (`jobs/run_verb.py`).
"""

import json
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcbench.cli.arguments import HydraArguments, show
from qcbench.cli.training import show_training
from qcbench.errors import InputError

if TYPE_CHECKING:
    from qcbench.bench.config import ClusterConfig
    from qcbench.cli.where import Where

CONTEST = "contest.json"
"""File of a job's package with what a candidate has to face."""

SENT = "sent-policies"
"""Folder of a job's package with the policies of a contest."""


@dataclass(frozen=True)
class Told:
    """What a verb was told.

    Attributes:
        named: the leading name; empty where there is none.
        overrides: in Hydra's syntax.
        config_dirs: the user's config folders.
    """

    named: str
    overrides: Sequence[str]
    config_dirs: Sequence[Path]

    @property
    def words(self) -> str:
        """The command line, without the verb."""
        folders = [word for path in self.config_dirs for word in ("--config-dir", str(path))]
        named = [self.named] if self.named else []
        return shlex.join([*named, *self.overrides, *folders])


@dataclass(frozen=True)
class Going:
    """What is sent of a verb.

    Attributes:
        title: in lists and ids.
        brought: files that it needs there, by their names in the package.
    """

    title: str
    brought: Mapping[str, Path | bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class There:
    """Where a verb runs on a cluster.

    Attributes:
        place: folder in which it makes its own.
        cluster: that it has joined.
        delivers: whether that folder is fetched; else it stays, and a start after another goes on
            with what the other one left where `continued`.
    """

    place: Path
    cluster: "ClusterConfig"
    delivers: bool
    continued: bool = False


@dataclass(frozen=True, kw_only=True)
class JobVerb:
    """A verb that can be sent.

    Attributes:
        summary: of `qcbench submit VERB`.
        extras: of the package, that its nodes need besides those of any node.
        mark: file that every folder has that it makes.
        place: key of the folder in which it makes that.
        stays: keys of overrides that mean something only on this side.
        named: what its leading name is; empty where it takes none.
        going: checks what was told, on this side, and returns what is sent.
        work: does it, on the other side.
        lacks: what is to be done with a folder of it that came back unfinished; empty for one that
            is finished.
        announce: shows a finished folder as the local verb does, and returns the exit code.
        shown: the overrides with which its config is printed.
        show: prints it.
    """

    summary: str
    extras: tuple[str, ...] = ()
    mark: str
    place: str = "runs_dir"
    stays: tuple[str, ...] = ("cluster.address", "cluster.token_path", "runs_dir", "tracking")
    named: str = ""
    going: Callable[[Told], Going]
    work: Callable[[Told, There], None]
    lacks: Callable[[Path, Told], str]
    announce: Callable[[Path, Told, "Where"], int]
    shown: Callable[[Told], Sequence[str]] = lambda told: told.overrides
    show: Callable[[str, HydraArguments, Sequence[str]], None] = show


def note(line: str) -> None:
    """Say something that is no result."""
    print(line, file=sys.stderr, flush=True)


def _say(line: str) -> None:
    print(line, flush=True)


def _brought(paths: Iterable[Path]) -> dict[str, Path | bytes]:
    """Return files and folders of policies by the names that the command has for them.

    Raises:
        InputError: one that does not lie below the current folder, so that it would have another
            name there.
    """
    here = Path.cwd().resolve()
    found: dict[str, Path | bytes] = {}
    for path in paths:
        whole = path.resolve()
        if path.is_absolute() or not whole.is_relative_to(here):
            raise InputError(
                f"policy {path}: what is sent along is named by a path below the current folder, "
                "to which a trained policy can be written by `qcbench export`"
            )
        found[str(whole.relative_to(here))] = whole
    return found


# --- run


def _run_going(told: Told) -> Going:
    from qcbench.api import compose_run  # noqa: PLC0415 - a second
    from qcbench.api.suites import own_files  # noqa: PLC0415
    from qcbench.bench.suite import suite_scenarios  # noqa: PLC0415

    config = compose_run(told.overrides, told.config_dirs)
    suite_scenarios(config.suite, told.config_dirs)
    return Going(config.suite.name, _brought(own_files(told.overrides, told.config_dirs)))


def _run_work(told: Told, there: There) -> None:
    from qcbench.api import RunConfig, compose_run, drive, finish, start_run  # noqa: PLC0415
    from qcbench.bench.overrides import rerun_command  # noqa: PLC0415
    from qcbench.bench.run_folder import open_run  # noqa: PLC0415
    from qcbench.bench.run_names import list_runs  # noqa: PLC0415
    from qcbench.bench.store import RunStore  # noqa: PLC0415
    from qcbench.bench.suite import expand, suite_data, suite_scenarios  # noqa: PLC0415

    def earlier(config: RunConfig) -> RunStore | None:
        """Open the newest run of the same suite and trials that can be continued, if any."""
        trials = expand(config.suite, suite_scenarios(config.suite, told.config_dirs))
        wanted = (suite_data(config.suite), config.keep_records, tuple(t.trial_id for t in trials))
        for folder in reversed(list_runs(there.place)):
            found = open_run(folder).manifest
            if (found.suite, found.keep_records, found.trial_ids) == wanted and not found.mismatch:
                return open_run(folder, write=True)
        return None

    config = compose_run(told.overrides, told.config_dirs)
    config = replace(config, cluster=there.cluster, runs_dir=str(there.place))
    command = rerun_command(told.overrides, told.config_dirs)
    store = earlier(config) if there.continued else None
    store = store or start_run(config, told.config_dirs, command)
    _say(f"run {store.manifest.run_id}: {len(store.trials)} trials, {len(store.finished)} done")
    run = drive(store, config.cluster, "lines")
    if not there.delivers:
        finish(run, config.tracking)


def _run_lacks(folder: Path, told: Told) -> str:
    from qcbench.api import Run  # noqa: PLC0415
    from qcbench.bench.run_names import told_name  # noqa: PLC0415

    del told
    going_on = f"`qcbench resume {told_name(folder)}` runs the rest here"
    return "" if Run(folder).complete else going_on


def _run_announce(folder: Path, told: Told, where: "Where") -> int:
    from qcbench.api import Run  # noqa: PLC0415
    from qcbench.cli.run import announce  # noqa: PLC0415

    del told
    announce(Run(folder), where.tracking)
    return 0


# --- train


def _train_going(told: Told) -> Going:
    from qcbench.agents.config import compose_train  # noqa: PLC0415

    return Going(compose_train(told.overrides, told.config_dirs).agent.name)


def _train_work(told: Told, there: There) -> None:
    from qcbench.agents.config import compose_train  # noqa: PLC0415 - torch: seconds
    from qcbench.agents.run_folder import alike  # noqa: PLC0415
    from qcbench.agents.training import go_on, start  # noqa: PLC0415

    config = compose_train(told.overrides, told.config_dirs)
    config = replace(config, cluster=there.cluster, runs_dir=str(there.place))
    before = alike(config) if there.continued else None
    if before is not None:
        go_on(before, there.cluster, progress="lines")
    else:
        start(config, command=f"qcbench train {told.words}", progress="lines")


def _train_lacks(folder: Path, told: Told) -> str:
    from qcbench.agents.training import trained  # noqa: PLC0415
    from qcbench.bench.run_names import told_name  # noqa: PLC0415

    del told
    found = trained(folder)
    going_on = f"`qcbench train {told_name(folder)}` goes on here"
    return "" if found is not None and found.complete else going_on


def _train_announce(folder: Path, told: Told, where: "Where") -> int:
    from qcbench.agents.curves import publish  # noqa: PLC0415
    from qcbench.agents.training import trained  # noqa: PLC0415
    from qcbench.cli.train import announce  # noqa: PLC0415

    del told
    found = trained(folder)
    if found is None:
        raise TypeError("a training that is complete was judged")
    code = announce(found)
    if where.tracking.enabled:
        publish(folder, where.tracking)
    return code


# --- sweep


def _sweep_going(told: Told) -> Going:
    from qcbench.agents.sweep.config import compose_sweep  # noqa: PLC0415

    return Going(compose_sweep(told.overrides, told.config_dirs).agent.name)


def _sweep_work(told: Told, there: There) -> None:
    from qcbench.agents.sweep.config import compose_sweep  # noqa: PLC0415
    from qcbench.agents.sweep.running import alike, go_on, sweep  # noqa: PLC0415

    config = compose_sweep(told.overrides, told.config_dirs)
    config = replace(config, cluster=there.cluster, runs_dir=str(there.place))
    before = alike(config) if there.continued else None
    if before is not None:
        go_on(before, there.cluster, say=_say)
    else:
        sweep(config, command=f"qcbench sweep {told.words}", say=_say)


def _sweep_lacks(folder: Path, told: Told) -> str:
    from qcbench.agents.sweep.running import swept  # noqa: PLC0415
    from qcbench.bench.run_names import told_name  # noqa: PLC0415

    del told
    found = swept(folder)
    going_on = f"`qcbench sweep {told_name(folder)}` goes on here"
    return "" if found is not None and found.complete else going_on


def _sweep_announce(folder: Path, told: Told, where: "Where") -> int:
    from qcbench.agents.sweep.running import conclude, swept  # noqa: PLC0415
    from qcbench.cli.sweep import announce  # noqa: PLC0415

    del told
    found = swept(folder)
    if found is None:
        raise TypeError("a sweep that is complete has results")
    return announce(conclude(found, where.tracking, note))


# --- promote


def _promote_going(told: Told) -> Going:
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
    return Going(contest.suite.policies[-1].label, brought)


def _promote_shown(told: Told) -> Sequence[str]:
    from qcbench.bench.compose import known_policies  # noqa: PLC0415
    from qcbench.bench.overrides import nested  # noqa: PLC0415

    named = [f"policy={told.named}"] if told.named else []
    return known_policies(nested([*named, *told.overrides]), told.config_dirs)


def _promote_work(told: Told, there: There) -> None:
    from qcbench.bench.config import ScenarioConfig, SuiteConfig  # noqa: PLC0415
    from qcbench.bench.typed import typed  # noqa: PLC0415
    from qcbench.files import read_json  # noqa: PLC0415
    from qcbench.tracking.contest import Contest, hold  # noqa: PLC0415
    from qcbench.tracking.promote_config import compose_promote  # noqa: PLC0415
    from qcbench.tracking.promotion import promote  # noqa: PLC0415

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
    done = promote(config, "lines", command=command, config_dirs=told.config_dirs)
    reasons = "; ".join(done.verdict.reasons)
    _say(f"{done.verdict.label}: " + (f"is {done.reference}" if done.reference else reasons))


def _promote_lacks(folder: Path, told: Told) -> str:
    from qcbench.api import Run  # noqa: PLC0415

    judged_here = f"`qcbench promote {told.words}` judges it here"
    return "" if Run(folder).complete else f"nothing was promoted; {judged_here}"


def _promote_announce(folder: Path, told: Told, where: "Where") -> int:
    from qcbench.cli.promote import announce  # noqa: PLC0415
    from qcbench.tracking.contest import contest_of  # noqa: PLC0415
    from qcbench.tracking.promote_config import compose_promote  # noqa: PLC0415
    from qcbench.tracking.promotion import conclude  # noqa: PLC0415

    if not told.named:
        raise InputError(
            f"{folder}: has the trials; what is to be promoted by them is known only where it was "
            "submitted"
        )
    config = compose_promote(told.named, told.overrides, told.config_dirs)
    config = replace(config, tracking=where.tracking, runs_dir=where.runs_dir)
    command = f"qcbench promote {told.words}"
    contest = contest_of(config, told.config_dirs)
    return announce(config, conclude(config, contest, folder, command))


# --- replay


def _replay_told(told: Told) -> list[str]:
    """Return the overrides of a replay itself: it runs in one process, whatever the cluster."""
    from qcbench.cli.where import key_of  # noqa: PLC0415

    return [text for text in told.overrides if key_of(text).partition(".")[0] != "cluster"]


def _replay_shown(told: Told) -> Sequence[str]:
    from qcbench.hardware.replay_config import long_forms  # noqa: PLC0415

    return long_forms(_replay_told(told))


def _replay_going(told: Told) -> Going:
    from qcbench.cli.where import key_of  # noqa: PLC0415
    from qcbench.hardware.manifest import place_of  # noqa: PLC0415
    from qcbench.hardware.providers.registry import provider_of  # noqa: PLC0415
    from qcbench.hardware.replay_config import compose_replay, own_files  # noqa: PLC0415

    config = compose_replay(_replay_told(told), told.config_dirs)
    if config.dry_run:
        raise InputError("dry_run=true: submits nothing; leave out `submit`")
    provider = provider_of(config.backend)
    theirs = {f"backend.{key}" for key in provider.secrets}
    if theirs and not theirs & set(map(key_of, told.overrides)):
        raise InputError(
            f"backend={provider.name}: a token is never sent; where the nodes have one of their "
            "own, name its file there as backend.token_path=/PATH or its variable as "
            "backend.token_env=NAME"
        )
    paths = [
        Path(str(policy.parameters["path"]))
        for policy in config.policies
        if "path" in policy.parameters
    ]
    folders = [path for path in paths if path.is_dir()]
    files = own_files(_replay_told(told), told.config_dirs)
    return Going(place_of(config).name, _brought([*folders, *files]))


def _replay_work(told: Told, there: There) -> None:
    from qcbench.hardware.port import BackendError  # noqa: PLC0415
    from qcbench.hardware.replay import run_replay  # noqa: PLC0415
    from qcbench.hardware.replay_config import compose_replay  # noqa: PLC0415

    config = compose_replay(_replay_told(told), told.config_dirs)
    try:
        run_replay(replace(config, replays_dir=str(there.place)), _say)
    except BackendError as error:
        raise InputError(f"backend={config.backend.kind}: {error}") from error


def _replay_lacks(folder: Path, told: Told) -> str:
    from qcbench.hardware.manifest import open_replay  # noqa: PLC0415

    if open_replay(folder).table.is_file():
        return ""
    again = replace(told, overrides=[*_replay_told(told), f"name={folder.name}"])
    return f"`qcbench replay {again.words}` goes on here"


def _replay_announce(folder: Path, told: Told, where: "Where") -> int:
    from qcbench.cli.replay import announce  # noqa: PLC0415
    from qcbench.hardware.replay import played  # noqa: PLC0415

    del told, where
    announce(played(folder))
    return 0


VERBS: Mapping[str, JobVerb] = {
    "run": JobVerb(
        summary="Run a suite on a Ray cluster and fetch the results.",
        mark="manifest.json",
        going=_run_going,
        work=_run_work,
        lacks=_run_lacks,
        announce=_run_announce,
    ),
    "train": JobVerb(
        summary="Train an agent on a Ray cluster and fetch the run.",
        extras=("agents",),
        mark="training.json",
        show=show_training,
        going=_train_going,
        work=_train_work,
        lacks=_train_lacks,
        announce=_train_announce,
    ),
    "sweep": JobVerb(
        summary="Train an agent many times on a Ray cluster and fetch the sweep.",
        extras=("agents",),
        mark="sweep.yaml",
        show=show_training,
        going=_sweep_going,
        work=_sweep_work,
        lacks=_sweep_lacks,
        announce=_sweep_announce,
    ),
    "promote": JobVerb(
        summary="Run the trials of a promotion on a Ray cluster; judge and register here.",
        mark="manifest.json",
        named="POLICY",
        going=_promote_going,
        work=_promote_work,
        lacks=_promote_lacks,
        announce=_promote_announce,
        shown=_promote_shown,
    ),
    "replay": JobVerb(
        summary="Replay a stream of circuits on a node of a cluster and fetch the replay.",
        extras=("hardware",),
        mark="replay.json",
        place="replays_dir",
        stays=("cluster", "replays_dir", "tracking"),
        going=_replay_going,
        work=_replay_work,
        lacks=_replay_lacks,
        announce=_replay_announce,
        shown=_replay_shown,
    ),
}
