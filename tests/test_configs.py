"""Ranges stand in the types of a config; what is out of them is said in one line."""

from dataclasses import field
from typing import Annotated, Any, ClassVar, Literal

import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt, MaxLen, MinLen, MultipleOf

from qcbench.bench.typed import typed
from qcbench.configs import Amount, Count, NotNegative, Positive, Seed, Share, config
from qcbench.errors import InputError


@config
class Inner:
    share: Share = 0.0


@config
class Numbers:
    whole: Count = 1
    amount: Amount | None = None
    share: Share = 0.0
    length_s: Positive = 0.1
    gap_s: NotNegative = 0.0
    seed: Seed = 0
    factor: Annotated[float, Gt(1.5)] = 2.0
    most: Annotated[int, Ge(2), Le(9)] = 2
    part: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    below: Annotated[float, Lt(2)] = 0.0
    hundreds: Annotated[int, MultipleOf(100)] = 100
    names: Annotated[list[str], MinLen(1)] = field(default_factory=lambda: ["a"])
    widths: Annotated[tuple[Count, ...], MinLen(1), MaxLen(2)] = (1,)
    kind: Literal["one", "two"] = "one"
    inner: Inner = Inner()
    plain: int = 0


REFUSED = [
    ({"whole": 0}, "whole: 0; must be at least 1"),
    ({"amount": -1}, "amount: -1; must not be negative"),
    ({"share": -0.1}, "share: -0.1; must be in 0..1"),
    ({"share": 1.5}, "share: 1.5; must be in 0..1"),
    ({"length_s": 0.0}, "length_s: 0.0; must be positive"),
    ({"gap_s": -1}, "gap_s: -1; must not be negative"),
    ({"seed": -1}, "seed: -1; must not be negative"),
    ({"seed": 2**63}, "seed: 9223372036854775808; must be below 9223372036854775808"),
    ({"factor": 1.5}, "factor: 1.5; must be above 1.5"),
    ({"most": 1}, "most: 1; must be at least 2"),
    ({"most": 10}, "most: 10; must be at most 9"),
    ({"part": 1.0}, "part: 1.0; must be at least 0 and below 1"),
    ({"below": 2.0}, "below: 2.0; must be below 2"),
    ({"hundreds": 150}, "hundreds: 150; must be a multiple of 100"),
    ({"names": []}, "names: is empty; name at least one"),
    ({"widths": (1, 2, 3)}, "widths: has 3 entries; must have at most 2"),
    ({"widths": (1, 0)}, "widths[1]: 0; must be at least 1"),
    ({"kind": "three"}, "kind: 'three'; must be one of one, two"),
    ({"whole": "many"}, "whole: 'many'; must be a whole number"),
    ({"whole": 1.5}, "whole: 1.5; must be a whole number"),
    ({"share": "much"}, "share: 'much'; must be a number"),
    ({"share": None}, "share: None; must be a number"),
]
"""In the same words, whether Python makes the config or YAML is read."""


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_what_cannot_be_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Numbers(**changes)
    assert str(caught.value) == message


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_a_file_is_refused_by_its_whole_key(changes: dict[str, Any], message: str) -> None:
    if changes == {"seed": 2**63}:
        message = "seed: 9223372036854775808; is too large, the limit is 1e+18"
    with pytest.raises(InputError) as caught:
        typed(Numbers, changes, "group")
    assert str(caught.value) == f"group.{message}"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400])
def test_no_number_is_beyond_the_finite_ones(value: float) -> None:
    with pytest.raises(InputError, match=r"^length_s: .*; must be a finite number$") as caught:
        Numbers(length_s=value)
    assert len(str(caught.value)) < 200


def test_a_truth_is_no_number() -> None:
    with pytest.raises(InputError, match=r"^whole: True; must be a whole number$"):
        Numbers(whole=True)


def test_ends_of_a_range_can_be_reached() -> None:
    data = {"share": 1.0, "amount": 0, "most": 9, "factor": 1.6, "part": 0.0, "names": ["b"]}
    assert typed(Numbers, data, "") == Numbers(**data)
    assert Numbers(seed=2**63 - 1).seed == 2**63 - 1


def test_keys_within_groups_are_named_whole() -> None:
    with pytest.raises(InputError, match=r"^group\.inner\.share: 2; must be in 0\.\.1$"):
        typed(Numbers, {"inner": {"share": 2}}, "group")


def test_several_keys_are_compared_after_their_ranges_and_subclasses_keep_both() -> None:
    @config
    class Ends:
        WHERE: ClassVar[str] = "ends"
        least: Count = 1
        most: Count = 1

        def __post_init__(self) -> None:
            if self.least > self.most:
                raise InputError("ends: must rise")

    @config
    class More(Ends):
        more: Count = 1

    for kind in (Ends, More):
        with pytest.raises(InputError, match=r"^ends\.least: 0; must be at least 1$"):
            kind(least=0, most=-1)
        with pytest.raises(InputError, match=r"^ends: must rise$"):
            kind(least=2)
    with pytest.raises(InputError, match=r"^ends\.more: 0; must be at least 1$"):
        More(more=0)
