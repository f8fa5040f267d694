"""The Python API: the verbs of the command line as functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from qcbench.bench import environments
from qcbench.bench.cluster import check as check_cluster
from qcbench.bench.compose import (
    compose,
    compose_policy,
    compose_scenario,
    known_policies,
    of_track,
    suite_config,
    to_plain,
)
from qcbench.bench.config import ClusterConfig, Engine, ScenarioConfig, SuiteConfig
from qcbench.bench.driver import run_trials
from qcbench.bench.metrics.names import goal_of
from qcbench.bench.overrides import nested
from qcbench.bench.progress import Kind, make_progress
from qcbench.bench.run import PolicyFactory, simulate_trial
from qcbench.bench.scenario import resolve_scenario
from qcbench.bench.store import RunStore, create_run, find_run
from qcbench.bench.store import open_run as open_store
from qcbench.bench.suite import check_suite, expand, suite_scenarios
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain, typed
from qcbench.cloud.records import Records
from qcbench.configs import config
from qcbench.envs.worlds import Split
from qcbench.errors import InputError
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.stats.summary import Summary
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.references import resolve_policy

if TYPE_CHECKING:
    import gymnasium
    import polars as pl
    from gymnasium.vector import VectorEnv

    from qcbench.agents.training import Trained
    from qcbench.hardware.gap.analysis import Gap
    from qcbench.hardware.replay import Replay


USUAL_POLICY = {"allocation": "speed", "queueing": "fifo", "partition": "pragm_pp"}
"""What `qcbench simulate` takes where no policy is named, on tracks other than placement."""


@config
class RunConfig:
    """Everything that `qcbench run` is told: `conf/run.yaml`.

    Attributes:
        runs_dir: folder of all runs.
        keep_records: store one row a task of every trial, not only its metrics.
    """

    suite: SuiteConfig
    cluster: ClusterConfig
    tracking: TrackingConfig
    runs_dir: str = "runs"
    keep_records: bool = False


@config
class ResumeConfig:
    """How to go on with a run: `conf/resume.yaml`.

    Attributes:
        runs_dir: folder of all runs.
        retry_failed: run again what is recorded as failed.
    """

    cluster: ClusterConfig
    tracking: TrackingConfig
    runs_dir: str = "runs"
    retry_failed: bool = False


@config
class SimulateConfig:
    """Everything that `qcbench simulate` is told: `conf/simulate.yaml`.

    Attributes:
        suite_name: name of the suite whose worlds are drawn.
        seed: the replicate.
        master_seed: the suite's seed.
        engine: `simpy`, or `compiled` for the numba twin of the same cloud.
        output: where the records go; `-` is standard output.
        format: of the records; by the ending of `output` where `auto`, CSV on standard output.
        tracking: where a policy that is named `models:/...` is registered.
        runs_dir: folder of all runs, beside which the default registry lies.
    """

    scenario: ScenarioConfig
    policy: PolicyConfig
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    runs_dir: str = "runs"
    suite_name: str = "simulate"
    seed: int = 0
    master_seed: int = 0
    engine: Engine = "simpy"
    output: str = "-"
    format: str = "auto"


def compose_run(overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()) -> RunConfig:
    """Compose what a run is told from Hydra overrides.

    Raises:
        InputError: a group, key or value that does not exist or does not fit.
    """
    data = to_plain(compose("run", overrides, config_dirs))
    suite = suite_config(data.pop("suite", None), config_dirs)
    rest = typed(RunConfig, {**data, "suite": plain(suite)}, "")
    suite = _with_policies(suite, rest.tracking, rest.runs_dir)
    check_suite(suite)
    return replace(rest, suite=suite)


def _with_policies(suite: SuiteConfig, tracking: TrackingConfig, runs: str) -> SuiteConfig:
    """Return a suite whose policies are found, wherever they lie."""
    found = [resolve_policy(policy, suite.track, tracking, runs) for policy in suite.policies]
    labels = {p.label: f.label for p, f in zip(suite.policies, found, strict=True)}
    baseline = labels.get(suite.baseline, suite.baseline)
    return replace(suite, policies=found, baseline=baseline)


def compose_simulate(
    overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()
) -> SimulateConfig:
    """Compose what a simulation is told from Hydra overrides."""
    complete = known_policies(nested(overrides), config_dirs)
    data = to_plain(compose("simulate", complete, config_dirs))
    track = data["scenario"].get("track")
    if track in USUAL_POLICY and not any(
        text.lstrip("+~").startswith("policy") for text in complete
    ):
        usual = known_policies([f"policy={USUAL_POLICY[track]}"], config_dirs)
        data = to_plain(compose("simulate", [*usual, *complete], config_dirs))
    told = typed(SimulateConfig, data, "")
    policy = of_track(plain(told.policy), told.scenario.track, config_dirs)
    chosen = typed(PolicyConfig, policy, "policy")
    found = resolve_policy(chosen, told.scenario.track, told.tracking, told.runs_dir)
    return replace(told, policy=found)


def compose_resume(overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()) -> ResumeConfig:
    """Compose how a run is gone on with from Hydra overrides."""
    return typed(ResumeConfig, to_plain(compose("resume", overrides, config_dirs)), "")


def trial_of(told: SimulateConfig) -> Trial:
    """Return the one trial that a simulation runs."""
    told = replace(told, policy=registry.resolve(told.scenario.track, told.policy))
    scenario = resolve_scenario(told.scenario, told.suite_name, told.master_seed)
    return Trial(
        ordinal=0,
        suite=told.suite_name,
        scenario=scenario.name,
        policy=told.policy.label or told.policy.name,
        replicate=told.seed,
        seed=told.master_seed,
        engine=told.engine,
        scenario_config=plain(scenario),
        policy_config=plain(told.policy),
    )


def simulate(
    scenario: str | ScenarioConfig = "placement/qce5",
    policy: str | Mapping[str, Any] | PolicyFactory = "earliest_completion",
    seed: int = 0,
    *,
    overrides: Sequence[str] = (),
    suite: str = "simulate",
    engine: Engine = "simpy",
    config_dirs: Sequence[Path] = (),
    tracking: TrackingConfig | None = None,
    runs_dir: str = "runs",
) -> Records:
    """Run one trial and return its records.

    Args:
        scenario: name below `conf/scenario`, or a config.
        policy: a name, a model such as `models:/placement@champion`, the folder of an exported
            policy, a mapping with `name` and `parameters`, or your own factory: a function that
            takes a `PolicyContext` and returns the function that decides.
        seed: the replicate: which world.
        overrides: Hydra overrides relative to the scenario, such as `workload.tasks=200`.
        suite: with a suite's name, the worlds are those of that suite.
        engine: `simpy`, or `compiled` for the numba twin of the same cloud.
        config_dirs: folders of your own configs.
        tracking: where models are registered; the default store of `runs_dir` where None.
        runs_dir: folder of all runs.

    Raises:
        InputError: a name, key or value that does not exist or does not fit.
        PolicyError: the policy took a decision that its track does not know.
    """
    if isinstance(scenario, str):
        scenario = compose_scenario(scenario, overrides, config_dirs)
    elif overrides:
        raise InputError("overrides: go with a scenario's name, not with a config")
    if engine not in get_args(Engine):
        raise InputError(f"engine: {engine!r}; must be one of {', '.join(get_args(Engine))}")
    factory = policy if callable(policy) else None
    named = {"name": "custom"} if callable(policy) else compose_policy(policy, config_dirs)
    if factory is None:
        named = of_track(named, scenario.track, config_dirs)
    chosen = typed(PolicyConfig, named, "policy")
    if factory is None:
        chosen = resolve_policy(chosen, scenario.track, tracking, runs_dir)
    scenario = resolve_scenario(scenario, suite, seed=0)
    trial = Trial(
        ordinal=0,
        suite=suite,
        scenario=scenario.name,
        policy=chosen.label or chosen.name,
        replicate=seed,
        engine=engine,
        scenario_config=plain(scenario),
        policy_config=plain(chosen),
    )
    return simulate_trial(trial, factory)


def environment(
    scenario: str | ScenarioConfig = "placement/qce5",
    *,
    overrides: Sequence[str] = (),
    split: Split = "train",
    suite: str = "simulate",
    discrete: bool = False,
    config_dirs: Sequence[Path] = (),
    **options: Any,
) -> "gymnasium.Env[Any, Any]":
    """Return a Gymnasium environment whose episodes are worlds of a scenario, on the SimPy cloud.

    Args:
        scenario: name below `conf/scenario`, or a config.
        overrides: Hydra overrides relative to the scenario, such as `workload.tasks=200`.
        split: train, validation or test; they share no world. Test has those of `simulate` or,
            with `suite`, of that suite.
        discrete: of track allocation, the variant that chooses sets of QPUs.
        options: see `docs/environments.md`.

    Raises:
        InputError: a name, key or value that does not exist or does not fit.
    """
    source = environments.world_source(
        scenario, overrides=overrides, suite=suite, config_dirs=config_dirs
    )
    return environments.environment(source, split=split, discrete=discrete, **options)


def vector_environment(
    scenario: str | ScenarioConfig = "placement/qce5",
    num_envs: int = 64,
    *,
    overrides: Sequence[str] = (),
    split: Split = "train",
    suite: str = "simulate",
    discrete: bool = False,
    config_dirs: Sequence[Path] = (),
    **options: Any,
) -> "VectorEnv[Any, Any, Any]":
    """Return many environments of a scenario on the kernel; arguments as of `environment`."""
    source = environments.world_source(
        scenario, overrides=overrides, suite=suite, config_dirs=config_dirs
    )
    return environments.vector_environment(
        source, num_envs, split=split, discrete=discrete, **options
    )


class Run:
    """A run in the store: what it is, its result table, its summary.

    Attributes:
        folder: where it lies.
        suite: the resolved suite.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = open_store(folder)
        self.suite = typed(SuiteConfig, self._store.manifest.suite, "suite")

    @property
    def trials(self) -> "pl.DataFrame":
        """The result table: one row a trial that has a result, in the order of the suite."""
        return self._store.table()

    @property
    def timings(self) -> "pl.DataFrame":
        """Times, worker and attempt of each trial."""
        return self._store.timings()

    @property
    def failures(self) -> list[dict[str, Any]]:
        """Failed trials with their tracebacks."""
        return self._store.failures()

    @property
    def complete(self) -> bool:
        """Whether every trial has a result."""
        return len(self._store.finished) == len(self._store.manifest.trial_ids)

    def records(self, trial_id: str) -> "pl.DataFrame":
        """Return one row a task of a trial, where the run kept them."""
        return self._store.records(trial_id)

    def report(self) -> Path:
        """Write `report.html` and `figures/` into the run's folder; return the page's path."""
        from qcbench.report.html import write_report  # noqa: PLC0415
        from qcbench.report.run import describe_run  # noqa: PLC0415

        return write_report(
            self.folder,
            trials=self.trials,
            summary=self.summary(),
            run=describe_run(self.folder),
        )

    def summary(self, metric: str | None = None) -> Summary:
        """Summarise the results per scenario and policy.

        Args:
            metric: column of the result table; the suite's primary metric where None, with the
                suite's goal. Of another one, less is better unless it is known to be a gain.
        """
        from qcbench.stats.summary import summarise  # noqa: PLC0415

        trials = self.trials
        if trials.is_empty():
            name = self.folder.name
            raise InputError(
                f"run {name}: no trial has a result yet; go on with `qcbench resume {name}`"
            )
        metric = metric or self.suite.primary_metric
        own = metric == self.suite.primary_metric

        return summarise(
            trials,
            metric=metric,
            goal=self.suite.goal if own else goal_of(metric),
            baseline=self.suite.baseline,
            seed=self.suite.seed,
        )


