"""The manifests are valid, and say what the rest of the project says."""

import copy
import functools
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifest_schemas import Manifest, Schemas, custom_schemas, load_manifests, problems

from qcbench import __version__
from qcbench.api import compose_run
from qcbench.bench.suite import suite_scenarios

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
KUSTOMIZATIONS = sorted(path.parent for path in K8S.rglob("kustomization.yaml"))
FILES = sorted(path for path in K8S.rglob("*.yaml") if path.name != "kustomization.yaml")


@pytest.fixture(scope="session")
def crds() -> Schemas:
    """The schemas of KubeRay's resources; they are no part of the project."""
    folder = Path(os.environ.get("KUBERAY_CRDS", ROOT.parent / "shared" / "schemas" / "kuberay"))
    if not folder.is_dir():
        pytest.skip(f"no KubeRay CRDs in {folder}; set KUBERAY_CRDS")
    found = custom_schemas(folder)
    assert ("ray.io/v1", "RayJob") in found, f"{folder} holds no RayJob"
    return found


@functools.cache
def rendered(folder: Path) -> list[Manifest]:
    """Return what kustomize makes of a folder."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed; nothing else here renders kustomizations")
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return load_manifests(done.stdout)


@pytest.fixture
def rayjob() -> Manifest:
    """The RayJob of the base, as written."""
    (manifest,) = load_manifests((K8S / "base" / "rayjob.yaml").read_text())
    return manifest


def pods(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Every pod template of a RayJob with its name."""
    spec = manifest["spec"]
    cluster = spec["rayClusterSpec"]
    yield "submitter", spec["submitterPodTemplate"]["spec"]
    yield "head", cluster["headGroupSpec"]["template"]["spec"]
    for group in cluster["workerGroupSpecs"]:
        yield group["groupName"], group["template"]["spec"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(K8S)))
def test_every_file_is_valid(path: Path, crds: Schemas) -> None:
    manifests = load_manifests(path.read_text())
    assert manifests
    assert [line for one in manifests for line in problems(one, crds)] == []


@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda path: str(path.relative_to(K8S)))
def test_what_kustomize_makes_is_valid(folder: Path, crds: Schemas) -> None:
    manifests = rendered(folder)
    assert {one["kind"] for one in manifests} >= {"RayJob", "ConfigMap", "PersistentVolumeClaim"}
    assert [line for one in manifests for line in problems(one, crds)] == []
    for _, pod in pods(next(one for one in manifests if one["kind"] == "RayJob")):
        for container in pod["containers"]:
            assert container["image"] == f"qcbench:{__version__}"


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


CONTAINER = "spec.rayClusterSpec.headGroupSpec.template.spec.containers.0"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("spec.shutdownAfterJobFinish", True, "shutdownAfterJobFinish"),
        ("spec.rayClusterSpec.authOption", {}, "authOption"),
        ("spec.rayClusterSpec.authOptions.mode", "tokn", "'tokn' is not one of"),
        (f"{CONTAINER}.volumeMount", [], "volumeMount"),
        (f"{CONTAINER}.ports.0.containerPort", "6379", "is not of type 'integer'"),
        (f"{CONTAINER}.name", None, "'name' is a required property"),
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


def test_what_the_server_fills_in_may_be_missing(rayjob: Manifest, crds: Schemas) -> None:
    # The protocol of a port is required and has a default.
    ports = rayjob["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    assert all("protocol" not in port for port in ports["ports"])
    assert problems(rayjob, crds) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [("spec.accessMode", []), ("spec.resources.requests", 5), ("kind", "PersistentVolumeClam")],
)
def test_a_mistake_in_a_native_kind_is_found(path: str, value: Any) -> None:
    (claim,) = load_manifests((K8S / "base" / "results.yaml").read_text())
    assert problems(claim, {}) == []
    assert problems(change(claim, path, value), {})


def test_no_pod_runs_as_root_or_with_more_than_it_needs(rayjob: Manifest) -> None:
    for name, pod in pods(rayjob):
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] == 1000, name
        assert security["seccompProfile"]["type"] == "RuntimeDefault", name
        assert pod["automountServiceAccountToken"] is False, name
        for container in pod["containers"]:
            limited = container["securityContext"]
            assert limited["allowPrivilegeEscalation"] is False, name
            assert limited["capabilities"]["drop"] == ["ALL"], name
            for kind in ("requests", "limits"):
                assert {"cpu", "memory"} <= container["resources"][kind].keys(), name


def test_the_cluster_asks_for_a_token_and_is_taken_down(rayjob: Manifest) -> None:
    spec = rayjob["spec"]
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] > 0
    assert spec["activeDeadlineSeconds"] > 0


def test_versions_agree(rayjob: Manifest) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    (ray,) = [text for text in extras["node"] if text.startswith("ray")]
    assert rayjob["spec"]["rayClusterSpec"]["rayVersion"] == ray.partition("==")[2]
    kustomization = yaml.safe_load((K8S / "base" / "kustomization.yaml").read_text())
    assert kustomization["images"] == [
        {"name": "qcbench", "newName": "qcbench", "newTag": __version__}
    ]


def test_mounts_claims_and_configs_fit_together(rayjob: Manifest) -> None:
    kustomization = yaml.safe_load((K8S / "base" / "kustomization.yaml").read_text())
    (generated,) = kustomization["configMapGenerator"]
    (claim,) = load_manifests((K8S / "base" / "results.yaml").read_text())
    head = dict(pods(rayjob))["head"]
    volumes = {volume["name"]: volume for volume in head["volumes"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in head["containers"][0]["volumeMounts"]}
    assert set(mounts.values()) == volumes.keys()
    claimed = volumes[mounts["/results"]]["persistentVolumeClaim"]["claimName"]
    assert claimed == claim["metadata"]["name"]
    config = volumes[mounts["/etc/qcbench"]]["configMap"]
    assert config["name"] == generated["name"]
    assert [item["key"] for item in config["items"]] == generated["files"]


def test_the_entry_point_takes_what_the_rayjob_gives_it(rayjob: Manifest) -> None:
    words = shlex.split(rayjob["spec"]["entrypoint"])
    assert words[:3] == ["python", "-m", "qcbench.jobs.run_suite"]
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["jobs/run_suite.py"] == "qcbench/jobs/run_suite.py"
    path = ROOT / "jobs" / "run_suite.py"
    spec = importlib.util.spec_from_file_location("run_suite", path)
    assert spec is not None
    assert spec.loader is not None
    entry = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(entry)
    told = entry.parse(words[3:])
    assert told.runs_dir == Path("/results")
    assert told.overrides_file == Path("/etc/qcbench/overrides.json")
    assert told.continued

    overrides = json.loads((K8S / "base" / "overrides.json").read_text())
    config = compose_run(overrides)
    assert not config.tracking.enabled
    assert suite_scenarios(config.suite)
