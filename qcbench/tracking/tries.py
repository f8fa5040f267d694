"""The memory of promotions: who judges an alias, and all worlds that a pair was ever compared on.

Both are kept in the registry: the judge as a tag of the model, a try as a run of the experiment
that holds its versions. A try is never changed, so that two at the same time lose nothing.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import count, takewhile
from typing import Any

from qcbench.bench.config import ScenarioConfig
from qcbench.bench.trial import MODEL_VERSION, as_hashed
from qcbench.bench.typed import plain
from qcbench.errors import InputError
from qcbench.number_texts import exact_text
from qcbench.policies.config import PolicyConfig
from qcbench.policies.names import plugin_of
from qcbench.stats.pooled import Pairs, total
from qcbench.tracking.registry import Reference, Registry
from qcbench.tracks import Track

JUDGE_TAG = "qcbench.judge"
TRY_TAG, FIGURES_TAG = "qcbench.try", "qcbench.figures"
LONGEST_TAG = 5000
"""Characters of a tag's value that every MLflow keeps; what is longer stands in several."""

FIRST_MODEL = 3
"""Model version of the first tries that were kept, whose keys do not name it."""

WORLDS = ("track", "fleet", "workload", "rules", "physics")
"""Keys of a scenario that decide what its worlds are."""


@dataclass(frozen=True)
class Judge:
    """By what the candidates for an alias are judged: the same for all.

    Attributes:
        scenario: name of the scenario; empty where a suite judges.
        worlds: a hash of what decides the worlds.
        metric: that a champion must be better by.
        goal: `min` if less of it is better, else `max`.
        guards: metrics, and by how much of the rival's mean they may get worse.
        suite: over all scenarios of which it judges; empty where one scenario does.
        losses: whether a champion may be worse in a scenario of the suite.
        plugins: identities of others' code that says what is measured and on which worlds.
    """

    scenario: str
    worlds: str
    metric: str
    goal: str
    guards: Mapping[str, float]
    suite: str = ""
    losses: bool = True
    plugins: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        scenarios: Sequence[ScenarioConfig],
        metric: str,
        goal: str,
        guards: Mapping[str, float],
        *,
        suite: str = "",
        losses: bool = True,
        plugins: Mapping[str, str] | None = None,
    ) -> "Judge":
        """Return the judge of a scenario, or of a suite that is named."""
        configs = [as_hashed(plain(scenario)) for scenario in scenarios]
        hashes = [_hash({key: config[key] for key in WORLDS}) for config in configs]
        ordered = dict(sorted(guards.items()))
        if not suite:
            name = scenarios[0].name
            return cls(name, hashes[0], metric, goal, ordered, plugins=plugins or {})
        named = sorted(zip((scenario.name for scenario in scenarios), hashes, strict=True))
        return cls("", _hash(named), metric, goal, ordered, suite, losses, plugins or {})

    def as_data(self) -> dict[str, Any]:
        """Return it as it is kept: without what only suites have, or only others' code."""
        spare = {*(() if self.suite else OF_SUITES), *(() if self.plugins else ("plugins",))}
        return {key: value for key, value in asdict(self).items() if key not in spare}

    def __str__(self) -> str:
        guards = [f"{name}: {_percent(share)}" for name, share in self.guards.items()]
        by = f"suite={self.suite}" if self.suite else f"scenario={self.scenario}"
        more = f" losses={str(self.losses).lower()}" if self.suite else ""
        return f"{by} metric={self.metric} guards={{{', '.join(guards)}}}{more}"


def _percent(share: float) -> str:
    """Return a share as `guards` takes it; two shares never read the same."""
    usual = f"{100 * share:g}"
    return f"{usual}%" if float(usual) / 100.0 == share else exact_text(share)


OF_SUITES = ("suite", "losses")

Found = Mapping[str, Pairs]
"""What is known of a pair of policies in a metric, by scenario."""


@dataclass(frozen=True)
class Try:
    """What one promotion has found about a candidate.

    Attributes:
        seed: of its worlds.
        worlds: how many, in each scenario.
        pairs: by rival (see `identity`), metric and scenario.
    """

    seed: int
    worlds: int
    pairs: Mapping[str, Mapping[str, Found]]

    def to_text(self) -> str:
        """Return it as JSON, with every bit of its numbers."""
        pairs = {
            rival: {
                metric: {name: pair.as_numbers() for name, pair in found.items()}
                for metric, found in by_metric.items()
            }
            for rival, by_metric in self.pairs.items()
        }
        return json.dumps({"seed": self.seed, "worlds": self.worlds, "pairs": pairs})

    @classmethod
    def from_text(cls, text: str, scenario: str) -> "Try":
        """Return the try in a text of `to_text`.

        Args:
            text: of which that of one scenario may have its numbers alone, as it was once kept.
            scenario: that these are of.

        Raises:
            ValueError: it is none.
        """

        def found(sums: Any) -> Found:
            by_scenario = {scenario: sums} if isinstance(sums, list) else sums
            return {str(name): Pairs.from_numbers(each) for name, each in by_scenario.items()}

        try:
            data: Any = json.loads(text)
            pairs = {
                str(rival): {str(name): found(sums) for name, sums in by_metric.items()}
                for rival, by_metric in data["pairs"].items()
            }
            return cls(int(data["seed"]), int(data["worlds"]), pairs)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no try: {error!r}") from error


