"""A gap report as a run in MLflow; a replay that is analysed anew replaces its run."""

import hashlib
import math
from typing import TYPE_CHECKING

from qcbench.hardware.design import PLAN
from qcbench.hardware.gap.numbers import numbers
from qcbench.hardware.gap.report import NUMBERS, REPORT
from qcbench.hardware.manifest import MANIFEST, TABLE
from qcbench.tracking.client import begin_run, mlflow_errors, open_client, store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import metric_name
from qcbench.tracking.mlflow_view import experiment_id

if TYPE_CHECKING:
    from qcbench.hardware.results import Measured

EXPERIMENT = "replays"
TAG, DIGEST = "qcbench.replay", "qcbench.digest"


def publish_gap(measured: "Measured", tracking: TrackingConfig) -> str:
    """Write a gap report to MLflow and return the id of its run.

    Parameters say what was replayed, metrics are the numbers of the report, artifacts its files;
    the label goes with all of it.

    Raises:
        InputError: a store that cannot be used.
    """
    replay, gap = measured.replay, measured.gap
    uri = store_uri(tracking, replay.folder.resolve().parent)
    client = open_client(uri)
    with mlflow_errors(uri):
        from mlflow.entities import Metric, Param  # noqa: PLC0415 - heavy

        experiment = experiment_id(client, tracking.experiment_of(EXPERIMENT), uri)
        values = {
            metric_name(f"{section}/{entry}/{quantity}").replace("'", ""): value
            for section, entry, quantity, value in numbers(gap)
            .select("section", "name", "quantity", "value")
            .iter_rows()
            if value is not None and math.isfinite(value)
        }
        digest = hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest()[:32]
        known = client.search_runs([experiment], f"tags.`{TAG}` = '{replay.replay}'")
        for run in known:
            if run.data.tags.get(DIGEST) == digest and run.info.status == "FINISHED":
                return str(run.info.run_id)
        for run in known:
            client.delete_run(run.info.run_id)
        tags = {TAG: replay.replay, DIGEST: digest, "qcbench.label": gap.label}
        run_id = begin_run(client, experiment, tags, f"{replay.folder.name} ({gap.label})")
        config = replay.config
        parameters = {
            "label": gap.label,
            "replay": replay.replay,
            "scenario": config.scenario.name,
            "backend": config.backend.kind,
            "policies": ", ".join(policy.label for policy in config.policies),
            "seed": str(config.seed),
            "begun": replay.date,
        }
        client.log_batch(
            run_id,
            metrics=[Metric(key, value, 0, 0) for key, value in values.items()],
            params=[Param(key, value[:6000]) for key, value in parameters.items()],
        )
        for file in (REPORT, NUMBERS, TABLE, MANIFEST, PLAN):
            if (replay.folder / file).is_file():
                client.log_artifact(run_id, str(replay.folder / file))
        client.log_artifacts(run_id, str(replay.folder / "figures"), "figures")
        client.set_terminated(run_id)
        return run_id
