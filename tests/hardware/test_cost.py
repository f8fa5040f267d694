"""What a replay may cost is a range, and spending more than was confirmed is asked for again."""

import pytest

from qcbench.errors import InputError
from qcbench.hardware.cost import LONGEST_S, QPU_SECONDS, confirm, likely_s, reserve_s


def test_costs_are_from_the_rule_to_what_it_has_missed() -> None:
    assert QPU_SECONDS.ranges(70.0) == ("70 to 100 QPU seconds", "112 to 160 USD")
    assert likely_s(70.0) == pytest.approx(100.0)


def test_a_reserve_covers_the_likely_charge_and_is_a_limit_that_is_taken() -> None:
    assert reserve_s(10.2) == 21
    assert reserve_s(10.2) > likely_s(10.2)
    assert reserve_s(1e6) == LONGEST_S


@pytest.mark.parametrize(
    ("budget_s", "before_s", "confirmed", "asks"),
    [
        (100.0, None, False, "estimated at 70 to 100 QPU seconds, 112 to 160 USD, and may use 100"),
        (100.0, None, True, ""),
        (100.0, 100.0, False, ""),
        (80.0, 100.0, False, ""),
        (101.0, 100.0, False, "budget_s: is raised from 100 to 101; the replay may use 101 s"),
        (101.0, 100.0, True, ""),
    ],
)
def test_a_budget_is_confirmed_and_a_raised_one_again(
    budget_s: float, before_s: float | None, confirmed: bool, asks: str
) -> None:
    if not asks:
        confirm("ibm", QPU_SECONDS, 70.0, budget_s, confirmed=confirmed, before=before_s)
        return
    with pytest.raises(InputError, match=asks) as caught:
        confirm("ibm", QPU_SECONDS, 70.0, budget_s, confirmed=confirmed, before=before_s)
    assert "add yes=true to spend it" in str(caught.value)