def start_run(told: RunConfig, config_dirs: Sequence[Path] = ()) -> RunStore:
    """Expand a suite and make its run folder; nothing has been simulated yet.

    Raises:
        InputError: anything that would stop the run later; then there is no folder.
    """
    from qcbench.tracking.client import check_store  # noqa: PLC0415

    check_cluster(told.cluster)
    check_store(told.tracking, Path(told.runs_dir))
    scenarios = suite_scenarios(told.suite, config_dirs)
    trials = expand(told.suite, scenarios)
    return create_run(
        Path(told.runs_dir),
        plain(told.suite),
        trials,
        track=told.suite.track,
        keep_records=told.keep_records,
    )


def drive(
    store: RunStore,
    cluster: ClusterConfig,
    progress: Kind = "auto",
    *,
    retry_failed: bool = False,
) -> Run:
    """Run what a run still lacks, and return it.

    Raises:
        InputError: a cluster that cannot be used.
        RunError: no worker, or no result for too long; what is stored stays.
        KeyboardInterrupt: stopped; `resume` runs the rest.
    """
    function = "run_recorded_trial" if store.manifest.keep_records else "run_trial"
    with store:
        outcome = run_trials(
            store.trials,
            f"qcbench.bench.run:{function}",
            store,
            cluster,
            make_progress(progress),
            retry_failed=retry_failed,
        )
    if outcome.interrupted:
        raise KeyboardInterrupt
    return Run(store.folder)


