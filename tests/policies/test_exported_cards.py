"""Cards and weights of exported policies: what is refused, and that writing and reading agree."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_samples import PLAIN, SMALL, make_card, observation, random_tensors, write_sample
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from qcbench.errors import InputError
from qcbench.policies.exported.card import (
    CARD,
    WEIGHTS,
    Atoms,
    Card,
    HeuristicCard,
    Normalisation,
    Offset,
    PerItem,
    Plain,
    Provenance,
    TrainedFleet,
    read_card,
    write_card,
)
from qcbench.policies.exported.folder import digest, load, read_folder, write_folder
from qcbench.policies.features import queueing

FEATURES = len(queueing.LAYOUT.shared) + len(queueing.LAYOUT.each)
widths = st.lists(st.integers(1, 9), max_size=3).map(tuple)
numbers = st.floats(-1e6, 1e6)
offsets = st.none() | st.builds(Offset, feature=st.just("age"), coefficient=numbers)
per_item = st.builds(
    PerItem,
    activation=st.sampled_from(["relu", "tanh", "silu"]),
    encoder=widths.filter(len),
    context=widths,
    head=widths,
    pool=st.just("allowed"),
    offset=offsets,
)
plain = st.builds(
    Plain,
    activation=st.sampled_from(["relu", "tanh", "silu"]),
    torso=widths,
    head=widths,
    dueling=st.booleans(),
    atoms=st.none()
    | st.builds(Atoms, count=st.integers(2, 9), least=st.just(-1.0), most=numbers).filter(
        lambda atoms: atoms.most > atoms.least
    ),
)
normalisations = st.none() | st.builds(
    Normalisation,
    mean=st.tuples(*[numbers] * FEATURES),
    std=st.tuples(*[st.floats(1e-3, 1e3)] * FEATURES),
    clip=st.none() | st.floats(0.1, 10.0),
)
provenances = st.builds(
    Provenance,
    command=st.text(),
    seeds=st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    evaluation=st.dictionaries(st.text(max_size=5), numbers | st.none(), max_size=2),
)


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@settings(max_examples=60, deadline=None)
@given(network=per_item | plain, normalisation=normalisations, provenance=provenances)
def test_reading_gives_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    network: Any,
    normalisation: Normalisation | None,
    provenance: Provenance,
) -> None:
    seen = observation(queueing.LAYOUT, items=3, normalisation=normalisation)
    card = make_card("queueing", network, observation=seen, provenance=provenance)
    assert read_card(write_card(card), CARD) == card
    tensors = random_tensors(card)
    folder = write_folder(tmp_path_factory.mktemp("policy"), card, tensors)
    found = read_folder(folder)
    assert found.card == card
    assert found.tensors.keys() == tensors.keys()
    assert all(np.array_equal(found.tensors[name], tensors[name]) for name in tensors)
    assert found.sha256 == digest(folder)


def test_the_same_policy_gives_the_same_bytes(tmp_path: Path) -> None:
    card = make_card("placement")
    tensors = random_tensors(card)
    backwards = dict(reversed(list(tensors.items())))
    first = write_folder(tmp_path / "a", card, tensors)
    second = write_folder(tmp_path / "b", card, backwards)
    assert digest(first) == digest(second)
    tensors["head.0.bias"] = tensors["head.0.bias"] + 1e-3
    assert digest(write_folder(tmp_path / "c", card, tensors)) != digest(first)


def test_a_heuristic_is_a_card_alone(tmp_path: Path) -> None:
    card = HeuristicCard(track="placement", name="lookahead", parameters={"horizon": 3})
    folder = write_folder(tmp_path / "h", card, None)
    assert read_card((folder / CARD).read_bytes(), CARD) == card
    assert [path.name for path in folder.iterdir()] == [CARD]
    with pytest.raises(InputError, match="is the heuristic lookahead; name that"):
        load("placement", str(folder))


def changed(data: dict[str, Any], path: str, value: Any) -> str:
    """A card's JSON text with a value at `a.b.c` changed, or removed where it is KeyError."""
    at = data
    *way, last = path.split(".")
    for key in way:
        at = at[key]
    if value is KeyError:
        del at[last]
    else:
        at[last] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format", 2, "format 2 is not known; this qcbench reads 1"),
        ("format", KeyError, "key 'format' is missing"),
        ("format", True, "format True is not known"),
        ("kind", "pickle", "kind is 'pickle'; it must be 'network' or 'heuristic'"),
        ("track", "routing", "track is \"routing\"; it must be 'placement' or"),
        ("track", KeyError, "key 'track' is missing"),
        ("netwrk", 1, "no key 'netwrk' is known; did you mean network"),
        ("fleet", "some", "fleet is \"some\"; it must be an object or 'any'"),
        ("fleet", {"name": "x"}, "fleet: key 'qpus' is missing"),
        ("action", "weights", "action is 'weights'; on track placement it must be 'choice'"),
        ("action", "sets", "it must be 'choice' or 'weights' or 'set'"),
        ("spread", "vector", "spread is 'vector'; a choice has 'none'"),
        ("spread_limits", [1.0, 0.0], "spread_limits are [1.0, 0.0]; must be least and largest"),
        (
            "network.type",
            "transformer",
            "type is \"transformer\"; it must be 'per_item' or 'plain'",
        ),
        ("network.encoder", [], "network: encoder has no layers"),
        ("network.encoder", [8, 0], "a layer: 0; must be in 1..65536"),
        ("network.encoder", [10**12], "a layer: 1000000000000; must be in 1..65536"),
        ("network.encoder", [8.5], "network: encoder[0] is 8.5; it must be a whole number"),
        ("network.encoder", 8, "network: encoder is 8; it must be a list"),
        ("network.outputs", 3, "network: outputs is 3; it must be 1 or 2"),
        ("network.outputs", 2, "spread is 'none' with 2 network.outputs"),
        (
            "network.offset",
            {"feature": "regrets", "coefficient": 1},
            "network: offset: 'regrets' is none of observation.each",
        ),
        ("observation.shared", ["width", "width"], "shared names a feature twice"),
        ("observation.items", 4, "items is 4; a queueing policy looks at 1 or more"),
        (
            "observation.normalisation",
            {"mean": [0.0], "std": [1.0]},
            "mean has 1 numbers for 22 features",
        ),
        (
            "observation.normalisation",
            {"mean": [0.0] * 22, "std": [0.0] * 22},
            "std must be positive",
        ),
        ("provenance.seeds", {"a": "b"}, 'provenance: seeds.a is "b"; it must be a whole number'),
    ],
)
def test_cards_that_are_refused(path: str, value: Any, message: str) -> None:
    data = json.loads(write_card(make_card("placement")))
    with pytest.raises(InputError) as error:
        read_card(changed(data, path, value), "a/policy.json")
    assert one_line(error).startswith("a/policy.json: ")
    assert message in one_line(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("[]", "must be a JSON object, not a list"),
        ('{"format": 1, "format": 1}', "key 'format' is there twice"),
        ('{"format": NaN}', "NaN is no number of JSON"),
        ("[" * 100_000, "is not JSON"),
        ("\x80abc", "is not JSON"),
    ],
)
def test_texts_that_are_no_cards(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_card(text, "policy.json")
    assert message in one_line(error)


def test_a_plain_network_names_its_fleet() -> None:
    card = make_card("placement", PLAIN)
    with pytest.raises(InputError, match="a plain network serves the fleet it was trained on"):
        write_card(replace(card, fleet="any"))


def test_a_choice_of_sets_is_for_plain_networks_on_few_qpus() -> None:
    more: Any = {"action": "set", "spread": "none"}
    with pytest.raises(InputError, match="action is 'set'; it goes with a plain network"):
        write_card(make_card("allocation", **more))
    many = TrainedFleet(name="many", qpus=tuple(f"q{i}" for i in range(9)))
    with pytest.raises(InputError, match="action is 'set'; it is for 8 QPUs at most"):
        write_card(make_card("allocation", PLAIN, fleet=many, **more))
    card = make_card("allocation", PLAIN, **more)
    assert random_tensors(card)["head.1.bias"].shape == (32,)


def rewrite(folder: Path, **changes: Any) -> None:
    tensors = load_file(folder / WEIGHTS) | changes
    save_file({name: t for name, t in tensors.items() if t is not None}, folder / WEIGHTS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head.1.bias": None}, "tensor head.1.bias is missing"),
        ({"hed.1.bias": np.ones(1, np.float32)}, "hed.1.bias is none of the network's; did you"),
        (
            {"head.1.bias": np.ones(2, np.float32)},
            "tensor head.1.bias has shape [2]; by the card it must have [1]",
        ),
        ({"head.1.bias": np.array([np.nan], np.float32)}, "head.1.bias has values that are NaN"),
        ({"head.1.bias": np.array([np.inf], np.float32)}, "values that are NaN or infinite"),
        ({"head.1.bias": np.array([1e300])}, "values that are NaN or infinite"),
        ({"head.1.bias": np.array([1])}, "tensor head.1.bias is of int64; must be float32"),
    ],
)
def test_weights_that_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    folder = write_sample(tmp_path / "p", "placement")
    rewrite(folder, **changes)
    with pytest.raises(InputError) as error:
        load("placement", str(folder))
    assert one_line(error).startswith(str(folder / WEIGHTS))
    assert message in one_line(error)


