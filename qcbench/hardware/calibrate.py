"""`qcbench calibrate`: the models fitted to a replay, as a scenario of one's own.

The scenario is the replay's with other figures: the fitted time model, the measured spread around
it, for `ibm_usage` the overhead and repetition delay of each QPU, and the errors of each QPU scaled
to its measured fidelities. What a job takes and what a shot takes must have been told apart, by
jobs of different shots: a fit to one level says nothing of others. `qcbench simulate`, `run` and
training take it like any other. The queue of other users is no part of a simulated cloud; it is
noted in the file's head.
"""

from pathlib import Path
from typing import Any

from qcbench.bench.config import ScenarioConfig
from qcbench.bench.typed import plain, typed
from qcbench.errors import InputError
from qcbench.files import write_text
from qcbench.fleet.load import load_fleet
from qcbench.fleet.profile import ERRORS, Fleet, QpuProfile
from qcbench.hardware.gap.analysis import Gap
from qcbench.hardware.gap.models import LEVELS_APART, FittedTime, TimeFit
from qcbench.hardware.manifest import ReplayFolder
from qcbench.sums import added

GROUP = "scenario"
LARGEST_ERROR = 0.5


def calibrated(scenario: ScenarioConfig, fleet: Fleet, gap: Gap, name: str) -> ScenarioConfig:
    """Return the scenario with fitted figures.

    Args:
        scenario: of the replay.
        fleet: its profiles.
        gap: what was fitted.
        name: of the new scenario, part of its seeds.

    Raises:
        InputError: too little was measured to fit anything, or at one level of shots.
    """
    if gap.time is None:
        raise InputError(gap.notes[0] if gap.notes else "replay: nothing was fitted")
    _check_told_apart(gap.time)
    fitted = gap.time.fitted[gap.time.chosen]
    factors = gap.fidelity.error_scale if gap.fidelity is not None else {}
    scale = {name: factor.value for name, factor in factors.items()}
    content = plain(scenario)
    content["name"] = name
    content["description"] = (
        f"{scenario.name} with models fitted to {gap.time.rows} {gap.label} executions"
    )
    content["physics"]["time"] = _time(fitted)
    content["rules"]["execution_sigma"] = _rounded(fitted.sigma)
    content["fleet"]["name"] = f"{scenario.fleet.name}-calibrated"
    content["fleet"]["qpus"] = [
        {**entry, **_figures(profile, fitted, scale.get(profile.name))}
        for entry, profile in zip(_entries(content["fleet"]["qpus"]), fleet, strict=True)
    ]
    content["offered_load"] = None
    return typed(ScenarioConfig, content, "scenario")


def _check_told_apart(time: TimeFit) -> None:
    """Refuse a fit that holds for the shots of the replay alone."""
    if time.fitted[time.chosen].identified:
        return
    levels = " and ".join(f"{level:,}" for level in time.shots)
    raise InputError(
        f"replay: its tasks have {levels} shots, so that what a job takes cannot be told apart from"
        " what a shot takes, and other shots would be predicted wrongly; replay with levels of"
        f" shots that are a factor of {LEVELS_APART:g} apart on every device, such as"
        " shots=[1000,10000]"
    )


def _entries(qpus: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return an entry for each QPU: identical ones have been measured one by one."""
    found = []
    for entry in qpus:
        count = entry.get("count", 1)
        label = entry.get("name") or entry.get("device") or "qpu"
        for index in range(count):
            own = {**entry, "count": 1}
            if count > 1:
                own["name"] = f"{label}-{index}"
            found.append(own)
    return found


def _time(fitted: FittedTime) -> dict[str, Any]:
    if fitted.model == "affine":
        return {
            "model": "affine",
            "intercept_s": _rounded(fitted.intercept_s),
            "slope_s": _rounded(fitted.slope_s),
        }
    known = fitted.overhead_s or {}
    return {
        "model": "ibm_usage",
        "overhead_s": _rounded(added(known.values()) / len(known)),
        "overheads_s": {name: _rounded(value) for name, value in known.items()},
    }


def _figures(profile: QpuProfile, fitted: FittedTime, scale: float | None) -> dict[str, Any]:
    """Return what changes in the entry of a QPU; one that was not measured stays as it is."""
    found: dict[str, Any] = {}
    delay_s = (fitted.repetition_delay_s or {}).get(profile.name)
    if delay_s is not None:
        found["repetition_delay_s"] = _rounded(delay_s)
    if scale is not None:
        for name in ERRORS:
            error = getattr(profile, name)
            if error is not None:  # what is unknown stays so
                found[name] = _rounded(min(error * scale, LARGEST_ERROR))
    return found


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def write_scenario(replay: ReplayFolder, gap: Gap, folder: Path, name: str) -> Path:
    """Write the calibrated scenario below a folder that `--config-dir` takes.

    Returns:
        Path of the file, `FOLDER/scenario/NAME.yaml`.

    Raises:
        InputError: nothing was fitted, or the folder cannot be written.
    """
    from omegaconf import OmegaConf  # noqa: PLC0415

    if not name or name.startswith(("/", ".")) or name.endswith("/") or ".." in name.split("/"):
        raise InputError(f"--name {name!r}: is no name of a scenario; calibrated/mine is one")
    source = replay.config.scenario
    content = plain(calibrated(source, load_fleet(source.fleet), gap, name))
    path = folder / GROUP / f"{name}.yaml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be made ({error.strerror})") from error
    body = OmegaConf.to_yaml(OmegaConf.create(_without_nones(content)))
    write_text(path, _head(replay, gap) + body)
    return path


def _without_nones(value: Any) -> Any:
    """Leave out keys that are not set: a file says what differs from nothing."""
    if isinstance(value, dict):
        return {key: _without_nones(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [_without_nones(entry) for entry in value]
    return value


def _head(replay: ReplayFolder, gap: Gap) -> str:
    lines = [
        f"Fitted to replay {replay.folder.name} ({gap.label}) of {replay.date}.",
    ]
    if gap.time is not None:
        before, after = gap.time.before, gap.time.after[gap.time.chosen]
        lines.append(
            f"Time: mean error {before.mean_percent:.0f} % as simulated, {after.mean_percent:.0f} %"
            " on held-out tasks."
        )
        levels = ", ".join(f"{level:,}" for level in gap.time.shots)
        lines.append(f"Fitted at {levels} shots.")
        lines += [
            f"{name}: {ends.value:.4g}, 95 % interval {ends.low:.4g} to {ends.high:.4g}."
            for name, ends in (gap.time.fitted[gap.time.chosen].parameters or {}).items()
        ]
    if gap.queue is not None:
        others = ", ".join(f"{name} {wait:.1f}" for name, wait in gap.queue.others_s.items())
        lines.append(f"Mean wait for jobs of others, which no scenario has [s]: {others}.")
    return "".join(f"# {line}\n" for line in lines)