def run_suite(
    suite: str = "quickstart",
    overrides: Sequence[str] = (),
    *,
    config_dirs: Sequence[Path] = (),
    progress: Kind = "auto",
) -> Run:
    """Run a suite on Ray, store, track and report it; what `qcbench run` does.

    Args:
        suite: name below `conf/suite`.
        overrides: Hydra overrides, such as `suite.replicates=5` or `cluster.workers=4`.
        config_dirs: folders of your own configs.
        progress: `bar`, `lines`, `silent`, or `auto`.
    """
    told = compose_run([f"suite={suite}", *overrides], config_dirs)
    run = drive(start_run(told, config_dirs), told.cluster, progress)
    finish(run, told.tracking)
    return run


@dataclass(frozen=True)
class Published:
    """Where a finished run can be looked at.

    Attributes:
        report: path of the HTML report.
        link: address of its table in MLflow; empty where tracking is off.
        command: command that serves that address; empty where a server does already.
    """

    report: Path
    link: str = ""
    command: str = ""


def finish(run: Run, tracking: TrackingConfig) -> Published:
    """Write the report of a run and show it in MLflow."""
    report = run.report()
    if not tracking.enabled:
        return Published(report)
    from qcbench.tracking.mlflow_view import publish  # noqa: PLC0415

    shown = publish(
        run.folder, trials=run.trials, summary=run.summary(), suite=run.suite, tracking=tracking
    )
    return Published(report, shown.link, shown.command)


