"""What a report says about a run besides its numbers."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from qcbench.bench import manifest as manifests
from qcbench.bench import sessions
from qcbench.bench.manifest import Manifest
from qcbench.errors import InputError


@dataclass(frozen=True)
class ScenarioFacts:
    """What a scenario is, in a line, its offered load where it has one, and its warm-up.

    Attributes:
        warm_up_s: tasks that arrive before count in no mean; None where it is not known.
    """

    description: str = ""
    offered_load: float | None = None
    warm_up_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunDescription:
    """Provenance of a run, as it is printed at the top and the end of a report.

    Attributes:
        run_id: name of the run.
        suite: the resolved suite as plain data.
        track: kind of decision.
        expected: trials of the complete run.
        started: when the first session began, ISO 8601; empty where unknown.
        versions: package versions.
        commit: git commit; empty outside a checkout.
        machine: kind of machine.
        run_s: wall-clock time of all sessions, where they ended by themselves [s].
        scenarios: facts by scenario.
        told: the command that ran it, without where it ran; None where it is not known.
        notes: what is to be known before its numbers are compared, a line each.
    """

    run_id: str
    suite: Mapping[str, Any]
    track: str = ""
    expected: int = 0
    started: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    machine: Mapping[str, Any] = field(default_factory=dict)
    run_s: float | None = None
    scenarios: Mapping[str, ScenarioFacts] = field(default_factory=dict)
    told: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the suite."""
        return str(self.suite.get("name", self.run_id))

    @property
    def description(self) -> str:
        """What the suite says of itself."""
        return str(self.suite.get("description", ""))

    @property
    def date(self) -> str:
        """When the run began, to the minute."""
        if not self.started:
            return ""
        return f"{datetime.fromisoformat(self.started):%Y-%m-%d %H:%M} UTC"

    @property
    def command(self) -> str:
        """The command that runs the same suite again; empty where none does."""
        if self.told is not None:
            return self.told
        words = ["qcbench", "run", f"suite={self.name}"]
        until = self.suite.get("until")
        for name in ("seed",) if until else ("replicates", "seed"):
            if name in self.suite:
                words.append(f"suite.{name}={self.suite[name]}")
        if until:
            parts = (f"{key}: {value}" for key, value in until.items() if value is not None)
            words.append(f"suite.until={{{', '.join(parts)}}}")
        return shlex.join(words)


def describe_run(
    folder: Path, expected: int | None = None, manifest: Manifest | None = None
) -> RunDescription:
    """Read `manifest.json` and `machine.json` of a run.

    Args:
        folder: of the run.
        expected: trials that it has, with a result or without; those of its manifest where None.
        manifest: of the run, where it is read already: one of very many trials takes a second.

    Raises:
        InputError: no run, or files that are damaged.
    """
    manifest = manifest or manifests.load(folder / "manifest.json")
    try:
        known = sessions.read(folder)
    except InputError as error:
        raise InputError(f"{error}; remove it, no result depends on it") from None
    started = min((str(session["started"]) for session in known), default="")
    times = [float(session["run_s"]) for session in known if "run_s" in session]
    git = manifest.provenance.get("git") or {}
    told = manifest.provenance.get("command")
    commit = str(git.get("commit", ""))
    return RunDescription(
        run_id=manifest.run_id,
        suite=manifest.suite,
        track=manifest.track,
        expected=len(manifest.trial_ids) if expected is None else expected,
        started=started,
        versions=manifest.provenance.get("versions") or {},
        commit=f"{commit} with local changes" if commit and git.get("changed") else commit,
        machine=manifest.provenance.get("machine") or {},
        run_s=sum(times) if times else None,
        told=None if told is None else str(told),
        notes=tuple(manifests.said_of_uncorrected(manifest)),
        scenarios={
            scenario: ScenarioFacts(
                str(config.get("description", "")),
                config.get("offered_load"),
                (config.get("rules") or {}).get("warm_up_s", 0.0),
            )
            for scenario, config in {t.scenario: t.scenario_config for t in manifest.trials}.items()
        },
    )
