"""The manifests are valid, and say what the rest of the project says."""

import copy
import importlib.util
import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifest_schemas import Manifest, Schemas, load_manifests, problems
from manifests import (
    BESIDE,
    CLOUD,
    COMPONENTS,
    K8S,
    LOCAL,
    VARIANTS,
    all_pods,
    containers,
    only,
    pods,
    variant,
)

from qcbench import __version__
from qcbench.api import compose_run
from qcbench.bench.compose import compose
from qcbench.bench.suite import suite_scenarios

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for path in K8S.rglob("*.yaml") if path.name != "kustomization.yaml")
PATCHES = {K8S / "components" / "redis" / "raycluster.yaml"}
"""Parts of manifests, which are valid only where they are put in."""

JOBS = sorted(CLOUD.glob("jobs/*.yaml"))


@pytest.fixture
def rayjob() -> Manifest:
    """The RayJob of the local overlay, as written."""
    (manifest,) = load_manifests((LOCAL / "rayjob.yaml").read_text())
    return manifest


@pytest.fixture
def raycluster() -> Manifest:
    """The RayCluster of the cloud, as written."""
    (manifest,) = load_manifests((CLOUD / "raycluster.yaml").read_text())
    return manifest


@pytest.mark.parametrize(
    "path", [path for path in FILES if path not in PATCHES], ids=lambda path: path.name
)
def test_every_file_is_valid(path: Path, crds: Schemas) -> None:
    manifests = load_manifests(path.read_text())
    assert manifests
    assert [line for one in manifests for line in problems(one, crds)] == []


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_applied_is_valid(name: str, crds: Schemas) -> None:
    manifests = variant(name)
    assert [line for one in manifests for line in problems(one, crds)] == []
    keys = [(one["kind"], str(one["metadata"])) for one in manifests]
    assert len(keys) == len(set(keys))
    for manifest in manifests:
        if manifest["kind"] != "Namespace":
            assert manifest["metadata"]["namespace"] == "qcbench", manifest["metadata"]


def test_every_file_is_part_of_something_that_is_applied() -> None:
    named = set()
    for path in K8S.rglob("kustomization.yaml"):
        content = yaml.safe_load(path.read_text())
        told = [*content.get("resources", []), *(p["path"] for p in content.get("patches", []))]
        named |= {(path.parent / name).resolve() for name in told}
    assert named | set(BESIDE) >= set(FILES)
    assert [folder.name for folder in COMPONENTS] == ["digests", "redis"]
    optional = (CLOUD / "kustomization.yaml").read_text()
    for folder in COMPONENTS:
        assert f"#   - ../../components/{folder.name}" in optional


def change(manifest: Manifest, path: str, value: Any) -> Manifest:
    """Return a copy with another value at a dotted path; the value None removes it."""
    changed = copy.deepcopy(manifest)
    *parents, last = path.split(".")
    place: Any = changed
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return changed