@pytest.mark.parametrize("data", [b"", b"abc", b"\xff" * 200, b"PK\x03\x04" + b"x" * 100])
def test_a_damaged_file_is_refused(tmp_path: Path, data: bytes) -> None:
    folder = write_sample(tmp_path / "p", "placement")
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(InputError, match="is no safetensors file") as error:
        load("placement", str(folder))
    one_line(error)


def test_every_cut_of_the_weights_is_refused(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "p", "placement")
    whole = (folder / WEIGHTS).read_bytes()
    for length in range(0, len(whole), 97):
        (folder / WEIGHTS).write_bytes(whole[:length])
        with pytest.raises(InputError):
            load("placement", str(folder))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder; it must hold"):
        load("placement", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"policy\.json: does not exist"):
        load("placement", str(tmp_path))
    folder = write_sample(tmp_path / "p", "placement")
    (folder / WEIGHTS).unlink()
    with pytest.raises(InputError, match=r"weights\.safetensors: does not exist"):
        load("placement", str(folder))
    with pytest.raises(InputError, match="no placement policy of this name is packaged"):
        load("placement", "packaged:nobody")


def test_the_writer_refuses_what_the_reader_would(tmp_path: Path) -> None:
    card = make_card("placement")
    tensors = random_tensors(card)
    tensors["head.1.bias"][0] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        write_folder(tmp_path / "p", card, tensors)
    assert not (tmp_path / "p").exists()
    with pytest.raises(InputError, match="is missing"):
        write_folder(tmp_path / "p", card, None)


def test_a_checkpoint_of_another_track(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "p", "queueing")
    with pytest.raises(InputError, match="is a policy for track queueing, not for placement"):
        load("placement", str(folder))


def test_other_bytes_than_the_hash_says(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "p", "placement")
    with pytest.raises(InputError, match="is not the policy that was meant; its SHA-256 is"):
        load("placement", str(folder), "0" * 64)
    assert load("placement", str(folder), digest(folder)).card == make_card("placement", SMALL)


def test_a_card_is_the_dataclass_it_says(tmp_path: Path) -> None:
    folder = write_sample(tmp_path / "p", "allocation")
    card = read_folder(folder).card
    assert isinstance(card, Card)
    assert card.spread == "vector"
    assert isinstance(card.network, PerItem)
