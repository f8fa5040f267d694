"""The YAML group `mix`: scenarios that one agent learns on together."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from math import floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import MaxLen, MinLen

from qcbench.bench.compose import compose_entry, scenario_entries
from qcbench.bench.config import PLACEHOLDER, ScenarioConfig, ScenarioEntry
from qcbench.bench.overrides import NESTED_GROUPS
from qcbench.bench.seeds import stream
from qcbench.bench.typed import plain, typed
from qcbench.configs import Count, config
from qcbench.errors import InputError
from qcbench.number_texts import exact_text

if TYPE_CHECKING:
    from omegaconf import DictConfig

MOST_SOURCES = 256
"""Each has environments, worlds and an evaluation of its own."""

FINENESS = 100
"""So many values at least a range has."""

MOST_DIGITS = 17
"""Of a 64-bit float."""


@config
class DrawnValue:
    """A value that is drawn anew for every scenario that a source stands for.

    Attributes:
        values: the least and the most; whole numbers where both are.
        override: Hydra override in which VALUE stands for what is drawn.
    """

    values: Annotated[list[int | float], MinLen(2), MaxLen(2)]
    override: str

    def __post_init__(self) -> None:
        if PLACEHOLDER not in self.override:
            raise InputError(
                f"mix.sources: {self.override!r} has no {PLACEHOLDER} in the place of a value"
            )
        if self.values[0] > self.values[1]:
            raise InputError(f"mix.sources: values {self.values}; the least comes first")


@config
class SourceEntry(ScenarioEntry):
    """A scenario of a mix, as of a suite; or several with values drawn from ranges.

    Attributes:
        times: how many scenarios it stands for.
        draws: what is drawn for each of them.
    """

    times: Count = 1
    draws: list[DrawnValue] = field(default_factory=list)

    def drawn(self, seed: int) -> Iterator[ScenarioEntry]:
        """Give the scenarios it stands for; equal seeds give equal ones."""
        for place in range(self.times):
            for crossing in self.crossings():
                name = f"{crossing.name}/{place}" if self.times > 1 else crossing.name
                rng = stream("mix", name, 0, "draws", seed=seed)
                overrides = [*crossing.overrides]
                for draw in self.draws:
                    least, most = draw.values
                    if isinstance(least, int) and isinstance(most, int):
                        value = str(rng.integers(least, most + 1))
                    else:
                        value = _rounded(float(rng.uniform(least, most)), least, most)
                    overrides.append(draw.override.replace(PLACEHOLDER, value))
                yield ScenarioEntry(
                    base=self.base, name=name, overrides=overrides, axes=crossing.axes
                )


def _rounded(value: float, least: float, most: float) -> str:
    """Return what is drawn from a range with four digits, and more where the range is narrow."""
    places = floor(log10(max(abs(least), abs(most)) or 1.0))
    digits = 4
    while digits < MOST_DIGITS and 10.0 ** (places + 1 - digits) > (most - least) / FINENESS:
        digits += 1
    text = f"{value:.{digits}g}"
    return text if least <= float(text) <= most else exact_text(value)


@config
class MixConfig:
    """The YAML group `mix`.

    Attributes:
        name: of the mix.
        sources: the scenarios.
    """

    name: str = "mix"
    description: str = ""
    sources: Annotated[list[SourceEntry], MinLen(1)]


def mix_config(data: Any) -> MixConfig:
    """Return the typed mix.

    Raises:
        InputError: it is none.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"mix: {data!r}; it is a mapping with sources, a list of scenarios")
    sources = scenario_entries(data.get("sources"), "mix.sources")
    return typed(MixConfig, {**data, "sources": sources}, "mix")


def shared_of(overrides: Sequence[str]) -> list[str]:
    """Return those of a training's overrides that are of every scenario of its mix.

    Args:
        overrides: in Hydra's syntax, as `nested` returns them.

    Raises:
        InputError: one chooses a scenario besides.
    """
    for text in overrides:
        if re.match(r"\+*scenario=", text):
            raise InputError(f"{text}: a mix has its scenarios in mix.sources; leave one out")
    groups = "|".join(NESTED_GROUPS)
    return [
        text for text in overrides if re.match(rf"[+~]*(scenario\.|({groups})@scenario\.)", text)
    ]


def shown(composed: "DictConfig", overrides: Sequence[str]) -> None:
    """Let the composed config of a training with a mix show what is trained on.

    That is no single scenario; what is changed in all scenarios stands in each of the sources.

    Args:
        composed: changed in place.
        overrides: that it is composed of, as `nested` returns them.
    """
    from omegaconf import OmegaConf, open_dict  # noqa: PLC0415

    if composed.get("mix") is None:
        return
    shared = shared_of(overrides)
    known = mix_config(OmegaConf.to_container(composed.mix, resolve=True))
    with open_dict(composed):
        del composed["scenario"]
        composed.mix.sources = [_told(source, shared) for source in known.sources]


def _told(source: SourceEntry, shared: Sequence[str]) -> dict[str, Any]:
    """Return a source with what is changed in it, and without what it does not say."""
    usual = plain(SourceEntry(base=source.base))
    found = plain(replace(source, overrides=[*source.overrides, *shared]))
    return {key: value for key, value in found.items() if key == "base" or value != usual[key]}


def scenarios_of(
    mix: MixConfig, seed: int, overrides: Sequence[str], config_dirs: Sequence[Path]
) -> list[ScenarioConfig]:
    """Compose the scenarios of a mix.

    Args:
        seed: of what is drawn.
        overrides: Hydra overrides for every one of them.

    Raises:
        InputError: one cannot be composed, or there are too many.
    """
    entries = [entry for source in mix.sources for entry in source.drawn(seed)]
    if len(entries) > MOST_SOURCES:
        raise InputError(f"mix.sources: {len(entries)} scenarios; at most {MOST_SOURCES}")
    return [compose_entry(entry, overrides, config_dirs) for entry in entries]
