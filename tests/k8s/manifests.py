"""What kustomize makes of the overlays, and the pods in it."""

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from manifest_schemas import Manifest, load_manifests

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
LOCAL, CLOUD = K8S / "overlays" / "local", K8S / "overlays" / "cloud"
OVERLAYS = sorted(path.parent for path in K8S.glob("overlays/*/kustomization.yaml"))
COMPONENTS = sorted(path.parent for path in K8S.glob("components/*/kustomization.yaml"))
BESIDE = sorted([*CLOUD.glob("jobs/*.yaml"), LOCAL / "fetch.yaml"])
"""Files that are no part of a kustomization: created one by one."""

VARIANTS = (*(overlay.name for overlay in OVERLAYS), "cloud-with-components", "beside")
"""Everything that can be applied."""


@functools.cache
def variant(name: str) -> list[Manifest]:
    """Return all manifests of a variant."""
    if name == "beside":
        return [one for path in BESIDE for one in load_manifests(path.read_text())]
    if name == "cloud-with-components":
        return _render_with(CLOUD, COMPONENTS)
    return render(K8S / "overlays" / name)


def render(folder: Path) -> list[Manifest]:
    """Return what kustomize makes of a folder."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed; nothing else here renders kustomizations")
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return load_manifests(done.stdout)


def _render_with(overlay: Path, components: list[Path]) -> list[Manifest]:
    """Return an overlay with the options that its user may put in."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization"]
        lines += ["namespace: qcbench", "resources:", f"  - {os.path.relpath(overlay, folder)}"]
        # Digests last: they are for what the others bring, too.
        ordered = sorted(components, key=lambda each: each.name == "digests")
        lines += ["components:", *(f"  - {os.path.relpath(each, folder)}" for each in ordered)]
        (folder / "kustomization.yaml").write_text("\n".join([*lines, ""]))
        return render(folder)


def only(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """Return the only manifest of a kind and name."""
    (found,) = [m for m in manifests if m["kind"] == kind and m["metadata"].get("name") == name]
    return found


def pods(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Every pod of a manifest of any kind, with where it is; KubeRay's autoscaler is in its head's.

    KubeRay adds that container itself; what is said of it lies elsewhere in the RayCluster.
    """
    title = manifest["metadata"].get("name") or manifest["metadata"]["generateName"]
    for path, pod in _found(manifest, f"{manifest['kind']}/{title}"):
        options = manifest.get("spec", {}).get("autoscalerOptions")
        if options is not None and ".headGroupSpec." in path:
            container = {"name": "autoscaler", **options}
            yield path, {**pod, "containers": [*pod["containers"], container]}
        else:
            yield path, pod


def _found(node: Any, path: str) -> Iterator[tuple[str, Manifest]]:
    if isinstance(node, dict):
        if isinstance(node.get("containers"), list):
            yield path, node
        for key, value in node.items():
            yield from _found(value, f"{path}.{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _found(value, f"{path}.{number}")


def containers(pod: Manifest) -> list[Manifest]:
    """All containers of a pod."""
    return [*pod.get("initContainers", []), *pod["containers"]]


def all_pods(name: str) -> list[tuple[str, Manifest]]:
    """Every pod of a variant."""
    return [found for manifest in variant(name) for found in pods(manifest)]
