"""What came of a sweep: its trials, the best first, and the best config."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qcbench.agents.config import total_steps
from qcbench.agents.evaluation import Evaluation
from qcbench.agents.run_folder import evaluations, read_config, read_progress
from qcbench.agents.sweep.config import SweepRunConfig, settings_of
from qcbench.agents.sweep.trial import TRIALS, parts_of
from qcbench.agents.told import BEST, CONF
from qcbench.bench.typed import plain
from qcbench.files import to_json, write_text
from qcbench.tracking.sweep_view import SweptTrial

RESULTS = "results.json"


@dataclass(frozen=True)
class SweepTrial:
    """What came of a trial.

    Attributes:
        trial: its id.
        status: `done`, `stopped` early, `failed` or `unfinished`.
        settings: of the agent, by their whole keys.
        steps: decisions.
        best: best evaluation of its policies.
        run: training run with the best policy, relative to the sweep's folder.
        error: why it failed, one line.
    """

    trial: str
    status: str
    settings: dict[str, Any]
    steps: int
    best: Evaluation | None
    run: str
    error: str = ""


@dataclass(frozen=True)
class Swept:
    """What came of a sweep.

    Attributes:
        folder: of the sweep.
        trials: the best first.
        config: the best settings as a file of the group `agent`; None where all failed.
    """

    folder: Path
    trials: list[SweepTrial]
    config: Path | None

    @property
    def complete(self) -> bool:
        """Whether every trial came to an end."""
        return all(trial.status != "unfinished" for trial in self.trials)


def results_of(
    folder: Path, config: SweepRunConfig, states: list[tuple[str, str, str, Any]]
) -> list[SweepTrial]:
    """Read from the trials' own files what came of them; the best first."""
    keys, total = settings_of(config), total_steps(config)
    found = []
    # By their ids: Tune knows them in another order when it goes on.
    for trial, status, error, settings in sorted(states, key=lambda state: state[0]):
        steps, best, run = 0, None, ""
        changes = {keys[name]: value for name, value in settings.items()}
        for part in parts_of(folder / TRIALS / trial):
            for at, evaluation in evaluations(read_progress(part)):
                steps = max(steps, at)
                if evaluation.better_than(best):
                    best, run = evaluation, str(part.relative_to(folder))
                    agent = plain(read_config(part).agent)
                    changes = {key: _at(agent, key) for key in keys.values()}
        ended = "done" if steps >= total else "stopped"
        words = {"TERMINATED": ended, "ERROR": "failed"}
        state = words.get(status, "unfinished")
        found.append(SweepTrial(trial, state, changes, steps, best, run, error))
    ranked: list[SweepTrial] = []
    for result in found:
        place = 0
        while place < len(ranked) and not _before(result, ranked[place]):
            place += 1
        ranked.insert(place, result)
    return ranked


def _before(one: SweepTrial, other: SweepTrial) -> bool:
    return one.best is not None and one.best.better_than(other.best)


def _at(data: Any, key: str) -> Any:
    for part in key.split("."):
        data = data[part]
    return data


def write_results(folder: Path, config: SweepRunConfig, trials: list[SweepTrial]) -> Path | None:
    """Write results and the best config; return the latter."""
    data = to_json([asdict(trial) for trial in trials], RESULTS, null=True, indent=2)
    write_text(folder / RESULTS, data + "\n")
    if not trials or trials[0].best is None:
        return None
    from omegaconf import OmegaConf  # noqa: PLC0415

    agent = {**plain(read_config(folder / trials[0].run).agent), "name": BEST}
    path = best_config(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    head = (
        f"# The best of {len(trials)} trials of {config.agent.name} on {config.scenario.name}: "
        f"{trials[0].best.line}.\n"
    )
    write_text(path, head + OmegaConf.to_yaml(OmegaConf.create(agent)))
    return path


def best_config(folder: Path) -> Path:
    """Return where the best settings lie, as a file of the group `agent`."""
    return folder / CONF / "agent" / f"{BEST}.yaml"


def shown(folder: Path, trial: SweepTrial) -> SweptTrial:
    """Return a trial as MLflow shows it."""
    points: list[tuple[int, dict[str, float]]] = []
    for part in parts_of(folder / TRIALS / trial.trial):
        for line in read_progress(part):
            prefix = "validation" if line["kind"] == "evaluation" else "train"
            points.append(
                (
                    int(line["steps"]),
                    {
                        f"{prefix}/{name}": float(value)
                        for name, value in line.items()
                        if isinstance(value, int | float) and name not in ("steps", "time_s")
                    },
                )
            )
    params = {name: str(value) for name, value in trial.settings.items()}
    return SweptTrial(trial.trial, trial.status, params, points)
