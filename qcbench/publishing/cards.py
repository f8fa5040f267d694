"""Cards: what learned policies, scenarios and fleets are, in rows of texts."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from qcbench.policies.exported.reference import LEARNED
from qcbench.publishing.entries import PublishedRun, content_hash

MOST_ROWS = 2000
"""Of a card; what is beyond them is in the entry."""
HASH_DIGITS = 16


@dataclass
class PublishedCard:
    """A page about a thing that runs have in common.

    Attributes:
        folder: of its page.
        name: of the thing.
        identity: SHA-256 of its content.
        content: plain data.
        used: the runs that have it, each with the name that it has there.
    """

    folder: str
    name: str
    identity: str
    content: Mapping[str, Any]
    used: list[tuple[PublishedRun, str]] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Of its page in the site."""
        return f"{self.folder}/{slug(self.name)}-{self.identity[:HASH_DIGITS]}.html"


def rows_of(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the keys and values of some data, null ones left out."""
    found = list(flat(content))
    more = len(found) - MOST_ROWS
    return found[:MOST_ROWS] + ([("...", f"{more:,} more, in the entry")] if more > 0 else [])


def slug(name: str) -> str:
    """Return a name as part of a file's."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-.")[:60] or "card"


def flat(content: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield what some data hold as places and texts; what is null or empty is left out."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from flat(value, f"{place}.{key}" if place else str(key))
    elif isinstance(content, list):
        if any(isinstance(each, Mapping | list) for each in content):
            for index, each in enumerate(content):
                yield from flat(each, f"{place}[{index}]")
        elif content:
            yield place, ", ".join(map(_written, content))
    elif content not in (None, ""):
        yield place, _written(content)


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Cards:
    """All cards of a site by identity, and those of a run by the names that the things have there.

    Attributes:
        fleet_in: identity of the fleet of each scenario that has one.
    """

    models: Mapping[str, PublishedCard]
    scenarios: Mapping[str, PublishedCard]
    fleets: Mapping[str, PublishedCard]
    fleet_in: Mapping[str, str]

    def models_of(self, run: PublishedRun) -> dict[str, PublishedCard]:
        """Return the models of a run by the label of the policy."""
        return _of(run, self.models.values())

    def scenarios_of(self, run: PublishedRun) -> dict[str, PublishedCard]:
        """Return the scenarios of a run by name."""
        return _of(run, self.scenarios.values())

    def fleet_of(self, scenario: PublishedCard) -> PublishedCard | None:
        """Return the fleet of a scenario, where it has one."""
        fleet = self.fleet_in.get(scenario.identity)
        return None if fleet is None else self.fleets[fleet]


def _of(run: PublishedRun, cards: Iterable[PublishedCard]) -> dict[str, PublishedCard]:
    return {name: card for card in cards for used, name in card.used if used is run}


def cards_of(runs: Iterable[PublishedRun]) -> Cards:
    """Collect the cards of all runs: what has the same content is one thing."""
    models: dict[str, PublishedCard] = {}
    scenarios: dict[str, PublishedCard] = {}
    fleets: dict[str, PublishedCard] = {}
    fleet_in: dict[str, str] = {}

    def note(
        into: dict[str, PublishedCard],
        folder: str,
        key: str,
        content: Mapping[str, Any],
        name: str,
        use: tuple[PublishedRun, str],
    ) -> None:
        into.setdefault(key, PublishedCard(folder, name, key, content)).used.append(use)

    for run in runs:
        for each in run.data["policies"]:
            config = {key: value for key, value in each["config"].items() if key != "label"}
            if config.get("name") == LEARNED or each["card"] is not None:
                content = {"policy": config, "card": each["card"] or {}}
                key = content_hash(content)
                note(models, "models", key, content, each["policy"], (run, each["policy"]))
        for each in run.data["scenarios"]:
            key = each["config"]  # an entry has its configs by their hashes
            config = run.data["configs"][key]
            use = (run, each["scenario"])
            note(scenarios, "scenarios", key, config, each["scenario"], use)
            if isinstance(fleet := config.get("fleet"), Mapping):
                if key not in fleet_in:
                    fleet_in[key] = content_hash(fleet)
                named = fleet.get("name")
                name = named if isinstance(named, str) else "fleet"
                note(fleets, "fleets", fleet_in[key], fleet, name, use)
    return Cards(models, scenarios, fleets, fleet_in)


def qpu_table(fleet: Mapping[str, Any]) -> tuple[list[str], list[list[str]]] | None:
    """Return the QPUs of a fleet as heads and rows, columns without figures left out.

    None where the fleet lists none in the usual form.
    """
    qpus = fleet.get("qpus")
    if not isinstance(qpus, list) or not qpus or len(qpus) > MOST_ROWS:
        return None
    if not all(isinstance(qpu, Mapping) for qpu in qpus):
        return None
    rows = [dict(flat(qpu)) for qpu in qpus]
    heads = list(dict.fromkeys(key for row in rows for key in row))
    return heads, [[row.get(key, "") for key in heads] for row in rows]
