"""`qcbench calibrate`: the models fitted to a replay, as a scenario of one's own.

The scenario is the replay's with other figures: the fitted time model, the measured spread around
it, for `ibm_usage` the overhead and repetition delay of each QPU, and the errors of each QPU scaled
to its measured fidelities. What a job takes and what a shot takes must have been told apart, by
jobs of different shots: a fit to one level says nothing of others. A device on which they were not
keeps what the scenario had, which the file's head says. `qcbench simulate`, `run` and
training take it like any other. The queue of other users is no part of a simulated cloud; it is
noted in the file's head.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, TypeGuard

from qcbench.bench.config import ScenarioConfig
from qcbench.bench.typed import plain, typed
from qcbench.errors import InputError
from qcbench.files import write_text
from qcbench.fleet.load import load_fleet
from qcbench.fleet.profile import ERRORS, Fleet, QpuProfile
from qcbench.hardware.gap.analysis import Gap
from qcbench.hardware.gap.fidelities import ERROR_SCALE
from qcbench.hardware.gap.models import LEVELS_APART, FittedTime, TimeFit
from qcbench.hardware.manifest import ReplayFolder
from qcbench.physics.config import IbmUsageTime
from qcbench.stats.intervals import Estimate
from qcbench.sums import added

GROUP = "scenario"
LARGEST_ERROR = 0.5
REMEDY = (
    f"replay with levels of shots that are a factor of {LEVELS_APART:g} apart on every device, such"
    " as shots=[1000,10000]"
)


@dataclass(frozen=True)
class _Calibrated:
    """What a replay says of the models of its scenario.

    Attributes:
        fitted: the chosen time model.
        factors: of all errors, by QPU, as far as they are known.
        notes: what the replay does not tell, and what stands for it.
    """

    fitted: FittedTime
    factors: Mapping[str, float]
    notes: tuple[str, ...]


def calibrated(
    scenario: ScenarioConfig, fleet: Fleet, gap: Gap, name: str, *, fill: bool = False
) -> ScenarioConfig:
    """Return the scenario with fitted figures; what was not told apart stays as it was.

    Args:
        scenario: of the replay.
        fleet: its profiles.
        gap: what was fitted.
        name: of the new scenario, part of its seeds.
        fill: give devices that the replay says too little of the mean times of the others.

    Raises:
        InputError: too little was measured to fit anything, or at one level of shots.
    """
    if gap.time is None:
        raise InputError(gap.notes[0] if gap.notes else "replay: nothing was fitted")
    told = _told(scenario, fleet, gap, gap.time, fill=fill)
    content = plain(scenario)
    content["name"] = name
    content["description"] = (
        f"{scenario.name} with models fitted to {gap.time.rows} {gap.label} executions"
    )
    content["physics"]["time"] = _time(scenario, fleet, told.fitted)
    content["rules"]["execution_sigma"] = _rounded(told.fitted.sigma)
    content["fleet"]["name"] = f"{scenario.fleet.name}-calibrated"
    content["fleet"]["qpus"] = [
        {**entry, **_figures(profile, told)}
        for entry, profile in zip(_entries(content["fleet"]["qpus"]), fleet, strict=True)
    ]
    content["offered_load"] = None
    return typed(ScenarioConfig, content, "scenario")


def _told(
    scenario: ScenarioConfig, fleet: Fleet, gap: Gap, time: TimeFit, *, fill: bool
) -> _Calibrated:
    """Return what is known of every device.

    Raises:
        InputError: of no device, or of one that the scenario knows nothing of either.
    """
    fitted = time.fitted[time.chosen]
    if not fitted.identified:
        levels = " and ".join(f"{level:,}" for level in time.shots)
        raise InputError(
            f"replay: its tasks have {levels} shots, and no device had two levels that are a factor"
            f" of {LEVELS_APART:g} apart, so that what a job takes cannot be told apart"
            f" from what a shot takes, and other shots would be predicted wrongly; {REMEDY}"
        )
    if fitted.model == "affine":
        _check_line(fitted)
        notes: list[str] = []
    else:
        fitted, notes = _of_known_devices(scenario, fleet, fitted, fill=fill)
    scales = {} if gap.fidelity is None else gap.fidelity.error_scale
    low, high = ERROR_SCALE  # a factor at an end would be further away if it could
    factors = {name: one.value for name, one in scales.items() if low < one.value < high}
    if lacking := [name for name in fleet.names if name not in factors]:
        notes.append(f"errors of {', '.join(lacking)}, as scenario {scenario.name} has them")
    return _Calibrated(fitted, factors, tuple(notes))


def _of_known_devices(
    scenario: ScenarioConfig, fleet: Fleet, fitted: FittedTime, *, fill: bool
) -> tuple[FittedTime, list[str]]:
    """Return what was fitted to devices on which it is known, and what stands for the others."""
    known = [name for name in fitted.identified if _is_known(scenario, fleet, fitted, name)]
    unknown = [name for name in fleet.names if name not in known]
    if not known:
        raise InputError(
            f"replay: on {', '.join(fitted.identified)} the fit puts what a job or a shot takes at"
            f" 0, which is not known by that; {REMEDY}, and with more tasks"
        )
    if unknown and not fill and not _has_overheads(scenario.physics.time):
        raise InputError(
            f"replay: on {', '.join(unknown)} what a job takes was not told apart from what a shot"
            f" takes, and scenario {scenario.name} has no overhead of theirs that could stay;"
            f" {REMEDY}, or give them the means of the others with --fill"
        )

    def of_known(figures: Mapping[str, float] | None) -> dict[str, float]:
        own = {name: (figures or {})[name] for name in known}
        return {**dict.fromkeys(unknown, _mean(own)), **own} if fill else own

    found = replace(
        fitted,
        overhead_s=of_known(fitted.overhead_s),
        repetition_delay_s=of_known(fitted.repetition_delay_s),
        identified=tuple(known),
    )
    source = f"the means of {', '.join(known)}" if fill else f"as scenario {scenario.name} has them"
    words = f"overhead and repetition delay of {', '.join(unknown)}, {source}"
    return found, [words] if unknown else []


def _is_known(scenario: ScenarioConfig, fleet: Fleet, fitted: FittedTime, name: str) -> bool:
    """Whether the figures of a device are measured.

    A fit that would go below 0 stops there. Such a 0 is one only where its interval is known and
    says that the figure is less than the scenario had.
    """
    model = scenario.physics.time
    before = model.overheads_s.get(name, model.overhead_s) if _has_overheads(model) else None
    delay_s = fleet.qpus[fleet.names.index(name)].repetition_delay_s
    ends = fitted.parameters or {}
    figures = (
        ((fitted.overhead_s or {})[name], ends.get(f"overhead of {name} [s]"), before),
        (
            1e6 * (fitted.repetition_delay_s or {})[name],
            ends.get(f"delay of {name} [us]"),
            1e6 * delay_s,
        ),
    )
    return all(value > 0 or _is_zero(interval, former) for value, interval, former in figures)


def _has_overheads(model: object) -> TypeGuard[IbmUsageTime]:
    return isinstance(model, IbmUsageTime)


def _is_zero(interval: Estimate | None, former: float | None) -> bool:
    return (
        interval is not None
        and former is not None
        and interval.low <= 0.0 <= interval.high < former  # never of NaN
    )


def _check_line(fitted: FittedTime) -> None:
    """Refuse a line whose slope or intercept the fit has put at 0 without knowing it."""
    ends = fitted.parameters or {}
    for words, value in (("slope [us]", fitted.slope_s), ("intercept [s]", fitted.intercept_s)):
        one = ends.get(words)
        measured = one is not None and isfinite(one.high) and one.high >= 0.0
        if value <= 0 and not (measured and words.startswith("intercept")):
            raise InputError(
                f"replay: the fit puts the {words.split()[0]} of affine at 0, which is not known by"
                f" that; {REMEDY}, and with more tasks"
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


def _time(scenario: ScenarioConfig, fleet: Fleet, fitted: FittedTime) -> dict[str, Any]:
    if fitted.model == "affine":
        return {
            "model": "affine",
            "intercept_s": _rounded(fitted.intercept_s),
            "slope_s": _rounded(fitted.slope_s),
        }
    known, before = fitted.overhead_s or {}, scenario.physics.time
    former = (
        {name: before.overheads_s.get(name, before.overhead_s) for name in fleet.names}
        if _has_overheads(before)
        else {}
    )
    own = {**former, **known}
    return {
        "model": "ibm_usage",
        "overhead_s": _rounded(_mean({name: known[name] for name in fitted.identified})),
        "overheads_s": {name: _rounded(own[name]) for name in fleet.names if name in own},
    }


def _figures(profile: QpuProfile, told: _Calibrated) -> dict[str, Any]:
    """Return what changes in the entry of a QPU; what is not known of it stays as it is."""
    found: dict[str, Any] = {}
    delay_s = (told.fitted.repetition_delay_s or {}).get(profile.name)
    if delay_s is not None:
        found["repetition_delay_s"] = _rounded(delay_s)
    scale = told.factors.get(profile.name)
    if scale is not None:
        for name in ERRORS:
            error = getattr(profile, name)
            if error is not None:  # what is unknown stays so
                found[name] = _rounded(min(error * scale, LARGEST_ERROR))
    return found


def _mean(values: Mapping[str, float]) -> float:
    return added(values.values()) / len(values)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def write_scenario(
    replay: ReplayFolder, gap: Gap, folder: Path, name: str, *, fill: bool = False
) -> Path:
    """Write the calibrated scenario below a folder that `--config-dir` takes.

    Args:
        fill: as of `calibrated`.

    Returns:
        Path of the file, `FOLDER/scenario/NAME.yaml`.

    Raises:
        InputError: nothing was fitted, or the folder cannot be written.
    """
    from omegaconf import OmegaConf  # noqa: PLC0415

    if not name or name.startswith(("/", ".")) or name.endswith("/") or ".." in name.split("/"):
        raise InputError(f"--name {name!r}: is no name of a scenario; calibrated/mine is one")
    source = replay.config.scenario
    fleet = load_fleet(source.fleet)
    content = plain(calibrated(source, fleet, gap, name, fill=fill))
    path = folder / GROUP / f"{name}.yaml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be made ({error.strerror})") from error
    body = OmegaConf.to_yaml(OmegaConf.create(_without_nones(content)))
    write_text(path, _head(replay, gap, fleet, fill=fill) + body)
    return path


def _without_nones(value: Any) -> Any:
    """Leave out keys that are not set: a file says what differs from nothing."""
    if isinstance(value, dict):
        return {key: _without_nones(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [_without_nones(entry) for entry in value]
    return value


def _head(replay: ReplayFolder, gap: Gap, fleet: Fleet, *, fill: bool) -> str:
    lines = [
        f"Fitted to replay {replay.folder.name} ({gap.label}) of {replay.date}.",
    ]
    if gap.time is not None:
        told = _told(replay.config.scenario, fleet, gap, gap.time, fill=fill)
        before, after = gap.time.before, gap.time.after[gap.time.chosen]
        lines.append(
            f"Time: mean error {before.mean_percent:.0f} % as simulated, {after.mean_percent:.0f} %"
            " on held-out tasks."
        )
        levels = ", ".join(f"{level:,}" for level in gap.time.shots)
        lines.append(f"Fitted at {levels} shots.")
        lines += [
            f"{name}: {_with_ends(ends)}."
            for name, ends in (told.fitted.parameters or {}).items()
            if told.fitted.model == "affine"
            or any(f" of {qpu} [" in name for qpu in told.fitted.identified)
        ]
        lines += [f"Not told by this replay: {words}." for words in told.notes]
    if gap.queue is not None:
        others = ", ".join(f"{name} {wait:.1f}" for name, wait in gap.queue.others_s.items())
        lines.append(f"Mean wait for jobs of others, which no scenario has [s]: {others}.")
    return "".join(f"# {line}\n" for line in lines)


def _with_ends(found: Estimate) -> str:
    """Write a figure with its interval, or say that there is none."""
    if not (isfinite(found.low) and isfinite(found.high)):
        return f"{found.value:.4g}, measured on too few occasions for an interval"
    return f"{found.value:.4g}, 95 % interval {found.low:.4g} to {found.high:.4g}"
