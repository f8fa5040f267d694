"""The YAML group `tracking`."""

from qcbench.commands import override, word
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
        prefix: goes before the name of every experiment, with a slash, such as your name on a
            server that many people share.
        replicates: also publish the primary metric of every replicate, as a curve.
    """

    enabled: bool = True
    uri: str | None = None
    experiment: str | None = None
    prefix: str | None = None
    replicates: bool = True

    def experiment_of(self, usual: str) -> str:
        """Return the name of the experiment for what is usually listed under another name."""
        name = self.experiment or usual
        return f"{self.prefix}/{name}" if self.prefix else name

    def as_overrides(self) -> list[str]:
        """Return the words of a command line that say the same, as a shell takes them."""
        stated = {"uri": self.uri, "experiment": self.experiment, "prefix": self.prefix}
        words = [override(f"tracking.{key}", value) for key, value in stated.items() if value]
        if not self.replicates:
            words.append("tracking.replicates=false")
        return [word(each) for each in words]
