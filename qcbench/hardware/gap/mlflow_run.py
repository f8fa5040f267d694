"""A gap report as a run in MLflow; a replay that is analysed anew replaces its run."""

import hashlib
import math
from pathlib import Path

from qcbench.hardware.gap.analysis import Gap
from qcbench.hardware.gap.report import NUMBERS, REPORT, numbers
from qcbench.hardware.manifest import MANIFEST, TABLE, ReplayFolder
from qcbench.tracking.client import mlflow_errors, open_client, store_uri
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import metric_name
from qcbench.tracking.failures import SQLITE
from qcbench.tracking.mlflow_view import folder_name

EXPERIMENT = "replays"
TAG, DIGEST = "qcbench.replay", "qcbench.digest"


def publish_gap(replay: ReplayFolder, gap: Gap, tracking: TrackingConfig) -> str:
    """Write a gap report to MLflow and return the id of its run.

    Parameters say what was replayed, metrics are the numbers of the report, artifacts its files;
    the label goes with all of it.

    Raises:
        InputError: a store that cannot be used.
    """
    uri = store_uri(tracking, replay.folder.resolve().parent)
    client = open_client(uri)
    with mlflow_errors(uri):
        from mlflow.entities import Metric, Param  # noqa: PLC0415 - heavy

        name = tracking.experiment or EXPERIMENT
        found = client.get_experiment_by_name(name)
        if found is None:
            root = Path(uri.removeprefix(SQLITE)).parent / "mlartifacts" / folder_name(name)
            place = root.as_uri() if uri.startswith(SQLITE) else None
            experiment = client.create_experiment(name, artifact_location=place)
        else:
            experiment = found.experiment_id
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
        run = client.create_run(
            experiment, tags=tags, run_name=f"{replay.folder.name} ({gap.label})"
        )
        run_id = str(run.info.run_id)
        told = replay.told
        parameters = {
            "label": gap.label,
            "replay": replay.replay,
            "scenario": told.scenario.name,
            "backend": told.backend.kind,
            "policies": ", ".join(policy.label for policy in told.policies),
            "seed": str(told.seed),
            "begun": replay.date,
        }
        client.log_batch(
            run_id,
            metrics=[Metric(key, value, 0, 0) for key, value in values.items()],
            params=[Param(key, value[:6000]) for key, value in parameters.items()],
        )
        for file in (REPORT, NUMBERS, TABLE, MANIFEST):
            client.log_artifact(run_id, str(replay.folder / file))
        client.log_artifacts(run_id, str(replay.folder / "figures"), "figures")
        client.set_terminated(run_id)
        return run_id