def identity(policy: PolicyConfig, track: Track) -> str:
    """Return a word for what a policy does, wherever its files lie.

    Of another package it is the code that is installed here, without which its name says nothing.
    """
    known = dict(policy.parameters)
    content = {k: v for k, v in known.items() if k != "path" or "sha256" not in known}
    plugin = plugin_of(track, policy.name)
    return _hash([policy.name, content, *([] if plugin is None else [plugin.identity])])


def pool(tries: Iterable[Try], rival: str, metric: str) -> dict[str, Pairs]:
    """Return by scenario what all worlds of a pair say; those that were drawn twice count once.

    Args:
        tries: the oldest first; of equally many worlds of a seed the newest count.
    """
    longest: dict[int, Try] = {}
    for one in tries:
        if metric in one.pairs.get(rival, {}):
            known = longest.get(one.seed)
            if known is None or one.worlds >= known.worlds:
                longest[one.seed] = one
    found = [longest[seed].pairs[rival][metric] for seed in sorted(longest)]
    names = dict.fromkeys(name for one in found for name in one)
    return {name: total(one[name] for one in found if name in one) for name in names}


def check_judge(shelf: Registry | None, reference: Reference, judge: Judge) -> None:
    """Check that an alias has no other judge.

    Raises:
        InputError: it has; says which, and what to do.
    """
    text = shelf.model_tags(reference.name).get(_judge_tag(reference)) if shelf else None
    if text is None:
        return
    try:
        known = Judge(**json.loads(text))
    except (ValueError, TypeError):
        raise InputError(
            f"{reference.label}: its tag {_judge_tag(reference)} in the registry names no judge; "
            "restore it or delete it"
        ) from None
    if known == judge:
        return
    if known.plugins and replace(known, plugins=judge.plugins) == judge:
        key = next(k for k in known.plugins if known.plugins[k] != judge.plugins.get(k))
        raise InputError(
            f"{reference.label} is judged with {key} of {known.plugins[key]}; here is "
            f"{judge.plugins.get(key)}: an alias has one judge, so that champions are comparable; "
            "install that, or choose another alias=NAME"
        )
    what = "suite" if judge.suite else "scenario"
    other = f"; the {what} has other settings" if str(known) == str(judge) else f", not {judge}"
    raise InputError(
        f"{reference.label} is judged by {known}{other}: an alias has one judge, so that champions "
        "are comparable; judge by that, or choose another alias=NAME"
    )


def set_judge(shelf: Registry, reference: Reference, judge: Judge) -> None:
    """Note who judges an alias from now on."""
    shelf.tag_model(reference.name, _judge_tag(reference), json.dumps(judge.as_data()))


def recall(
    shelf: Registry | None, judge: Judge, candidate: PolicyConfig, track: Track
) -> list[Try]:
    """Return the earlier tries of a candidate before a judge, the oldest first.

    Raises:
        InputError: a note that cannot be read.
    """
    if shelf is None:
        return []
    found = []
    for tags in shelf.notes(TRY_TAG, _key(judge, candidate, track)):
        try:
            found.append(Try.from_text(_joined(tags), judge.scenario))
        except (KeyError, ValueError):
            raise InputError(
                f"{shelf.place}: an earlier try of {candidate.label} in experiment "
                f"{shelf.experiment} cannot be read; delete that run"
            ) from None
    return found


def remember(
    shelf: Registry,
    judge: Judge,
    candidate: PolicyConfig,
    track: Track,
    found: Try,
    tags: Mapping[str, str],
    metrics: Mapping[str, float],
) -> None:
    """Keep a try, whatever came of it.

    Args:
        tags, metrics: of its run besides.
    """
    noted = {TRY_TAG: _key(judge, candidate, track), **_parted(found.to_text()), **tags}
    shelf.note(noted, f"try of {candidate.label}", metrics)


def _parted(text: str) -> dict[str, str]:
    """Return the tags that keep a text, however long it is."""
    parts = [text[at : at + LONGEST_TAG] for at in range(0, len(text), LONGEST_TAG)]
    return {f"{FIGURES_TAG}.{place}" if place else FIGURES_TAG: p for place, p in enumerate(parts)}


def _joined(tags: Mapping[str, str]) -> str:
    """Return the text that tags keep."""
    more = (f"{FIGURES_TAG}.{place}" for place in count(1))
    return "".join(tags[key] for key in (FIGURES_TAG, *takewhile(tags.__contains__, more)))


def _key(judge: Judge, candidate: PolicyConfig, track: Track) -> str:
    """Return what tries of a candidate are kept under: of another model version are others."""
    model = [] if MODEL_VERSION == FIRST_MODEL else [MODEL_VERSION]
    return _hash([judge.as_data(), identity(candidate, track), *model])


def _judge_tag(reference: Reference) -> str:
    return f"{JUDGE_TAG}.{reference.alias}"


def _hash(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
