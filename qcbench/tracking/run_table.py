"""MLflow's table of runs as our links open it: which columns, in which order, how wide.

MLflow's own table hides every metric. A shared view is a tag of the experiment that holds the
table's settings as JSON; the page finds it by its key. MLflow keeps the name of a run and when it
was made at the left whatever a view says, so both are narrow; then comes the order of the view.
"""

import hashlib
import json
from typing import TYPE_CHECKING

from qcbench.stats.gaps import SHOWN
from qcbench.stats.summary import Summary
from qcbench.tracking.content import KIND_TAG, RUN_TAG, metric_name

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

VIEW = "mlflow.sharedViewState."
NAME, MADE, DURATION = "attributes.`Run Name`", "runDateAndNestInfo", "duration"
"""What MLflow calls the columns that no view can take away."""
FIRST = {
    NAME: 60,
    MADE: 36,
    "metrics.`rank`": 68,
    "params.`policy`": 145,
    "params.`scenario`": 150,
}
"""Columns at the left and their widths [px]; with the mean and the comparison they fit 1,400."""
MEAN_PX, AGAINST_PX = 140, 114


def settings(identity: str, summary: Summary) -> dict[str, object]:
    """Return the settings of the table: rank, policy, scenario, mean, against the baseline, rest.

    Args:
        identity: of the run, as its runs in MLflow are tagged.
        summary: of the run's trials.
    """
    metric = metric_name(summary.metric)
    mean, against = f"metrics.`{metric}`", "metrics.`relative_percent`"
    rest = [f"{metric}_ci_low", f"{metric}_ci_high"]
    rest += [
        name for name in ("violations", "mean_fidelity", *SHOWN) if name in summary.means.columns
    ]
    columns = [*list(FIRST)[2:], mean, against, *(f"metrics.`{name}`" for name in rest)]
    chosen = list(dict.fromkeys(columns))  # the metric may be one of the rest
    return {
        "searchFilter": f"tags.`{RUN_TAG}` = '{identity}' AND tags.`{KIND_TAG}` = 'policy'",
        "orderByKey": "metrics.`rank`",
        "orderByAsc": True,
        "selectedColumns": chosen,
        "columnOrder": [NAME, MADE, *chosen, DURATION],
        "columnWidths": {**FIRST, mean: MEAN_PX, against: AGAINST_PX},
    }


def show_table(client: "MlflowClient", experiment: str, identity: str, summary: Summary) -> str:
    """Store the view of a run's table, and return the path to it."""
    tag, value = view_tag(identity), json.dumps(settings(identity, summary))
    if client.get_experiment(experiment).tags.get(tag) != value:
        client.set_experiment_tag(experiment, tag, value)
    return view_path(experiment, tag)


def view_tag(identity: str) -> str:
    """Return the tag of an experiment that holds the view of a run."""
    return f"{VIEW}qcbench-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def view_path(experiment: object, tag: str) -> str:
    """Return the path of the page that shows a view."""
    return f"/#/experiments/{experiment}/runs?viewStateShareKey={tag.removeprefix(VIEW)}"
