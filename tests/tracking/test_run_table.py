"""MLflow's table of runs, as our links open it, in a browser: what the eye meets first."""

import socket
import sys
from pathlib import Path

import pytest
from synthetic_trials import synthetic_trials

from qcbench.bench.config import ScenarioEntry, SuiteConfig
from qcbench.policies.config import PolicyConfig
from qcbench.stats.summary import summarise
from qcbench.tracking.browsing import serving
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.links import BROWSER
from qcbench.tracking.mlflow_view import publish
from qcbench.tracking.run_table import settings

sys.path.append(str(Path(__file__).parents[1] / "publishing"))
from browser import CHROMIUM, Screen, visit

METRIC, BASELINE = "total_completion_s", "earliest_completion"
POLICIES, SCENARIOS = ("greedy", "lookahead", BASELINE), ("qce5-paper", "eagle5-bursts")
WANTED = [
    *("metrics.`rank`", "params.`policy`", "params.`scenario`"),
    *(f"metrics.`{METRIC}`", "metrics.`relative_percent`"),
]
READY = """new Promise(done => {
  const look = () => document.querySelectorAll('.ag-row').length ? setTimeout(done, 1000)
    : setTimeout(look, 100);
  look();
})"""
SEEN = """[...document.querySelectorAll('.ag-header-cell')].map(cell => {
  const box = cell.getBoundingClientRect();
  const grid = cell.closest('.ag-root-wrapper').getBoundingClientRect();
  return [box.left, cell.getAttribute('col-id'), box.right <= grid.right];
}).sort((a, b) => a[0] - b[0]).map(each => each.slice(1))"""


def mini_trials():
    return synthetic_trials(replicates=5, policies=POLICIES, scenarios=SCENARIOS, shares=False)


def test_a_metric_that_is_shown_anyway_is_one_column():
    summary = summarise(mini_trials(), metric="violations", baseline=BASELINE, resamples=50)
    told = settings("a", summary)
    assert len(set(told["selectedColumns"])) == len(told["selectedColumns"])
    assert set(told["columnWidths"]) <= set(told["columnOrder"])


@pytest.mark.e2e
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium")
def test_rank_policy_scenario_mean_and_comparison_come_first(tmp_path, mlflow_store):
    store = tmp_path / "mlflow.db"
    store.write_bytes(mlflow_store.read_bytes())
    folder = tmp_path / "mini-20261102-140501"
    folder.mkdir()
    trials = mini_trials()
    suite = SuiteConfig(
        name="mini",
        track="placement",
        scenarios=[ScenarioEntry(base=name) for name in SCENARIOS],
        policies=[PolicyConfig(name=name) for name in POLICIES],
        replicates=5,
        primary_metric=METRIC,
        baseline=BASELINE,
    )
    summary = summarise(trials, metric=METRIC, baseline=BASELINE, resamples=200)
    shown = publish(folder, trials=trials, summary=summary, suite=suite, tracking=TrackingConfig())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = shown.link.replace(BROWSER, f"http://127.0.0.1:{port}")
    with serving(store, port):
        seen = visit(address, [READY, SEEN], screen=Screen(1400, 900), timeout_s=120).values[1]
    columns = [(name, whole) for name, whole in seen if name.startswith(("metrics", "params"))]
    assert [name for name, _ in columns[:5]] == WANTED
    assert all(whole for _, whole in columns[:5]), "all five are on a screen of 1,400 pixels"
