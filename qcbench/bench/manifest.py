"""What a run is: its suite, its trials in order, and the software that made it."""

import gc
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from qcbench.bench.trial import MODEL_VERSION, Trial, before_of
from qcbench.errors import InputError

FORMAT = 1
COMMIT_FILE = "commit.json"
FIELDS = frozenset(field.name for field in fields(Trial))
PLUGINS = "plugins"
"""The field that a trial's line has only where the trial uses code of others."""
PACKAGES = ("qcbench", "numpy", "polars", "simpy", "ray")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Enough to run the same suite again, and to know with what it was run.

    Attributes:
        run_id: name of the run's folder.
        suite: the resolved suite as plain JSON data.
        trials: the expanded suite in order; of one that grows its first round.
        track: kind of decision; a column of every row.
        keep_records: whether each trial's records are stored.
        provenance: package versions, git commit and kind of machine.
        model_version: of the qcbench that began it.
    """

    run_id: str
    suite: Mapping[str, Any]
    trials: tuple[Trial, ...]
    track: str
    keep_records: bool
    provenance: Mapping[str, Any]
    model_version: int = MODEL_VERSION

    @property
    def grows(self) -> bool:
        """Whether more trials may follow those of the first round, see `qcbench.bench.rounds`."""
        return self.suite.get("until") is not None

    @cached_property
    def mismatch(self) -> str:
        """Why the run cannot be continued by this version; empty where it can."""
        return _mismatch(self.trials, self.model_version)

    @cached_property
    def uncorrected(self) -> dict[str, str]:
        """Scenarios that were run before they were corrected, and what was wrong of each."""
        one_of_each = {trial.scenario: trial for trial in reversed(self.trials)}
        return {
            name: before_of(one_of_each[name].scenario_config)
            for name in reversed(one_of_each)
            if one_of_each[name].is_uncorrected
        }

    @cached_property
    def trial_ids(self) -> tuple[str, ...]:
        """The trial ids that the results are stored under, in order."""
        return tuple(trial.trial_id for trial in self.trials)


def check_trials(trials: Sequence[Trial]) -> None:
    """Raise an InputError unless there are trials and all are different."""
    if not trials:
        raise InputError("the suite has no trials; give it scenarios, policies and replicates")
    seen: set[str] = set()
    for trial in trials:
        if trial.trial_id in seen:
            raise InputError(
                f"suite {trial.suite}: scenario {trial.scenario}, policy {trial.policy}, replicate "
                f"{trial.replicate} is listed twice; give one of them another name"
            )
        seen.add(trial.trial_id)


def dump(manifest: Manifest) -> bytes:
    """Return the manifest as JSON: one line a trial, each distinct config once."""
    configs: dict[str, Any] = {}
    keys: dict[int, str] = {}  # trials of a scenario share one object

    def reference(config: Mapping[str, Any]) -> str:
        if id(config) not in keys:
            text = json.dumps(config, sort_keys=True, allow_nan=False)
            keys[id(config)] = hashlib.sha256(text.encode()).hexdigest()[:16]
            configs[keys[id(config)]] = config
        return keys[id(config)]

    lines = []
    for trial in manifest.trials:
        row = {
            "trial_id": trial.trial_id,
            "ordinal": trial.ordinal,
            "suite": trial.suite,
            "scenario": trial.scenario,
            "policy": trial.policy,
            "replicate": trial.replicate,
            "seed": trial.seed,
            "engine": trial.engine,
            "scenario_config": reference(trial.scenario_config),
            "policy_config": reference(trial.policy_config),
            **({PLUGINS: trial.plugins} if trial.plugins else {}),
        }
        lines.append("  " + json.dumps(row))
    head = {
        "format": FORMAT,
        "run_id": manifest.run_id,
        "model_version": manifest.model_version,
        "track": manifest.track,
        "keep_records": manifest.keep_records,
        "provenance": manifest.provenance,
        "suite": manifest.suite,
        "configs": configs,
    }
    text = json.dumps(head, indent=2, allow_nan=False).removesuffix("\n}")
    return (text + ',\n  "trials": [\n' + ",\n".join(lines) + "\n  ]\n}\n").encode()


def load(path: Path) -> Manifest:
    """Read a manifest and rebuild its trials.

    A run whose trials this version of qcbench would run differently can still be read; its
    `mismatch` says why it cannot be continued.

    Raises:
        InputError: no manifest of a run, or of another format.
    """
    try:
        with _without_collection():
            data = json.loads(path.read_bytes())
            model_version = data["model_version"]
            if data["format"] != FORMAT:
                raise InputError(f"{path}: format {data['format']}; this qcbench reads {FORMAT}")
            _check_kinds(data)
            trials = tuple(_recorded(row, data["configs"]) for row in data["trials"])
        return Manifest(
            run_id=data["run_id"],
            suite=data["suite"],
            trials=trials,
            track=data["track"],
            keep_records=data["keep_records"],
            provenance=data["provenance"],
            model_version=model_version,
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except InputError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no manifest of a run ({error!r})") from error


KINDS = {
    **dict.fromkeys(("run_id", "track"), str),
    **dict.fromkeys(("suite", "configs", "provenance"), dict),
    **{"trials": list, "keep_records": bool, "model_version": int},
}
"""What stands in a manifest."""


def _check_kinds(data: Mapping[str, Any]) -> None:
    """Raise where a part of a manifest is none: `TypeError`."""
    for name, kind in KINDS.items():
        if not isinstance(data[name], kind):
            raise TypeError(f"{name} is no {kind.__name__}")
    for name in ("versions", "git", "machine"):
        if not isinstance(data["provenance"].get(name) or {}, dict):
            raise TypeError(f"{name} is no dict")


@contextmanager
def _without_collection() -> Iterator[None]:
    """Look for no garbage meanwhile: among 100,000 new trials that takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _recorded(row: dict[str, Any], configs: Mapping[str, Any]) -> Trial:
    """Return a trial under the id in the file; hashing 100,000 configs would take seconds.

    The row becomes what the trial consists of: to copy it takes twice as long.
    """
    row.setdefault(PLUGINS, {})
    if row.keys() != FIELDS:
        raise KeyError(*(FIELDS ^ row.keys()))
    row["scenario_config"] = configs[row["scenario_config"]]
    row["policy_config"] = configs[row["policy_config"]]
    trial = object.__new__(Trial)
    object.__setattr__(trial, "__dict__", row)
    return trial


