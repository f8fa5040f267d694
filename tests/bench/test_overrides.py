"""What users write as overrides, and what becomes of it."""

from pathlib import Path

import pytest

from qcbench.bench.compose import compose, compose_scenario
from qcbench.bench.overrides import below_scenario, nested, split, unquoted, value_of
from qcbench.errors import InputError
from qcbench.workload.config import BatchArrivals, BurstArrivals, PoissonArrivals

STREAM = "placement/qce5-stream"


def test_parts_of_a_scenario_need_not_name_it() -> None:
    assert nested(["fleet=heron5", "workload.tasks=3", "+rules.x=1", "policy=greedy"]) == [
        "fleet@scenario.fleet=heron5",
        "scenario.workload.tasks=3",
        "+scenario.rules.x=1",
        "policy=greedy",
    ]


def test_relative_overrides_become_absolute_once() -> None:
    assert below_scenario("rules.warm_up_s=1") == "scenario.rules.warm_up_s=1"
    assert below_scenario("~rules.drift") == "~scenario.rules.drift"
    assert below_scenario("fleet@scenario.fleet=x") == "fleet@scenario.fleet=x"


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ('"my site"', "my site"),
        ("'my site'", "my site"),
        ("'it\"s'", 'it"s'),
        ('""', ""),
        ('"', '"'),
        ('"a', '"a'),
        ('"a" or "b"', '"a" or "b"'),
        ("plain", "plain"),
    ],
)
def test_one_pair_of_quotes_round_a_value_is_not_of_it(value: str, meant: str) -> None:
    assert unquoted(value) == meant
    assert value_of(["a=1", f"runs_dir={value}", "runs_dir=x"], "runs_dir", "runs") == meant
    assert value_of(["a=1"], "runs_dir", "runs") == "runs"


def test_choices_and_values_are_told_apart() -> None:
    given = ["suite=quickstart", "suite.seed=3", "~suite.seed", "+new=1", "store=x"]
    assert split(given, {"suite"}) == (
        ["suite=quickstart", "~suite.seed", "+new=1"],
        ["suite.seed=3", "store=x"],
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ["workload.arrivals.process=batch"],
        ["workload.arrivals={process: batch}"],
    ],
)
def test_another_kind_drops_the_keys_of_the_former(overrides: list[str]) -> None:
    assert compose_scenario(STREAM, overrides).workload.arrivals == BatchArrivals()


def test_the_order_of_kind_and_keys_does_not_matter() -> None:
    kind, key = "workload.arrivals.process=bursts", "workload.arrivals.load=0.5"
    one = compose_scenario(STREAM, [kind, key]).workload.arrivals
    other = compose_scenario(STREAM, [key, kind]).workload.arrivals
    assert one == other == BurstArrivals(load=0.5)


def test_the_same_kind_keeps_what_the_yaml_says() -> None:
    arrivals = compose_scenario(STREAM, ["workload.arrivals.process=poisson"]).workload.arrivals
    assert isinstance(arrivals, PoissonArrivals)
    assert arrivals.load is not None


def test_keys_that_only_the_dataclass_knows_need_no_plus() -> None:
    rules = compose_scenario(STREAM, ["rules.rescheduling.max_decisions=7"]).rules
    assert rules.rescheduling.max_decisions == 7


def test_a_mistyped_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"max_decision: no such key; did you mean max_decisions"):
        compose_scenario(STREAM, ["rules.rescheduling.max_decision=7"])


@pytest.mark.parametrize(
    "name", ["a[1]", 'b"c', "d\\", 'e\\"', "f'", "g${x}", "h%20#,=?*", "i{j}: k"]
)
def test_a_folder_of_configs_may_have_any_name(name: str, tmp_path: Path) -> None:
    for folder, label in ((name, "mine"), ("a1", "another's")):
        group = tmp_path / folder / "policy"
        group.mkdir(parents=True)
        (group / "here.yaml").write_text(f"name: greedy\nlabel: {label}\n")
    assert compose("simulate", ["policy=here"], [tmp_path / name]).policy.label == "mine"
