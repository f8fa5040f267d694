"""`policy.json`: what an exported policy is, what it sees, how it decides, and where it is from."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Interval

from qcbench.configs import check_range
from qcbench.errors import InputError
from qcbench.policies.exported.schema import build, parse
from qcbench.policies.features.allocation_menu import MOST_QPUS
from qcbench.tracks import TRACKS, LearnedTrack, Track

FORMAT = 1
CARD = "policy.json"
WEIGHTS = "weights.safetensors"
ONNX = "model.onnx"

MOST_WIDE = 65536
"""No layer is wider; a card that says so is damaged."""

Width = Annotated[int, Interval(ge=1, le=MOST_WIDE)]

Activation: TypeAlias = Literal["relu", "tanh", "silu"]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a policy is from; nothing here changes a decision.

    Attributes:
        command: that made it.
        scenario: that it was trained on.
        seeds: by what they seed.
        versions: of the packages that trained it.
        evaluation: figures of its evaluation, by metric.
        notes: anything else.
    """

    command: str = ""
    scenario: str = ""
    seeds: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    evaluation: Mapping[str, float | str | None] = field(default_factory=dict)
    notes: str = ""


@dataclass(frozen=True, kw_only=True)
class TrainedFleet:
    """The only fleet that a policy serves: QPUs by name, in the order of its outputs."""

    name: str
    qpus: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """``(x - mean) / std`` of every feature, then clipped to ``[-clip, clip]``.

    In the order of the observation: the shared features, then those of an item.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    clip: float | None = None


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What a policy sees, by the names in `qcbench.policies.features`.

    Attributes:
        layout: name of the layout there, such as `placement` or `placement-legacy`.
        shared: features of the situation and the task, all of the layout's or some.
        each: features of each item: a QPU, or a waiting task.
        items: of a queueing policy, how many waiting tasks it looks at.
    """

    layout: str
    shared: tuple[str, ...]
    each: tuple[str, ...]
    items: int = 0
    normalisation: Normalisation | None = None


@dataclass(frozen=True, kw_only=True)
class Offset:
    """Adds ``coefficient x feature`` to the score of each item."""

    feature: str
    coefficient: float


@dataclass(frozen=True, kw_only=True)
class PerItem:
    """A network that scores each item from its own features, the shared ones and all others.

    With x_i the features of item i and g the shared ones::

        h_i = encoder([x_i, g])           layers `encoder.0`, `encoder.1`, ...
        c   = context([mean h, max h])    layers `context.0`, ...; without layers as it is
        o_i = head([h_i, c])              layers `head.0`, ... and a last one, without activation
        score_i = o_i[0] + offset

    so it does not matter in which order items stand, nor how many they are.

    Attributes:
        encoder, context, head: widths of the hidden layers.
        pool: mean and max are over `all` items, or over those that are `allowed`.
        outputs: of the last layer: 1, or 2 for mean and logarithm of a standard deviation.
        offset: knowledge to start from.
    """

    type: Literal["per_item"] = "per_item"
    activation: Activation
    encoder: tuple[int, ...]
    context: tuple[int, ...] = ()
    head: tuple[int, ...] = ()
    pool: Literal["all", "allowed"] = "all"
    outputs: Literal[1, 2] = 1
    offset: Offset | None = None


