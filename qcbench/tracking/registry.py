"""MLflow's model registry: policies under a name, in numbered versions, with aliases.

A version is the folder of an exported policy as artifacts of a run: a card and weights, which are
read as data. Nothing of a version is ever executed: there is no pickle and no pyfunc in it, and of
one that somebody else has registered only these two files are fetched.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from qcbench.errors import InputError, nearest
from qcbench.policies.exported.card import CARD, WEIGHTS, Card, read_card
from qcbench.policies.exported.folder import CHAMPION, digest, read_folder_card
from qcbench.storage.places import local_folder
from qcbench.tracking.client import (
    begin_run,
    mlflow_errors,
    open_client,
    store_uri,
    without_credentials,
)
from qcbench.tracking.config import TrackingConfig
from qcbench.tracking.content import metric_name
from qcbench.tracking.failures import SQLITE
from qcbench.tracking.mlflow_view import experiment_id

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SCHEME = "models:/"
EXPERIMENT = "qcbench-policies"
"""Its runs hold the files of the registered versions."""

GONE = "No such artifact"
"""What MLflow says of a file that it has lost."""

DIGEST_TAG, KIND_TAG, TRACK_TAG = "qcbench.sha256", "qcbench.kind", "qcbench.track"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\- ]*")
LABEL_TAG = "qcbench.label"
ARTIFACTS = "policy"


@dataclass(frozen=True)
class Reference:
    """A registered policy: ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``."""

    name: str
    alias: str = ""
    version: int = 0

    def __str__(self) -> str:
        return f"{SCHEME}{self.name}" + (f"@{self.alias}" if self.alias else f"/{self.version}")

    @property
    def label(self) -> str:
        """A name for results: `placement@champion`, `placement@3`."""
        return f"{self.name}@{self.alias or self.version}"


def read_reference(text: str) -> Reference:
    """Read ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.

    Raises:
        InputError: it is neither.
    """
    found = re.fullmatch(rf"{SCHEME}({NAME.pattern})(?:@([\w\-]+)|/([1-9][0-9]{{0,8}}))", text)
    if not found:
        raise InputError(
            f"policy {text}: is no reference to a model; it is {SCHEME}NAME@ALIAS or "
            f"{SCHEME}NAME/VERSION, such as {SCHEME}placement@{CHAMPION}"
        )
    return Reference(found[1], found[2] or "", int(found[3] or 0))


@dataclass(frozen=True)
class Registry:
    """The registry of a tracking store.

    Attributes:
        uri: of the store.
        folder: where versions are fetched to, `models/` beside the runs.
        experiment: of the runs that hold the files of versions.
    """

    uri: str
    folder: Path
    client: "MlflowClient"
    experiment: str = EXPERIMENT

    @property
    def place(self) -> str:
        """The store as it can be printed."""
        if self.uri.startswith(SQLITE):
            return self.uri.removeprefix(SQLITE)
        return without_credentials(self.uri)

    def names(self) -> list[str]:
        """Return the names of all models."""
        found: list[str] = []
        token = None
        with mlflow_errors(self.uri):
            while True:
                page = self.client.search_registered_models(max_results=1000, page_token=token)
                found += [model.name for model in page]
                token = page.token
                if not token:
                    return sorted(found)

    def aliases(self, name: str) -> dict[str, int]:
        """Return the aliases of a model and their versions; empty where there is no such model."""
        if name not in self.names():
            return {}
        with mlflow_errors(self.uri):
            model = self.client.get_registered_model(name)
        return {alias: int(version) for alias, version in model.aliases.items()}

    def versions(self, name: str) -> dict[int, Mapping[str, str]]:
        """Return the versions of a model with their tags."""
        found: dict[int, Mapping[str, str]] = {}
        token = None
        with mlflow_errors(self.uri):
            while True:
                page = self.client.search_model_versions(
                    f"name = '{name}'", max_results=1000, page_token=token
                )
                found |= {int(version.version): dict(version.tags or {}) for version in page}
                token = page.token
                if not token:
                    return dict(sorted(found.items()))

    def version_of(self, reference: Reference) -> int:
        """Return the version that a reference means now.

        Raises:
            InputError: no such model, alias or version, with those that there are.
        """
        name = reference.name
        known = self.names()
        if name not in known:
            hint = nearest(name, known) if known else "; none is registered there"
            raise InputError(f"policy {reference}: no model {name} in {self.place}{hint}")
        if reference.alias:
            aliases = self.aliases(name)
            if reference.alias not in aliases:
                hint = nearest(reference.alias, aliases) if aliases else "; it has none"
                raise InputError(
                    f"policy {reference}: model {name} has no alias {reference.alias}{hint}"
                )
        versions = self.versions(name)
        numbers = ", ".join(map(str, versions)) or "none"
        if reference.alias:
            if (version := aliases[reference.alias]) not in versions:
                raise InputError(
                    f"policy {reference}: the alias means version {version} of {name}, which is "
                    f"there no more; known: {numbers}; delete the alias in MLflow, or let it mean "
                    "one of them"
                )
            return version
        if reference.version not in versions:
            raise InputError(
                f"policy {reference}: model {name} has no version {reference.version}; known: "
                f"{numbers}"
            )
        return reference.version

    def fetch(self, reference: Reference) -> Path:
        """Return the folder of a version, fetched where it is not there yet.

        Raises:
            InputError: no such version, one that is no policy of qcbench, or damaged files.
        """
        version = self.version_of(reference)
        name = reference.name
        target = self.folder / quote(name, safe="") / str(version)
        expected = self.versions(name)[version].get(DIGEST_TAG, "")
        if (target / CARD).is_file() and expected and digest(target) == expected:
            return target
        with _draft(target.parent) as draft:
            self._download(name, version, draft)
            if expected and digest(draft) != expected:
                raise InputError(
                    f"policy {reference}: the files of version {version} at {self.place} are not "
                    "those that were registered; register it again"
                )
            _put(draft, target)
        return target

    def _download(self, name: str, version: int, folder: Path) -> None:
        """Put the files of a version into a folder."""
        with mlflow_errors(self.uri):
            source = self.client.get_model_version_download_uri(name, str(version))
        try:
            _download(self.uri, f"{source}/{CARD}", folder)
        except InputError as error:
            if GONE not in str(error):
                raise
            raise InputError(
                f"policy {Reference(name, version=version)}: the files of version {version} are "
                f"at {self.place} no more; register it again"
            ) from None
        where = f"model {name}, version {version}: {CARD}"
        if isinstance(read_card((folder / CARD).read_bytes(), where), Card):
            _download(self.uri, f"{source}/{WEIGHTS}", folder)

    def register(
        self,
        name: str,
        folder: Path,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> int:
        """Register the policy in a folder as a version of a model; return its number.

        The same files are registered once: a version that has them is returned as it is, and where
        the store has lost or changed its files, it gets them again.

        Args:
            name: of the model; made where there is none.
            folder: of an exported policy, or of a heuristic's card.
            metrics: figures of its evaluation, shown with the version's run.
            tags: of the version.

        Raises:
            InputError: a folder or name that cannot be used, or a store that refuses.
        """
        if not NAME.fullmatch(name):
            raise InputError(f"model {name!r}: a name has letters, digits and _ . - only")
        card = read_folder_card(folder)
        sha256 = digest(folder)
        with mlflow_errors(self.uri):
            if name not in self.names():
                self.client.create_registered_model(name)
            for version, known in self.versions(name).items():
                if known.get(DIGEST_TAG) == sha256:
                    if not self._is_whole(name, version, sha256):
                        self._restore(name, version, folder)
                    return version
            all_tags = {
                DIGEST_TAG: sha256,
                KIND_TAG: card.kind,
                TRACK_TAG: card.track,
                **(tags or {}),
            }
            run_id, source = self._upload(name, folder, all_tags, metrics or {})
            made = self.client.create_model_version(name, source, run_id=run_id, tags=all_tags)
        return int(made.version)

    def _is_whole(self, name: str, version: int, sha256: str) -> bool:
        """Whether the store still has the files of a version as they were registered."""
        with _draft(self.folder / quote(name, safe="")) as draft:
            try:
                self._download(name, version, draft)
            except InputError:
                return False
            return digest(draft) == sha256

    def _restore(self, name: str, version: int, folder: Path) -> None:
        """Store the files of a version again, where its run holds them."""
        run_id = self.client.get_model_version(name, str(version)).run_id
        if run_id:
            self._put_files(run_id, folder)

    def _put_files(self, run_id: str, folder: Path) -> None:
        for file in (CARD, WEIGHTS):
            if (folder / file).is_file():
                self.client.log_artifact(run_id, str(folder / file), ARTIFACTS)

    def _upload(
        self, name: str, folder: Path, tags: Mapping[str, str], metrics: Mapping[str, float]
    ) -> tuple[str, str]:
        """Store the files as artifacts of a run; return the run and where the files are."""
        experiment = experiment_id(self.client, self.experiment, self.uri)
        run_id = begin_run(self.client, experiment, tags, f"{name} policy")
        self._put_files(run_id, folder)
        self._log(run_id, metrics)
        self.client.set_terminated(run_id)
        root = self.client.get_run(run_id).info.artifact_uri
        return run_id, f"{root}/{ARTIFACTS}"

    def _log(self, run_id: str, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self.client.log_metric(run_id, metric_name(name), value)

    def model_tags(self, name: str) -> Mapping[str, str]:
        """Return the tags of a model; none where there is no such model."""
        if name not in self.names():
            return {}
        with mlflow_errors(self.uri):
            return dict(self.client.get_registered_model(name).tags or {})

    def tag_model(self, name: str, key: str, value: str) -> None:
        """Set a tag of a model."""
        with mlflow_errors(self.uri):
            self.client.set_registered_model_tag(name, key, value)

    def note(self, tags: Mapping[str, str], name: str, metrics: Mapping[str, float]) -> None:
        """Keep tags and figures for good, as a run beside those of the versions."""
        with mlflow_errors(self.uri):
            experiment = experiment_id(self.client, self.experiment, self.uri)
            run_id = begin_run(self.client, experiment, tags, name)
            self._log(run_id, metrics)
            self.client.set_terminated(run_id)

    def notes(self, key: str, value: str) -> list[Mapping[str, str]]:
        """Return the tags of all notes in which one has a value, the oldest first."""
        found: list[Mapping[str, str]] = []
        token = None
        with mlflow_errors(self.uri):
            experiment = self.client.get_experiment_by_name(self.experiment)
            if experiment is None:
                return found
            while True:
                page = self.client.search_runs(
                    [experiment.experiment_id],
                    f"tags.`{key}` = '{value}'",
                    max_results=1000,
                    order_by=["attributes.start_time ASC"],
                    page_token=token,
                )
                found += [run.data.tags for run in page]
                token = page.token
                if not token:
                    return found

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Let an alias mean a version."""
        with mlflow_errors(self.uri):
            self.client.set_registered_model_alias(name, alias, str(version))