def resume(
    run: str | None = None,
    *,
    runs_dir: str = "runs",
    cluster: ClusterConfig | None = None,
    progress: Kind = "auto",
) -> Run:
    """Run what a stopped or killed run still lacks; nothing where it is complete."""
    folder = find_run(Path(runs_dir), run)
    return drive(open_store(folder, write=True), cluster or ClusterConfig(), progress)


def open_run(run: str | None = None, *, runs_dir: str = "runs") -> Run:
    """Return a stored run by id, by the beginning of one, or by path; the latest where None."""
    return Run(find_run(Path(runs_dir), run))


def train(
    overrides: Sequence[str] = (),
    *,
    config_dirs: Sequence[Path] = (),
    progress: Kind = "auto",
) -> "Trained":
    """Train an agent on a scenario; what `qcbench train` does.

    Args:
        overrides: such as `agent=reference_ppo`, `scenario=placement/qce5`, `seed=1`.
        config_dirs: folders of your own configs.
        progress: `bar`, `lines`, `silent`, or `auto`.

    Returns:
        Its folder, with the best policy in `exported`, and how that was judged.
    """
    from qcbench.agents.config import compose_train  # noqa: PLC0415 - torch
    from qcbench.agents.training import start  # noqa: PLC0415

    return start(compose_train(overrides, config_dirs), progress=progress)


def replay(
    overrides: Sequence[str] = (),
    *,
    config_dirs: Sequence[Path] = (),
    say: Callable[[str], None] = lambda _line: None,
) -> "Replay":
    """Replay a stream of circuits on a backend, or the rest of one; what `qcbench replay` does.

    Args:
        overrides: such as `policy=greedy`, `tasks=60` or `backend=local`.
        config_dirs: folders of your own configs.
        say: hears lines of progress.

    Returns:
        Its folder, its table and what was charged; see docs/hardware.md.
    """
    from qcbench.hardware.replay import run_replay  # noqa: PLC0415 - qiskit
    from qcbench.hardware.told import compose_replay  # noqa: PLC0415

    return run_replay(compose_replay(overrides, config_dirs), say)


def gap(replay: str | None = None, *, replays_dir: str = "replays", seed: int = 0) -> "Gap":
    """Return the gap between simulation and a stored replay; the latest where None."""
    from qcbench.hardware.results import gap_of  # noqa: PLC0415 - scipy

    return gap_of(replay, replays_dir, seed)[2]
