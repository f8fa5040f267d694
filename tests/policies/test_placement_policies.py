"""What each placement policy chooses, by hand."""

from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_clouds import make_fleet, make_workload, run

from qcbench.api import compose_run
from qcbench.bench.suite import expand, suite_scenarios
from qcbench.errors import InputError
from qcbench.fleet.profile import Fleet, QpuProfile
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.placement import lookahead
from qcbench.policies.protocol import PolicyContext, PolicyError
from qcbench.policies.view import PlacementView, TaskTable

INF = np.inf


def make(name: str, fleet: Fleet, seed: int = 0, **parameters: Any) -> Any:
    config = PolicyConfig(name=name, parameters=parameters)
    return registry.make("placement", config, PolicyContext(fleet, np.random.default_rng(seed)))


def situation(
    exec_s: list[float],
    free_at_s: list[float] | None = None,
    *,
    now_s: float = 10.0,
    fidelity: list[float] | None = None,
    price: list[float] | None = None,
    fleet: Fleet | None = None,
) -> PlacementView:
    """One task; infeasible where its execution time is infinite."""
    qpus = len(exec_s)
    one = np.ones(1, dtype=np.int64)
    feasible = np.isfinite(exec_s)
    view = PlacementView(
        fleet or make_fleet(*[5] * qpus),
        TaskTable(
            one,
            one,
            one,
            one,
            [feasible],
            [np.array(exec_s)],
            [np.where(feasible, fidelity or [1.0] * qpus, 0.0)],
            [np.where(feasible, price or [1.0] * qpus, INF)],
        ),
        np.array(free_at_s or [-1.0] * qpus),
        np.zeros(qpus, dtype=np.int64),
        np.ones(qpus, dtype=np.bool_),
    )
    view.now_s = now_s
    return view


@pytest.mark.parametrize(
    ("policy", "view", "choice"),
    [
        ("earliest_completion", situation([5.0, 3.0, 9.0], [10.0, 13.0, -1.0]), 0),
        ("earliest_completion", situation([5.0, 3.0, 9.0], [10.0, 11.9, -1.0]), 1),
        # An idle QPU starts now, however long it has been idle.
        ("earliest_completion", situation([5.0, 4.0], [1.0, 9.0]), 1),
        ("earliest_completion", situation([INF, 99.0, INF], [0.0, 500.0, 0.0]), 1),
        ("earliest_available", situation([9.0, 1.0, INF], [11.0, 12.0, 0.0]), 0),
        ("earliest_available", situation([9.0, 1.0], [4.0, 3.0]), 1),
        ("fastest", situation([5.0, 3.0, INF], [0.0, 900.0, 0.0]), 1),
        (
            "best_fidelity",
            situation([5.0, 3.0, INF], [0.0, 900.0, 0.0], fidelity=[0.2, 0.3, 0.9]),
            1,
        ),
        ("best_fidelity", situation([INF, 3.0], fidelity=[0.0, 0.0]), 1),
    ],
)
def test_strong_rules(policy: str, view: PlacementView, choice: int) -> None:
    assert make(policy, view.fleet)(view) == choice


def test_round_robin_goes_on_after_a_violation() -> None:
    fleet = make_fleet(1, 5, 1)
    decide = make("round_robin", fleet)
    assert [decide(situation([INF, 1.0, INF])) for _ in range(5)] == [0, 1, 2, 0, 1]


def test_greedy_takes_the_next_entry_after_a_violation_and_the_first_after_a_success() -> None:
    decide = make("greedy", make_fleet(5, 5, 5))
    hard = situation([INF, INF, 1.0], [3.0, 1.0, 2.0])  # sorted: 1, 2, 0
    assert decide(hard) == 1
    assert decide(hard) == 2
    assert decide(hard) == 1  # the success has set it back
    # The counter is not the task's: an easy task pays for the violation of another one.
    easy = situation([1.0, 1.0, 1.0], [3.0, 1.0, 2.0])
    assert decide(easy) == 2
    assert decide(easy) == 1


def test_greedy_starts_again_where_the_original_runs_past_the_last_qpu() -> None:
    decide = make("greedy", make_fleet(5, 5))
    narrow = situation([INF, 1.0], [1.0, 2.0])
    changed = situation([1.0, INF], [1.0, 2.0])
    assert decide(narrow) == 0
    assert decide(changed) == 1
    assert decide(changed) == 0