@dataclass(frozen=True, kw_only=True)
class Atoms:
    """A distribution of the value over equally spaced atoms (C51); its mean is the value."""

    count: int
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A plain network over the whole observation, for one number of items.

    Layers `torso.0`, ...; then `head.0`, ... and a last one. A dueling network has a second stream
    `value.0`, ... with as many layers: value + advantage - mean of the advantages, atom by atom.

    Attributes:
        torso, head: widths of the hidden layers.
        outputs: numbers for each item: 1, or 2 for mean and logarithm of a standard deviation.
        dueling: whether there is a value stream.
        atoms: of a distributional value; the last layer then has as many outputs an action.
    """

    type: Literal["plain"] = "plain"
    activation: Activation
    torso: tuple[int, ...]
    head: tuple[int, ...] = ()
    outputs: Literal[1, 2] = 1
    dueling: bool = False
    atoms: Atoms | None = None


Network: TypeAlias = PerItem | Plain


@dataclass(frozen=True, kw_only=True)
class Card:
    """A trained policy.

    Attributes:
        fleet: the one it serves, or `any`.
        action: how the scores become a decision: `choice` of an item, `weights` of QPUs, over
            which a task is split, or the `set` of QPUs that it is split over, see
            `qcbench.policies.features.allocation_menu`.
        spread: standard deviation of each score where a policy is sampled: `none` (scores are
            logits or values), `vector` (the tensor `log_std`), or `output` of the network.
        spread_limits: least and largest logarithm that it is cut to; empty for none.
    """

    kind: Literal["network"] = "network"
    track: LearnedTrack
    fleet: TrainedFleet | Literal["any"]
    observation: Observation
    action: Literal["choice", "weights", "set"] = "choice"
    spread: Literal["none", "vector", "output"] = "none"
    spread_limits: tuple[float, ...] = ()
    network: Network
    provenance: Provenance = field(default_factory=Provenance)


@dataclass(frozen=True, kw_only=True)
class HeuristicCard:
    """A registered policy under the name of a model: heuristics can be champions too.

    Attributes:
        plugins: identities of others' code that it was judged with, see `qcbench.plugins`; with
            other code it is another policy. A card has the key only where there are some.
    """

    kind: Literal["heuristic"] = "heuristic"
    track: Track
    name: str
    parameters: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)


KINDS: Mapping[str, type] = {"network": Card, "heuristic": HeuristicCard}


def read_card(text: str | bytes, where: str) -> Card | HeuristicCard:
    """Read and check the text of a `policy.json`.

    Raises:
        InputError: not JSON, another format, an unknown or missing key, a value out of range.
    """
    data = parse(text, where)
    if "format" not in data:
        raise InputError(f"{where}: key 'format' is missing; is it the card of a policy?")
    found = data.pop("format")
    if found != FORMAT or type(found) is not int:
        raise InputError(f"{where}: format {found!r} is not known; this qcbench reads {FORMAT}")
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        known = " or ".join(repr(name) for name in KINDS)
        raise InputError(f"{where}: kind is {kind!r}; it must be {known}")
    card: Card | HeuristicCard = build(KINDS[kind], data, where)
    if isinstance(card, Card):
        check_card(card, where)
    return card


def write_card(card: Card | HeuristicCard) -> str:
    """Return the text of a `policy.json`; `read_card` gives the same card back."""
    data: dict[str, Any] = {"format": FORMAT, **asdict(card)}
    if not data.get("plugins", True):
        del data["plugins"]
    text = json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    if read_card(text, CARD) != card:
        raise TypeError(f"{card!r} has a value of another type than its field")
    return text


def check_card(card: Card, where: str) -> None:
    """Check what the types of a card cannot say.

    Raises:
        InputError: widths out of range, lists of unequal lengths, parts that do not go together.
    """
    network, seen = card.network, card.observation
    widths = (
        (*network.encoder, *network.context, *network.head)
        if isinstance(network, PerItem)
        else (*network.torso, *network.head)
    )
    check_widths(f"{where}: network", widths)
    for names, key in ((seen.shared, "shared"), (seen.each, "each")):
        if len(set(names)) < len(names):
            raise InputError(f"{where}: observation: {key} names a feature twice")
    if isinstance(network, PerItem):
        _check_per_item(card, network, where)
    else:
        _check_plain(card, network, where)
    if (seen.items > 0) != (TRACKS[card.track].choice == "waiting"):
        raise InputError(
            f"{where}: observation: items is {seen.items}; a queueing policy looks at 1 or more "
            "waiting tasks, every other at all QPUs, which is 0"
        )
    if seen.normalisation is not None:
        _check_normalisation(seen.normalisation, len(seen.shared) + len(seen.each), where)
    if (card.spread == "output") != (network.outputs == 2):
        raise InputError(
            f"{where}: spread is {card.spread!r} with {network.outputs} network.outputs; "
            "'output' goes with 2 and everything else with 1"
        )
    limits = card.spread_limits
    if limits and not (len(limits) == 2 and limits[0] <= limits[1]):
        raise InputError(f"{where}: spread_limits are {list(limits)}; must be least and largest")
    wanted = ("weights", "set") if TRACKS[card.track].choice == "split" else ("choice",)
    if card.action not in wanted:
        known = " or ".join(repr(name) for name in wanted)
        raise InputError(
            f"{where}: action is {card.action!r}; on track {card.track} it must be {known}"
        )
    if card.spread != "none" and card.action != "weights":
        raise InputError(f"{where}: spread is {card.spread!r}; a choice has 'none'")


def check_widths(where: str, widths: Iterable[int]) -> None:
    """Refuse layers that are empty, or wider than what is read again.

    Raises:
        InputError: as said; `where` is the file or the key.
    """
    for width in widths:
        check_range(f"{where}: a layer", Width, width)


def _check_per_item(card: Card, network: PerItem, where: str) -> None:
    seen = card.observation
    if not network.encoder:
        raise InputError(f"{where}: network: encoder has no layers")
    if TRACKS[card.track].choice == "waiting" and network.pool != "allowed":
        raise InputError(
            f"{where}: network: pool is {network.pool!r}; on track queueing it must be 'allowed', "
            "since places at which no task waits say nothing"
        )
    if card.action == "set":
        raise InputError(f"{where}: action is 'set'; it goes with a plain network")
    if network.offset is not None and network.offset.feature not in seen.each:
        raise InputError(
            f"{where}: network: offset: {network.offset.feature!r} is none of observation.each"
        )


def _check_plain(card: Card, network: Plain, where: str) -> None:
    if TRACKS[card.track].choice != "waiting" and card.fleet == "any":
        raise InputError(
            f"{where}: fleet is 'any'; a plain network serves the fleet it was trained on"
        )
    if card.action == "set" and card.fleet != "any" and len(card.fleet.qpus) > MOST_QPUS:
        raise InputError(f"{where}: action is 'set'; it is for {MOST_QPUS} QPUs at most")
    atoms = network.atoms
    if atoms is not None and not (2 <= atoms.count <= MOST_WIDE and atoms.least < atoms.most):
        raise InputError(f"{where}: network: atoms must be at least 2, from least to most")
    if network.outputs == 2 and (network.dueling or atoms is not None):
        raise InputError(f"{where}: network: values of actions have outputs 1")


def _check_normalisation(given: Normalisation, features: int, where: str) -> None:
    for key, values in (("mean", given.mean), ("std", given.std)):
        if len(values) != features:
            raise InputError(
                f"{where}: observation: normalisation: {key} has {len(values)} numbers for "
                f"{features} features"
            )
    if not all(value > 0 for value in given.std):
        raise InputError(f"{where}: observation: normalisation: std must be positive")
    if given.clip is not None and not given.clip > 0:
        raise InputError(f"{where}: observation: normalisation: clip must be positive")