def open_registry(tracking: TrackingConfig, runs: Path, *, make: bool = False) -> Registry | None:
    """Open the registry of a tracking store.

    Args:
        tracking: where it is; whether runs are published there does not matter.
        runs: folder of all runs, beside which the default store and fetched versions lie.
        make: make an SQLite store where there is none.

    Returns:
        None where there is no SQLite store and none is to be made.

    Raises:
        InputError: the store cannot be reached or used.
    """
    uri = store_uri(tracking, runs)
    if uri.startswith(SQLITE) and not make and not Path(uri.removeprefix(SQLITE)).exists():
        return None
    name = tracking.experiment_of(EXPERIMENT)
    return Registry(uri, local_folder(runs) / "models", open_client(uri), name)


def fetch_policy(text: str, tracking: TrackingConfig, runs: Path) -> tuple[Reference, Path]:
    """Return what a reference means, and the folder that its files were fetched to.

    Raises:
        InputError: it is no reference, means nothing that is registered, or cannot be fetched.
    """
    reference = read_reference(text)
    registry = open_registry(tracking, runs)
    if registry is None:
        raise InputError(
            f"policy {reference}: no model is registered; there is no "
            f"{store_uri(tracking, runs).removeprefix(SQLITE)} yet, `qcbench promote` makes it"
        )
    return reference, registry.fetch(reference)


@contextmanager
def _draft(parent: Path) -> Iterator[Path]:
    """Give a temporary folder beside where it is to be; removed unless it was moved there."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".fetch-", dir=parent))
    except OSError as error:
        raise InputError(f"{parent}: cannot be written ({error.strerror})") from None
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put(draft: Path, target: Path) -> None:
    """Move a fetched version to its place, unless another process has done so meanwhile."""
    shutil.rmtree(target, ignore_errors=True)
    try:
        draft.replace(target)
    except OSError as error:
        if not (target / CARD).is_file() or digest(target) != digest(draft):
            raise InputError(f"{target}: cannot be written ({error.strerror})") from None


def _download(uri: str, source: str, folder: Path) -> None:
    with mlflow_errors(uri):
        from mlflow import artifacts  # noqa: PLC0415 - heavy, and after the settings

        fetch: Any = artifacts.download_artifacts
        fetch(artifact_uri=source, dst_path=str(folder), tracking_uri=uri)
