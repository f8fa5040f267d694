"""The packaged champion of queueing keeps what its page says, on worlds outside its training."""

import numpy as np
import pytest

import qcbench
from qcbench.cloud.execution import DONE, DROPPED
from qcbench.cloud.records import Records
from qcbench.policies import registry
from qcbench.policies.exported.card import HeuristicCard
from qcbench.policies.exported.folder import folder_of, read_folder_card

CLOUDS = {
    "serverless/small": ["rules.horizon_s=172800"],
    "hybrid/heron5": ["workload.arrivals.load=1.1"],
}


def outcome(scenario: str, policy: str) -> tuple[float, float, int, int]:
    """Return mean and 99th percentile of job times, jobs done, and jobs dropped."""
    records: Records = qcbench.simulate(
        scenario,
        policy,
        seed=3,
        engine="compiled",
        overrides=["rules.records=jobs", *CLOUDS[scenario]],
    )
    done = records.job_status == DONE
    late = records.workload.arrival_s[: len(done)] > 0.1 * records.workload.arrival_s[-1]
    times = (records.job_finish_s - records.workload.arrival_s[: len(done)])[done & late]
    dropped = int(np.sum(records.job_status == DROPPED))
    return float(times.mean()), float(np.percentile(times, 99)), int(done.sum()), dropped


@pytest.mark.parametrize("scenario", CLOUDS)
def test_overloaded_it_takes_less_time_and_drops_fewer(scenario: str) -> None:
    own, fifo = outcome(scenario, "champion"), outcome(scenario, "fifo")
    assert own[0] < 0.5 * fifo[0]
    assert own[1] < 1.3 * fifo[1]
    assert own[2] > fifo[2]
    assert own[3] < fifo[3]


def test_it_is_urgency_with_its_usual_values() -> None:
    card = read_folder_card(folder_of("queueing", "packaged:champion"))
    assert isinstance(card, HeuristicCard)
    known = registry.find("queueing", card.name).parameters
    assert card.name == "urgency"
    assert card.parameters == {name: known[name].default for name in known if name != "priority"}


def test_the_champion_of_before_is_still_there() -> None:
    assert (
        outcome("serverless/small", "packaged:small")[0]
        < 0.95 * outcome("serverless/small", "fifo")[0]
    )
