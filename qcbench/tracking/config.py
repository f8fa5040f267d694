"""The YAML group `tracking`."""

from qcbench.configs import config


@config
class TrackingConfig:
    """Where a run is shown in MLflow.

    Attributes:
        enabled: whether runs are published at all.
        uri: `http(s)://host:port` of a server, or `sqlite:///file`; the file `mlflow.db` in the
            folder of all runs where None. Credentials belong into the environment variables
            MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, not here.
        experiment: experiment that the runs are listed in; the name of the suite where None.
        replicates: also publish the primary metric of every replicate, as a curve.
    """

    enabled: bool = True
    uri: str | None = None
    experiment: str | None = None
    replicates: bool = True
