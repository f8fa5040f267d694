"""The config of `qcbench replay`: `conf/replay.yaml`, composed and checked."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import field, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Interval, Le, MinLen

from qcbench.bench.compose import compose, compose_policy, of_track, to_plain
from qcbench.bench.config import ScenarioConfig
from qcbench.bench.folders import check_folder_name
from qcbench.bench.overrides import nested
from qcbench.bench.plugged import plugins_used
from qcbench.bench.scenario import resolve_scenario
from qcbench.bench.typed import plain, typed
from qcbench.configs import Count, NotNegative, Positive, Seed, config
from qcbench.errors import InputError
from qcbench.hardware import circuits, qpy
from qcbench.hardware.backend import BackendConfig
from qcbench.hardware.circuits import read_qpy
from qcbench.hardware.providers.registry import conf_dirs, provider_of
from qcbench.hardware.qpy import is_qpy, qpy_bytes, qpy_files
from qcbench.policies.config import PolicyConfig
from qcbench.policies.source import files_of
from qcbench.storage.places import runs_folder
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.references import policy_of_run, resolve_policy
from qcbench.urls import check_no_url
from qcbench.workload.circuits.qiskit_identity import code_hash, extraction_identity

MOST_SHOTS = 100_000
"""More than a device executes in one job."""

ANCHOR_SHOTS = 1_000
"""Of an anchor circuit."""

SUITE = "replay"
"""Name of the suite whose worlds replays draw."""

TABLING = (Path(circuits.__file__), Path(qpy.__file__))
"""Files whose code makes a table of features of QPY circuits, besides that of the features."""


@config
class ReplayConfig:
    """A stream of circuits, the policies that place it, and the backend that executes it.

    Attributes:
        policies: what is compared, interleaved at random; every task is placed by each of them.
        tasks: how many tasks of the scenario's workload; those of the scenario where None.
        shots: levels of shots, one drawn for each task, each about as often; with two, what a job
            takes is told apart from what a shot takes. Those of the workload where None.
        repeat: on how many days the same tasks are replayed; each call of the same command plays
            the next repetition.
        repetition: which of them; the next one that is not at its end where None.
        concurrency: a closed loop: the next task comes when fewer jobs than this are open, and
            arrivals count for nothing; the stream's arrivals where None.
        blocks: of tasks, in each of which every policy places all of them alone, one policy after
            another in an order that is drawn; all are interleaved where None.
        waits: on which completions interleaved policies are compared: as they were measured, or
            without the waits that the other policies' jobs caused.
        circuits: file or folder of OpenQASM or QPY circuits instead of the scenario's.
        seed: the replicate: which world.
        master_seed: of all that is drawn.
        budget_s: QPU seconds that may be spent, all runs of this replay together; a real account
            needs one.
        budget_usd: the same in dollars, of a provider that charges those.
        mirror: measure the fidelity of every compiled circuit by its mirror circuit.
        mirror_batch: mirror circuits in one job.
        anchors: how often anchor circuits are executed on every device: before the stream, after
            everything, and in between; not at all where None.
        level: optimisation level of the compilation.
        deadline_s: from a submit to the job's end, by the backend's clock; then it is cancelled.
        poll_s: wall-clock time between two looks at the open jobs.
        watch: go on by itself until nothing is left to wait for.
        yes: confirms what a replay on a real account may cost.
        dry_run: print the plan and its estimated cost, and submit nothing.
        tracking: where a policy that is named `models:/...` is registered.
        runs_dir: folder of all runs, beside which that is by default.
        replays_dir: folder of all replays.
        name: of the replay's folder; made from its hash where empty.
    """

    scenario: ScenarioConfig
    backend: BackendConfig
    policies: Annotated[list[PolicyConfig], MinLen(1)]
    tasks: Count | None = None
    shots: Annotated[list[Annotated[Count, Le(MOST_SHOTS)]], MinLen(1)] | None = None
    repeat: Count = 1
    repetition: Count | None = None
    concurrency: Count | None = None
    blocks: Annotated[int, Interval(ge=2, le=1000)] | None = None
    waits: Literal["as_measured", "alone"] = "as_measured"
    circuits: str | None = None
    seed: Seed = 0
    master_seed: Seed = 0
    budget_s: NotNegative | None = None
    budget_usd: NotNegative | None = None
    mirror: bool = True
    mirror_batch: Count = 10
    anchors: Annotated[int, Interval(ge=2, le=50)] | None = None
    level: Annotated[int, Interval(ge=0, le=3)] = 3
    deadline_s: Positive = 86_400.0
    poll_s: Positive = 1.0
    watch: bool = False
    yes: bool = False
    dry_run: bool = False
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    runs_dir: str = "runs"
    replays_dir: str = "replays"
    name: str = ""

    def __post_init__(self) -> None:
        if self.scenario.track != "placement":
            raise InputError(
                f"scenario {self.scenario.name}: is of track {self.scenario.track}; a replay places"
                " tasks on devices, choose one of placement"
            )
        check_folder_name("name", self.name)
        if self.repetition is not None and self.repetition > self.repeat:
            raise InputError(
                f"repetition: {self.repetition} of repeat={self.repeat}; it is one of 1 to"
                f" {self.repeat}"
            )
        if self.blocks is not None and self.waits == "alone":
            raise InputError("waits: is alone; with blocks= every policy has the devices to itself")
        if self.shots is not None and len(set(self.shots)) < len(self.shots):
            raise InputError(f"shots: {self.shots} has a level twice")
        provider = provider_of(self.backend)
        price = provider.price
        key, what = price.budget_key, "QPU seconds" if price.unit == "s" else "dollars"
        other = "budget_usd" if price.unit == "s" else "budget_s"
        if getattr(self, other) is not None:
            raise InputError(f"{other}: backend={provider.name} charges {what}; give {key}")
        if provider.account and self.budget is None and not self.dry_run:
            raise InputError(
                f"{key}: is missing; say how many {what} a real account may spend, or start"
                " with dry_run=true, which estimates them"
            )

    @property
    def budget(self) -> float | None:
        """What may be spent, in the unit of the provider."""
        budget: float | None = getattr(self, provider_of(self.backend).price.budget_key)
        return budget


def compose_replay(overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()) -> ReplayConfig:
    """Compose a replay from Hydra overrides; `policy=` and a path after `tasks=` are short forms.

    Raises:
        InputError: a group, key or value that does not exist or does not fit.
    """
    config_dirs = [*config_dirs, *conf_dirs()]
    data = to_plain(compose("replay", long_forms(overrides), config_dirs))
    entries = data.pop("policies", None)
    heuristics = data.pop("heuristics", None) or []
    if not isinstance(entries, list) or not entries:
        raise InputError(f"policies: {entries!r}; it is a list such as [NAME, NAME]")
    names = [*entries, *(name for name in heuristics if name not in entries)]
    tracking = typed(TrackingConfig, data.get("tracking") or {}, "tracking")
    runs_dir = str(data.get("runs_dir", "runs"))
    policies = [_policy(entry, config_dirs, tracking, runs_dir) for entry in names]
    labels = [policy["label"] for policy in policies]
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"policies: two are called {label}; give one of them a label")
    settings = typed(ReplayConfig, {**data, "policies": policies}, "")
    return _with_circuits(settings)


def own_files(overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> list[Path]:
    """Return the files of the user's that the policies of a replay are in."""
    data = to_plain(compose("replay", long_forms(overrides), config_dirs))
    return files_of([*(data.get("policies") or ()), *(data.get("heuristics") or ())])


