"""Policies that are named by where they lie, and how they are tied to what is in their files."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from qcbench.content import check_meant
from qcbench.policies.config import PolicyConfig
from qcbench.policies.exported.card import Card, HeuristicCard
from qcbench.policies.exported.folder import PACKAGED, load
from qcbench.policies.source import is_source

LEARNED = "learned"
"""The policy, on every track that has it, that runs what was trained."""

Parameters: TypeAlias = Mapping[str, bool | int | float | str]


def lies_elsewhere(name: str) -> bool:
    """Whether a policy's name says where it lies: a folder, a file, the package, a registry."""
    return "/" in name or name.startswith(("~", PACKAGED)) or is_source(name)


def policy_of(card: Card | HeuristicCard, path: str, label: str) -> PolicyConfig:
    """Return the policy that a card is of: a heuristic by its name, or the network in `path`."""
    if isinstance(card, HeuristicCard):
        return PolicyConfig(name=card.name, label=label, parameters=dict(card.parameters))
    return PolicyConfig(name=LEARNED, label=label, parameters={"path": path})


def with_digest(track: str) -> Callable[[Parameters], dict[str, bool | int | float | str]]:
    """Return the function that adds the hash of a policy's files to its parameters.

    The registry calls it when a trial is made; a worker that finds other files refuses them.
    """

    def resolve_parameters(parameters: Parameters) -> dict[str, bool | int | float | str]:
        path, expected = parameters.get("path"), parameters.get("sha256", "")
        if not isinstance(path, str) or not isinstance(expected, str):
            return dict(parameters)  # the check of the parameters says so
        found = load(track, path).sha256
        check_meant(path, found, expected, "policy")
        return {**parameters, "sha256": found}

    return resolve_parameters
