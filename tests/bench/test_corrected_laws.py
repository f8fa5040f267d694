"""Trials of which something was wrong have new ids; all others keep theirs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qcbench.bench import manifest as manifests
from qcbench.bench.changes import ABSENT, Change, changes
from qcbench.bench.compose import compose_scenario
from qcbench.bench.config import ScenarioConfig
from qcbench.bench.manifest import Manifest, said_of_uncorrected
from qcbench.bench.rounds import Rounds, trials_of
from qcbench.bench.run_folder import create_run
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain
from qcbench.tracking.tries import Judge

HYBRID = "hybrid/heron5"
BURSTS = (
    "workload.arrivals={process: bursts, rate_per_s: 0.02, load: null, burstiness: 5, "
    "mean_burst_s: 600}"
)
CUT = [
    "workload.arrivals={process: minute, per_minute: 1000}",
    "rules.horizon_s=90",
    "rules.warm_up_s=0",
]
OF_A_FILE = [
    "workload=file",
    "workload.circuits.path=x.csv",
    "workload.tasks=0",
    "rules.horizon_s=900",
    "workload.arrivals={process: bursts, rate_per_s: 0.1}",
]


JSON = ["workload=file", "workload.circuits.path=x.json"]
COLLAPSED = [*JSON, "workload.circuits.duplicates=collapse"]
PRICES = (
    "fleet.qpus=[{{name: a, qubits: 90, count: 4, price_per_s: {}}}, "
    "{{name: b, qubits: 9, price_per_s: 1}}]"
)


def trial_of(scenario: ScenarioConfig) -> Trial:
    return Trial(
        ordinal=0,
        suite="s",
        scenario="x",
        policy="p",
        replicate=0,
        scenario_config=plain(scenario),
        policy_config={},
    )


@pytest.mark.parametrize(
    ("base", "overrides", "before"),
    [
        (HYBRID, [], "ce0fd9118d4ac806"),
        (HYBRID, [BURSTS, "workload.tasks=100"], "98209c3a2fec63c3"),
        (HYBRID, ["workload.arrivals={process: minute, per_minute: 25}"], "80e75ea6bef84ed3"),
        ("placement/qce5-bursts", OF_A_FILE, "f554399c3c5025a6"),
        ("placement/qce5", JSON, "3e7dcc37972d7f5c"),
        (
            "placement/qce5",
            ["workload=qsimpy-file", "workload.circuits.path=x.csv"],
            "731cc493b9603280",
        ),
        ("partition/nodes20", [], "20df49477fbd2954"),
        ("partition/nodes20", [PRICES.format(2)], "01f759a27a734df6"),
        ("placement/qce5", ["fleet.qpus.0.price_per_s=0"], "d1029ad644241dd1"),
    ],
)
def test_the_others_keep_the_id_that_they_had(base: str, overrides: Any, before: str) -> None:
    trial = trial_of(compose_scenario(base, overrides))
    assert trial.trial_id == trial.id_before == before


@pytest.mark.parametrize(
    ("overrides", "before"), [([BURSTS], "d9c9acb711a7a792"), (CUT, "716665b8c91c53ac")]
)
def test_what_was_run_before_is_not_taken_for_the_same(
    overrides: Any, before: str, tmp_path: Path
) -> None:
    scenario = compose_scenario(HYBRID, overrides)
    trial = trial_of(scenario)
    assert trial.id_before == before != trial.trial_id
    with create_run(tmp_path, {}, [trial], track="queueing") as store:
        path = store.folder / "manifest.json"
    assert not manifests.load(path).mismatch
    path.write_text(path.read_text().replace(trial.trial_id, before))
    assert manifests.load(path).mismatch == (
        "an earlier qcbench ran it, in which too few jobs arrived before the horizon (trial "
        f"{before})"
    )
    path.write_text(path.read_text().replace(before, "0" * 16))
    assert "was edited" in manifests.load(path).mismatch


@pytest.mark.parametrize(
    ("base", "overrides", "before", "why"),
    [
        (
            "placement/qce5",
            COLLAPSED,
            "c32a8638cd9f9d6f",
            "tasks of equal algorithm and width were one",
        ),
        (
            "partition/nodes20",
            [PRICES.format(0)],
            "7fc2e4f46559e6ce",
            "gap_opt was 0 where the least cost is 0",
        ),
    ],
)
def test_what_else_was_wrong_is_run_again(
    base: str, overrides: Any, before: str, why: str, tmp_path: Path
) -> None:
    trial = trial_of(compose_scenario(base, overrides))
    assert trial.id_before == before != trial.trial_id
    with create_run(tmp_path, {}, [trial], track="placement") as store:
        path = store.folder / "manifest.json"
    assert not manifests.load(path).mismatch
    path.write_text(path.read_text().replace(trial.trial_id, before))
    assert manifests.load(path).mismatch.startswith(f"an earlier qcbench ran it, in which {why}")


WRONG = "too few jobs arrived before the horizon"


def manifest_of(trials: list[Trial], run_id: str = "s-1") -> Manifest:
    return Manifest(
        run_id=run_id,
        suite={},
        trials=tuple(trials),
        track="queueing",
        keep_records=False,
        provenance={},
    )


def test_numbers_of_both_laws_are_not_compared_without_a_word() -> None:
    now = trial_of(compose_scenario(HYBRID, [BURSTS]))
    other = replace(trial_of(compose_scenario(HYBRID)), scenario="y")
    before, after = manifest_of([now.uncorrected(), other]), manifest_of([now, other], "s-2")
    assert (before.uncorrected, after.uncorrected) == ({"x": WRONG}, {})
    (line,) = said_of_uncorrected(before)
    assert line.startswith("s-1: an earlier qcbench ran x, in which too few jobs arrived")
    assert said_of_uncorrected(after) == []
    assert changes(before, after) == [Change("corrected since", "x", WRONG, ABSENT)]
    assert changes(after, after) == []


def test_further_rounds_of_a_run_of_before_have_its_ids() -> None:
    """So that what they found stays readable."""
    now = trial_of(compose_scenario(HYBRID, [BURSTS]))
    rounds = Rounds({"x": 3}, {})
    for first in (now, now.uncorrected()):
        found = trials_of([first], rounds)
        assert [each.replicate for each in found] == [0, 1, 2]
        assert {each.is_uncorrected for each in found} == {first.is_uncorrected}
        assert len({each.trial_id for each in found}) == 3


def test_promotions_do_not_pool_worlds_of_two_laws(monkeypatch: pytest.MonkeyPatch) -> None:
    def worlds(*overrides: str) -> str:
        scenario = compose_scenario(HYBRID, list(overrides))
        return Judge.of([scenario], "mean_job_s", "min", {}).worlds

    after = worlds(BURSTS), worlds()
    monkeypatch.setattr("qcbench.bench.trial.CORRECTED", ())
    before = worlds(BURSTS), worlds()
    assert after[0] != before[0]
    assert after[1] == before[1]