def _mismatch(trials: Sequence[Trial], model_version: int) -> str:
    """Say whether this version would run other trials: asks one of each scenario and policy."""
    kinds: dict[tuple[Any, ...], Trial] = {}
    for trial in trials:
        configs = id(trial.scenario_config), id(trial.policy_config)
        used = tuple(trial.plugins.items())
        kind = (trial.suite, trial.scenario, trial.policy, trial.seed, trial.engine, configs, used)
        if kind not in kinds:
            kinds[kind] = trial
    changed = edited(kinds.values())
    if changed and model_version != MODEL_VERSION:
        return f"it has model version {model_version} and this qcbench {MODEL_VERSION}"
    return changed


def edited(trials: Iterable[Trial]) -> str:
    """Say which trial has an id that is not its config's; empty where all are as they should be."""
    changed = next((t for t in trials if replace(t).trial_id != t.trial_id), None)
    if changed is None:
        return ""
    if changed.is_uncorrected:
        before = before_of(changed.scenario_config)
        return f"an earlier qcbench ran it, in which {before} (trial {changed.trial_id})"
    return f"its manifest was edited (trial {changed.trial_id} has another config)"


def said_of_uncorrected(manifest: Manifest) -> list[str]:
    """Say which scenarios of a run have numbers that were wrong: a line for each reason."""
    reasons: dict[str, list[str]] = {}
    for name, before in manifest.uncorrected.items():
        reasons.setdefault(before, []).append(name)
    return [
        f"{manifest.run_id}: an earlier qcbench ran {', '.join(names)}, in which {before}; that is"
        " corrected, so that a new run has other numbers, which are not comparable with these"
        for before, names in reasons.items()
    ]


def provenance(command: str | None = None) -> dict[str, Any]:
    """Return the package versions, the git commit of a checkout and the kind of machine.

    Args:
        command: that runs the same again, where it is known.
    """
    found = {"versions": versions(), "git": git_commit(), "machine": machine_class()}
    return found if command is None else {**found, "command": command}


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change a number."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def git_commit() -> dict[str, Any] | None:
    """Return commit and whether files differ from it, or None where that is not known.

    A checkout asks git; a package that was sent to a cluster or built into an image brings the
    answer along.
    """
    brought = Path(__file__).resolve().parents[1] / COMMIT_FILE
    if brought.is_file():
        known: dict[str, Any] | None = json.loads(brought.read_bytes())
        return known
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root)]
    try:
        commit = _output([*command, "rev-parse", "HEAD"])
        changed = _output([*command, "status", "--porcelain", "--untracked-files=no"])
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "changed": bool(changed)}


def _output(command: list[str]) -> str:
    done = subprocess.run(  # noqa: S603 - fixed arguments
        command, capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()


def machine_class() -> dict[str, Any]:
    """Return what kind of machine this is: system, processor, cores and memory."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": usable_cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def usable_cores() -> int:
    """Return the cores that this process may use: its affinity, capped by a container's limit."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