def long_forms(overrides: Sequence[str]) -> list[str]:
    """Write `policy=NAME` as a list of policies, `tasks=PATH` as `circuits=PATH`, and so on."""
    result = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if key == "policy" and equals:
            inside = value.strip().removeprefix("[").removesuffix("]")
            names = [name.strip().strip("'\"") for name in inside.split(",")]
            listed = ",".join(json.dumps(name) for name in names if name)
            result.append(f"policies=[{listed}]")
        elif key == "tasks" and equals and not value.strip().isdecimal() and value != "null":
            result.append(f"circuits={json.dumps(value.strip(chr(34)))}")
        else:
            result.append(text)
    return nested(result)


def _policy(
    entry: Any, config_dirs: Sequence[Path], tracking: TrackingConfig, runs_dir: str
) -> dict[str, Any]:
    """Return a policy by its registered name, with the hash of its files where it has any."""
    data = of_track(compose_policy(entry, config_dirs), "placement", config_dirs)
    named = typed(PolicyConfig, data, "policy")
    named = replace(named, name=policy_of_run(named.name, runs_folder(runs_dir)))
    policy = resolve_policy(named, "placement", tracking, runs_dir)
    return plain(replace(policy, label=policy.label or policy.name))


def _with_circuits(settings: ReplayConfig) -> ReplayConfig:
    """Put the circuits and the number of tasks into the scenario's workload."""
    scenario = plain(settings.scenario)
    workload = scenario["workload"]
    if settings.circuits is not None:
        path = Path(settings.circuits)
        check_no_url(path)
        if not path.exists():
            raise InputError(f"tasks={path}: is no number and no such file or folder")
        shots = int(workload["circuits"].get("shots", 1024))
        workload["circuits"] = {"source": "file", "path": str(_task_file(settings, path, shots))}
        workload["circuits"] |= {"shots": shots, "duplicates": "keep", "any_algorithm": True}
        if settings.tasks is None:
            workload["tasks"] = 0
        else:
            workload["circuits"]["selection"] = "uniform"
    if settings.tasks is not None:
        workload["tasks"] = settings.tasks
    changed = typed(ScenarioConfig, scenario, "scenario")
    return replace(settings, scenario=resolve_scenario(changed, SUITE, settings.master_seed))