HEAD = "spec.headGroupSpec.template.spec.containers.0"
OF_A_JOB = f"spec.rayClusterSpec.{HEAD.removeprefix('spec.')}"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("spec.shutdownAfterJobFinish", True, "shutdownAfterJobFinish"),
        ("spec.rayClusterSpec.authOption", {}, "authOption"),
        ("spec.rayClusterSpec.authOptions.mode", "tokn", "'tokn' is not one of"),
        (f"{OF_A_JOB}.volumeMount", [], "volumeMount"),
        (f"{OF_A_JOB}.ports.0.containerPort", "6379", "is not of type 'integer'"),
        (f"{OF_A_JOB}.name", None, "'name' is a required property"),
        ("spec.rayClusterSpec.headGroupSpec.template", None, "'template' is a required property"),
        ("spec.ttlSecondsAfterFinished", "600", "is not of type 'integer'"),
    ],
)
def test_a_mistake_in_the_rayjob_is_found(
    rayjob: Manifest, crds: Schemas, path: str, value: Any, message: str
) -> None:
    assert problems(rayjob, crds) == []
    found = problems(change(rayjob, path, value), crds)
    assert any(message in line for line in found), found


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("spec.enableInTreeAutoscalin", True, "enableInTreeAutoscalin"),
        ("spec.autoscalerOptions.version", "v3", "'v3' is not one of"),
        ("spec.autoscalerOptions.idleTimeoutSeconds", "60", "is not of type 'integer'"),
        ("spec.gcsFaultToleranceOptions", {"redisAdress": "redis:6379"}, "redisAdress"),
        ("spec.workerGroupSpecs.0.minReplica", 0, "minReplica"),
        ("spec.workerGroupSpecs.0.groupName", None, "'groupName' is a required property"),
        (f"{HEAD}.envFrom.0.secretRef.nam", "x", "nam"),
        (f"{HEAD}.securityContext.readOnlyRootFileSystem", True, "readOnlyRootFileSystem"),
    ],
)
def test_a_mistake_in_the_raycluster_is_found(
    raycluster: Manifest, crds: Schemas, path: str, value: Any, message: str
) -> None:
    assert problems(raycluster, crds) == []
    found = problems(change(raycluster, path, value), crds)
    assert any(message in line for line in found), found


def test_what_the_server_fills_in_may_be_missing(rayjob: Manifest, crds: Schemas) -> None:
    # The protocol of a port is required and has a default.
    ports = rayjob["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    assert all("protocol" not in port for port in ports["ports"])
    assert problems(rayjob, crds) == []


@pytest.mark.parametrize(
    ("file", "kind", "path", "value"),
    [
        ("overlays/local/results.yaml", "PersistentVolumeClaim", "spec.accessMode", []),
        ("overlays/local/results.yaml", "PersistentVolumeClaim", "spec.resources.requests", 5),
        ("overlays/local/results.yaml", "PersistentVolumeClaim", "kind", "PersistentVolumeClam"),
        ("base/network.yaml", "NetworkPolicy", "spec.policyType", ["Egress"]),
        ("base/network.yaml", "NetworkPolicy", "spec.podSelector", []),
        ("base/limits.yaml", "LimitRange", "spec.limit", []),
        ("overlays/cloud/quota.yaml", "ResourceQuota", "spec.hard.pods", [64]),
        ("overlays/cloud/disruption.yaml", "PodDisruptionBudget", "spec.maxUnavailble", 0),
        ("overlays/cloud/mlflow.yaml", "Deployment", "spec.replicas", "two"),
        ("overlays/cloud/mlflow.yaml", "Deployment", "spec.template.spec.container", []),
        ("overlays/cloud/postgres.yaml", "StatefulSet", "spec.serviceNam", "postgres"),
        ("components/redis/redis.yaml", "StatefulSet", "spec.selector", None),
    ],
)
def test_a_mistake_in_a_native_kind_is_found(file: str, kind: str, path: str, value: Any) -> None:
    manifests = load_manifests((K8S / file).read_text())
    manifest = next(each for each in manifests if each["kind"] == kind)
    assert problems(manifest, {}) == []
    assert problems(change(manifest, path, value), {})


def test_clusters_ask_for_a_token_and_a_job_takes_its_own_down(
    rayjob: Manifest, raycluster: Manifest
) -> None:
    assert raycluster["spec"]["authOptions"] == {"mode": "token"}
    spec = rayjob["spec"]
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] > 0
    assert spec["activeDeadlineSeconds"] > 0


def test_the_cluster_grows_from_nothing(raycluster: Manifest) -> None:
    spec = raycluster["spec"]
    assert spec["enableInTreeAutoscaling"] is True
    (group,) = spec["workerGroupSpecs"]
    assert (group["minReplicas"], group["replicas"]) == (0, 0)
    assert group["maxReplicas"] > 1
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_versions_agree(rayjob: Manifest, raycluster: Manifest) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    (ray,) = [text for text in extras["node"] if text.startswith("ray")]
    for spec in (rayjob["spec"]["rayClusterSpec"], raycluster["spec"]):
        assert spec["rayVersion"] == ray.partition("==")[2]
    ours = {
        container["image"]
        for name in VARIANTS
        if name != "cloud-with-components"
        for _, pod in all_pods(name)
        for container in containers(pod)
        if container.get("image", "").startswith("qcbench")
    }
    assert ours == {f"qcbench:{__version__}", f"qcbench-mlflow:{__version__}"}


