"""Trials without a cloud: every number is a function of the trial, the behaviour of its config."""

import hashlib
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import polars as pl

from qcbench.bench.config import ClusterConfig
from qcbench.bench.facts import SCHEMA, coordinates
from qcbench.bench.trial import Trial, TrialResult
from qcbench.errors import InputError

WORK = "tests.bench.toys:work"
FACTS = "tests.bench.toys:facts"
INLINE = ClusterConfig(address="inline")


def toy_trials(
    count: int, *, suite: str = "toy", scenarios: int = 2, policies: int = 2, **behaviour: object
) -> list[Trial]:
    """Some trials; `behaviour` is the scenario's config, read by `work`."""
    return [
        Trial(
            ordinal=ordinal,
            suite=suite,
            scenario=f"s{ordinal % scenarios}",
            policy=f"p{ordinal // scenarios % policies}",
            replicate=ordinal // (scenarios * policies),
            scenario_config={"track": "placement", **behaviour},
            policy_config={},
        )
        for ordinal in range(count)
    ]


def spin(seconds: float) -> None:
    """Burn processor time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def work(trial: Trial) -> TrialResult:
    """Run a trial: pure in its row, whatever else its config asks for."""
    started = time.perf_counter()
    processor = time.process_time()
    config = trial.scenario_config
    spin(config.get("spin_s", 0.0))
    if "meet" in config:
        _meet(Path(config["meet"]))
    fail = config.get("fail", {})
    if str(trial.replicate) in fail:
        raise {"input": InputError, "value": ValueError}[fail[str(trial.replicate)]](
            f"replicate {trial.replicate} of {object()!r} is bad"
        )
    if trial.replicate in config.get("fail_once", []) and _first_time(config["marks"], trial):
        raise OSError("a passing trouble")
    if trial.replicate in config.get("die_once", []) and _first_time(config["marks"], trial):
        os.kill(os.getpid(), 9)
    if trial.replicate in config.get("die", []):
        os.kill(os.getpid(), 9)
    if trial.replicate in config.get("hang", []):
        time.sleep(3600)
    if "log" in config:
        with Path(config["log"]).open("a") as log:
            log.write(trial.trial_id + "\n")
    digest = hashlib.sha256(trial.trial_id.encode()).digest()
    row: dict[str, object] = {"status": "done", "mean_wait_s": int.from_bytes(digest[:6]) / 7919}
    if trial.policy == "p1":
        # A column that only some trials have, and one that is whole in some and broken in others.
        row["extra"] = digest[0]
    row["mixed"] = digest[1] if trial.replicate % 2 else digest[1] / 3
    row["label"] = None if digest[2] % 3 == 0 else f"é{digest[2]}"
    row["never"] = None
    records = pl.DataFrame({"task_id": [0, 1], "wait_s": [row["mean_wait_s"], 0.0]})
    return TrialResult(
        row=row,
        wall_s=time.perf_counter() - started,
        cpu_s=time.process_time() - processor,
        records=records,
    )


def _meet(folder: Path, timeout_s: float = 60.0) -> None:
    """Wait until as many processes have come here as the folder asks for."""
    (folder / f"{os.getpid()}.here").touch()
    end = time.monotonic() + timeout_s
    while len(list(folder.glob("*.here"))) < int((folder / "needed").read_text()):
        if time.monotonic() > end:
            raise TimeoutError("nobody else came")
        time.sleep(0.01)


def _first_time(marks: str, trial: Trial) -> bool:
    mark = Path(marks) / trial.trial_id
    if mark.exists():
        return False
    mark.touch()
    return True


def tell_environment(trial: Trial) -> TrialResult:
    """Give the environment of the process that runs the trial, as a policy could see it."""
    inherited = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    seen = f"{os.environ}\n{inherited}"
    return TrialResult(row={"status": "done", "seen": seen}, wall_s=0.0, cpu_s=0.0, records=None)


def facts(trial: Trial) -> dict[str, object]:
    """What is known of a toy world; how often it was asked for is kept below `asked`."""
    config = trial.scenario_config
    if "asked" in config:
        (Path(config["asked"]) / f"{trial.scenario}-{trial.replicate}-{time.time_ns()}").touch()
    if trial.replicate in config.get("unknown", []):
        raise InputError(f"replicate {trial.replicate} has no bound")
    return {
        **dict.fromkeys(SCHEMA),
        **coordinates(trial),
        "jobs": 7,
        "bounds": "value",
        "bound": 1.0 + trial.replicate,
        "method": "toy",
    }


SPREAD = {"easy": 0.02, "hard": 0.5, "equal": 0.0002}
"""How much policies differ by chance in each scenario."""


def grow(trial: Trial) -> TrialResult:
    """Give a number that is a function of the trial."""
    rng = np.random.default_rng(int(trial.trial_id, 16))
    world = np.random.default_rng([trial.replicate, len(trial.scenario)]).lognormal(3.0, 0.3)
    factor = {"base": 1.0, "more": 1.0 if trial.scenario == "equal" else 1.2}[trial.policy]
    if trial.replicate in trial.scenario_config.get("fail", []) and trial.policy == "more":
        raise InputError("this one fails")
    value = float(world * factor * rng.lognormal(0.0, SPREAD[trial.scenario]))
    return TrialResult(row={"mean_completion_s": value}, wall_s=0.0, cpu_s=0.0)