def test_greedy_error_breaks_ties_by_readout_error() -> None:
    errors = (0.3, 0.1, 0.2)
    fleet = Fleet(
        "errors",
        tuple(
            QpuProfile(name=f"q{i}", qubits=5, family="tiny", readout_error=e)
            for i, e in enumerate(errors)
        ),
    )
    view = situation([1.0] * 3, [7.0, 7.0, 7.0], fleet=fleet)
    assert make("greedy_error", fleet)(view) == 1
    assert make("greedy", fleet)(view) == 0
    later = situation([1.0] * 3, [7.0, 7.5, 7.0], fleet=fleet)
    assert make("greedy_error", fleet)(later) == 2


def test_random_is_uniform_over_all_qpus() -> None:
    view = situation([INF, 1.0, 1.0, INF])
    decide = make("random", view.fleet, seed=1)
    counts = np.bincount([decide(view) for _ in range(4000)], minlength=4)
    assert (abs(counts - 1000) < 4 * np.sqrt(4000 * 0.25 * 0.75)).all()


def weighted(view: PlacementView, **weights: float) -> int:
    return int(make("weighted", view.fleet, **weights)(view))


def test_a_single_weight_is_the_rule_of_that_figure() -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        exec_s = np.where(rng.random(4) < 0.3, INF, rng.uniform(1, 9, 4))
        exec_s[rng.integers(4)] = 2.0
        view = situation(
            exec_s.tolist(),
            rng.uniform(0, 20, 4).tolist(),
            fidelity=rng.random(4).tolist(),
            price=rng.random(4).tolist(),
        )
        nothing = {"time": 0.0, "fidelity": 0.0, "price": 0.0}
        completion = make("earliest_completion", view.fleet)(view)
        fidelity = make("best_fidelity", view.fleet)(view)
        assert weighted(view, **nothing | {"time": 2.0}) == completion
        assert weighted(view, **nothing | {"fidelity": 0.1}) == fidelity
        assert weighted(view, **nothing | {"price": 1.0}) == int(np.argmin(view.price))


def test_weights_trade_scaled_terms() -> None:
    # Completion 2, 4, 6 scales to 0, .5, 1; infidelity to 1, .25, 0; price to 1, 0, .5.
    view = situation([2.0, 4.0, 6.0], fidelity=[0.1, 0.7, 0.9], price=[3.0, 1.0, 2.0], now_s=0.0)
    scores = {
        (1.0, 1.0, 0.0): [1.0, 0.75, 1.0],
        (3.0, 1.0, 0.0): [1.0, 1.75, 3.0],
        (1.0, 3.0, 0.0): [3.0, 1.25, 1.0],
        (0.0, 1.0, 2.0): [3.0, 0.25, 1.0],
    }
    for (time, fidelity, price), expected in scores.items():
        chosen = weighted(view, time=time, fidelity=fidelity, price=price)
        assert chosen == int(np.argmin(expected))


def test_scaling_looks_at_what_is_offered_only() -> None:
    # The infeasible QPU would be the fastest and best; it must not move the scale.
    view = situation([INF, 2.0, 3.0], fidelity=[1.0, 0.5, 0.6])
    assert weighted(view, time=1.0, fidelity=1.1) == 2
    assert weighted(view, time=1.1, fidelity=1.0) == 1


def test_weights_do_not_depend_on_units() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        exec_s, fidelity, price = rng.uniform(1, 2, (3, 4))
        plain = situation(exec_s.tolist(), fidelity=fidelity.tolist(), price=price.tolist())
        scaled = situation(
            (exec_s * 1000).tolist(), fidelity=fidelity.tolist(), price=(price * 1e-6).tolist()
        )
        weights = {"time": 1.0, "fidelity": 0.7, "price": 0.4}
        assert weighted(plain, **weights) == weighted(scaled, **weights)


def test_lookahead_keeps_the_fast_qpu_for_what_needs_it() -> None:
    """Long tasks fit the second QPU only; short ones take 1.0 s there and 1.2 s on the first."""
    fleet = Fleet(
        "two",
        (
            QpuProfile(name="small", qubits=2, family="tiny"),
            QpuProfile(name="large", qubits=9, family="tiny"),
        ),
    )
    # Durations are given, equal on both: so the difference lies in the queues. A burst of a short
    # and then a long task, again and again.
    count = 200
    arrival_s = np.repeat(np.arange(count) * 12.0, 2) + np.tile([0.0, 0.1], count)
    workload = make_workload(arrival_s, np.tile([5.0, 8.0], count), np.tile([1, 9], count))
    rolled = run(workload, fleet, make("lookahead", fleet, horizon=3))
    # Both QPUs are idle when a short task comes, so it makes no difference to it; on the large one
    # it is in the way of the long one. The first QPU wins ties, so turn the fleet round.
    turned = Fleet("turned", fleet.qpus[::-1])
    greedy = run(workload, turned, make("earliest_completion", turned))
    wiser = run(workload, turned, make("lookahead", turned, horizon=3))
    assert rolled.completion_s.mean() < 7.0
    assert wiser.completion_s.mean() < greedy.completion_s.mean() - 1.0
    assert wiser.violations.sum() == 0