def test_images_go_by_digest_where_that_is_wanted() -> None:
    for path, pod in all_pods("cloud-with-components"):
        for container in pod["containers"]:
            if container["name"] != "autoscaler":  # KubeRay takes the head's
                assert re.search(r"@sha256:[0-9a-f]{64}$", container["image"]), path


def test_mounts_claims_and_configs_fit_together(rayjob: Manifest) -> None:
    kustomization = yaml.safe_load((LOCAL / "kustomization.yaml").read_text())
    (generated,) = kustomization["configMapGenerator"]
    (claim,) = load_manifests((LOCAL / "results.yaml").read_text())
    head = next(pod for path, pod in pods(rayjob) if ".headGroupSpec." in path)
    volumes = {volume["name"]: volume for volume in head["volumes"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in head["containers"][0]["volumeMounts"]}
    claimed = volumes[mounts["/results"]]["persistentVolumeClaim"]["claimName"]
    assert claimed == claim["metadata"]["name"]
    config = volumes[mounts["/etc/qcbench"]]["configMap"]
    assert config["name"] == generated["name"]
    assert [item["key"] for item in config["items"]] == generated["files"]


@pytest.mark.parametrize("name", VARIANTS)
def test_every_mount_has_a_volume_and_every_volume_a_mount(name: str) -> None:
    for path, pod in all_pods(name):
        mounted = {mount["name"] for each in containers(pod) for mount in each["volumeMounts"]}
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        if "StatefulSet" in path:
            volumes.add("data")  # from its claim template
        assert mounted == volumes, path


def test_the_entry_point_takes_what_the_rayjob_gives_it(rayjob: Manifest) -> None:
    words = shlex.split(rayjob["spec"]["entrypoint"])
    assert words[:3] == ["python", "-m", "qcbench.jobs.run_verb"]
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["jobs/run_verb.py"] == "qcbench/jobs/run_verb.py"
    path = ROOT / "jobs" / "run_verb.py"
    spec = importlib.util.spec_from_file_location("run_verb", path)
    assert spec is not None
    assert spec.loader is not None
    entry = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(entry)
    told = entry.parse(words[3:])
    assert told.verb == "run"
    assert told.runs_dir == Path("/results")
    assert told.overrides_file == Path("/etc/qcbench/overrides.json")
    assert told.continued

    overrides = json.loads((LOCAL / "overrides.json").read_text())
    config = compose_run(overrides)
    assert not config.tracking.enabled
    assert suite_scenarios(config.suite)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.stem)
def test_jobs_of_the_cloud_are_commands_that_there_are(path: Path, raycluster: Manifest) -> None:
    (job,) = load_manifests(path.read_text())
    program, verb, *overrides = shlex.split(job["spec"]["entrypoint"])
    assert program == "qcbench"
    assert verb == {"suite": "run", "training": "train", "sweep": "sweep"}[path.stem]
    assert {"cluster=auto", "tracking=none"} <= set(overrides)
    assert compose(verb, overrides, [])
    # Names are made by `kubectl create`, so that the same file can be sent again.
    assert "name" not in job["metadata"]
    assert job["metadata"]["generateName"] == f"{path.stem}-"
    cluster = raycluster["metadata"]["name"]
    assert job["spec"]["clusterSelector"] == {"ray.io/cluster": cluster}
    assert f"kubectl create -f {path.relative_to(ROOT)}" in path.read_text()


def test_dashboards_are_what_grafana_reads() -> None:
    config = only(variant("cloud"), "ConfigMap", "qcbench-dashboards")
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    dashboard = json.loads(config["data"]["ray.json"])
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        assert all(re.search(r"\bray_\w+", target["expr"]) for target in panel["targets"])
