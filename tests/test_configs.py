"""Checks of the numbers of a YAML group name the key, the value and what would be right."""

from typing import Any

import pytest

from qcbench.configs import check_least, check_positive, check_share, config
from qcbench.errors import InputError


@config
class Numbers:
    whole: int = 1
    share: float = 0.0
    length_s: float = 0.1


def check(numbers: Numbers, where: str = "group") -> None:
    check_least(numbers, where, 1, ("whole",))
    check_share(numbers, where, ("share",))
    check_positive(numbers, where, ("length_s",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"whole": 0}, "group.whole: 0; must be at least 1"),
        ({"share": -0.1}, "group.share: -0.1; must be in 0..1"),
        ({"share": 1.5}, "group.share: 1.5; must be in 0..1"),
        ({"share": float("nan")}, "group.share: nan; must be in 0..1"),
        ({"length_s": 0.0}, "group.length_s: 0.0; must be positive"),
        ({"length_s": float("nan")}, "group.length_s: nan; must be positive"),
    ],
)
def test_what_cannot_be_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        check(Numbers(**changes))
    assert str(caught.value) == message


def test_bounds_can_be_reached_and_a_key_may_stand_alone() -> None:
    check(Numbers(share=1.0))
    with pytest.raises(InputError, match=r"^whole: 0; must be at least 1$"):
        check(Numbers(whole=0), where="")