def test_the_tail_of_lookahead_keeps_the_longest_from_waiting() -> None:
    """One task of 9 s is as much as three of 3 s added up plainly, and much more on the tail."""
    fleet = Fleet(
        "two",
        (
            QpuProfile(name="small", qubits=5, family="tiny"),
            QpuProfile(name="large", qubits=5, family="tiny"),
        ),
    )
    rng = np.random.default_rng(5)
    arrival_s = np.cumsum(rng.exponential(4.0, 400))
    workload = make_workload(arrival_s, rng.exponential(5.0, 400), rng.integers(1, 6, 400))
    longest = {
        tail: np.quantile(
            run(workload, fleet, make("lookahead", fleet, horizon=6, tail=tail)).completion_s,
            0.99,
        )
        for tail in ("any", 1.0)
    }
    assert longest[1.0] < longest["any"]


def test_lookahead_looks_as_far_as_a_decision_is_felt() -> None:
    """No further than tasks are known to come; until the longest backlog is worked off."""
    gaps, span_s = 10, 20.0  # a task every two seconds
    assert lookahead.horizon_of(lookahead.BY_ITSELF, gaps, span_s, 0.0, inf) == lookahead.LEAST
    found = lookahead.horizon_of(lookahead.BY_ITSELF, gaps, span_s, 12.5, inf)
    assert found == lookahead.LEAST + 6
    assert lookahead.horizon_of(lookahead.BY_ITSELF, gaps, span_s, 1e9, 1e6) == lookahead.MOST
    assert lookahead.horizon_of(lookahead.BY_ITSELF, gaps, 0.0, 1.0, inf) == lookahead.MOST
    assert lookahead.horizon_of(lookahead.BY_ITSELF, gaps, span_s, 1e9, 3) == 3
    assert lookahead.horizon_of(lookahead.BY_ITSELF, gaps, span_s, 12.5, 0) == 0
    assert lookahead.horizon_of(12, gaps, span_s, 0.0, 0) == 12  # as it was told


def test_lookahead_states_its_settings_in_the_trial() -> None:
    """What is usual has changed before: trials under other settings are other trials."""
    usual = registry.resolve("placement", PolicyConfig(name="lookahead"))
    assert usual.parameters == {"horizon": "auto", "samples": 32, "tail": 4.0}
    told = PolicyConfig(name="lookahead", parameters={"horizon": 6})
    stated = registry.resolve("placement", told).parameters
    assert stated == {"horizon": 6, "samples": 32, "tail": 4.0}
    suite = compose_run(["suite=quickstart"]).suite
    trials = expand(suite, suite_scenarios(suite))
    stored = {
        str(each.policy_config["parameters"]) for each in trials if each.policy == "lookahead"
    }
    assert stored == {str(usual.parameters)}


def test_a_script_is_followed_and_must_be_long_enough(tmp_path: Path) -> None:
    file = tmp_path / "actions.csv"
    file.write_text("step,action\n0, 1\n1,0\n")
    fleet = make_fleet(1, 1)
    records = run(
        make_workload([0.0, 1.0], [1.0, 1.0]), fleet, make("scripted", fleet, file=str(file))
    )
    assert records.qpu.tolist() == [1, 0]
    with pytest.raises(PolicyError, match="the script ends before the tasks do"):
        run(make_workload([0.0] * 3, [1.0] * 3), fleet, make("scripted", fleet, file=str(file)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"step,acton\n0,1\n", "no column action; did you mean acton?"),
        (b"", "no column action"),
        (b"action\n0\n2\n", "line 3: action '2' is not a QPU index 0..1"),
        (b"action\n-1\n", "line 2: action '-1' is not"),
        (b"action\n1.0\n", "line 2: action '1.0' is not"),
        ("action\n²\n".encode(), "line 2: action '²' is not"),
        (b"action\n" + b"9" * 5000 + b"\n", "is not a QPU index"),
        (b"step,action\n0,1\n1\n", "line 3: action '' is not"),
        (b"action\n\xff\xfe\n", "is not a CSV file in UTF-8"),
    ],
)
def test_scripts_that_cannot_be_used(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "actions.csv"
    file.write_bytes(content)
    with pytest.raises(InputError) as error:
        make("scripted", make_fleet(1, 1), file=str(file))
    assert str(file) in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        make("scripted", make_fleet(1), file=str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="cannot be read"):
        make("scripted", make_fleet(1), file=str(tmp_path))
