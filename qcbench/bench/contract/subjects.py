"""What can be checked: registered policies, and a user's own code before it is registered."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from qcbench.bench.contract.checks import Subject
from qcbench.loading import module_named
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.card import Card
from qcbench.policies.exported.folder import PACKAGED, folder_of, read_folder_card
from qcbench.policies.exported.reference import LEARNED
from qcbench.policies.protocol import Decide
from qcbench.policies.source import factory_in
from qcbench.tracks import TRACKS, Track

MAY_VIOLATE = frozenset({"round_robin", "greedy", "greedy_error", "random", "scripted"})
"""The published heuristics, which do not look at what fits; `scripted` does what it is told."""


def registered(track: Track, config: PolicyConfig, *, may_violate: bool = False) -> Subject:
    """Return a registered policy as a subject; of a trained one, on the fleet that it serves.

    Raises:
        InputError: an unknown policy or parameter, a missing one, or one of another type.
    """
    info = registry.check_parameters(track, config)
    published = TRACKS[track].choice == "qpu" and config.name in MAY_VIOLATE
    names: tuple[str, ...] = ()
    path = config.parameters.get("path")
    if config.name == LEARNED and isinstance(path, str):
        card = read_folder_card(folder_of(track, path))
        if isinstance(card, Card) and card.fleet != "any":
            names = card.fleet.qpus
    factory = partial(info.factory, **config.parameters)
    return Subject(info, factory, names, may_violate or published)


def is_own_code(name: str) -> bool:
    """Whether a name means code that can be imported: `their.module:function`."""
    return not name.startswith(PACKAGED) and bool(
        re.fullmatch(r"[^\W\d][\w.]*(?<!\.py):[^\W\d]\w*", name)
    )


def own_code(
    name: str, track: Track, parameters: Mapping[str, Any], *, may_violate: bool = False
) -> Subject:
    """Load a factory from a user's module and return it as a subject.

    Args:
        name: `their.module:function`; modules are also looked for in the working folder.
        track: the kind of decision.
        parameters: that its factory is given.
        may_violate: it may choose QPUs that a task does not fit.

    Raises:
        InputError: the code cannot be loaded, or has no such function or parameter.
    """
    where, _, function = name.partition(":")
    factory, documented = factory_in(module_named(where), where, function)
    return of_factory(
        name, factory, documented, track=track, parameters=parameters, may_violate=may_violate
    )


def of_factory(
    name: str,
    factory: Callable[..., Decide],
    documented: object,
    *,
    track: Track,
    parameters: Mapping[str, Any],
    may_violate: bool = False,
) -> Subject:
    """Return a factory that is there as a subject.

    Args:
        name: what it is called in messages.
        documented: what has its description.
        track: the kind of decision.
        parameters: that the factory is given.
        may_violate: it may choose QPUs that a task does not fit.

    Raises:
        InputError: it has no such parameter.
    """
    info = registry.described(track, name, factory, documented)
    registry.check_given(info, parameters)
    return Subject(info, partial(factory, **parameters), may_violate=may_violate)