def _task_file(settings: ReplayConfig, path: Path, shots: int) -> Path:
    """Return what a workload reads: OpenQASM as it is, of QPY a table of features."""
    if not is_qpy(path):
        return path
    base = path if path.is_dir() else path.parent
    made_by = [extraction_identity(), code_hash(TABLING)]
    digest = hashlib.sha256(json.dumps(made_by).encode())
    for file in qpy_files(path):
        name, content = file.relative_to(base).as_posix(), qpy_bytes(file)
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    folder = Path(settings.replays_dir) / "circuits"
    output = folder / f"{digest.hexdigest()[:16]}-{shots}.parquet"
    if not output.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        read_qpy(path, shots, output)
    return output


def identity(settings: ReplayConfig) -> dict[str, Any]:
    """Return what makes a replay the same one: what a second run of a command must share.

    How long to wait, what may be spent and where a service listens are no part of it.
    """
    content = plain(settings)
    for name in (
        "budget_s",
        "budget_usd",
        "deadline_s",
        "poll_s",
        "watch",
        "yes",
        "dry_run",
        "replays_dir",
        "name",
        "tracking",
        "runs_dir",
        "repeat",
    ):
        del content[name]
    # What came later and changes nothing is no part of it either.
    for name in ("concurrency", "shots", "anchors", "blocks"):
        if content[name] is None:
            del content[name]
    if content["waits"] == "as_measured":
        del content["waits"]
    if content["repetition"] in {None, 1}:
        del content["repetition"]
    if content["scenario"]["physics"]["time"].get("overheads_s") == {}:
        del content["scenario"]["physics"]["time"]["overheads_s"]
    provider = provider_of(settings.backend)
    usual = {field.name: field.default for field in fields(provider.config)}
    for name, value in list(content["backend"].items()):
        if name in provider.where or (name in provider.later and value == usual[name]):
            del content["backend"][name]
    for policy in settings.policies:
        if used := plugins_used(settings.scenario, policy):
            content.setdefault("plugins", {}).update(used)
    return {**content, "qiskit": version("qiskit")}


def replay_id(settings: ReplayConfig) -> str:
    """Return the hash of a replay, 12 digits."""
    canonical = json.dumps(identity(settings), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
