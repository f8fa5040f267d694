"""The schemas of KubeRay's resources."""

import os
from pathlib import Path

import pytest
from manifest_schemas import Schemas, custom_schemas

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def crds() -> Schemas:
    """The schemas of KubeRay's resources; they are no part of the project."""
    folder = Path(os.environ.get("KUBERAY_CRDS", ROOT.parent / "shared" / "schemas" / "kuberay"))
    if not folder.is_dir():
        pytest.skip(f"no KubeRay CRDs in {folder}; set KUBERAY_CRDS")
    found = custom_schemas(folder)
    assert {("ray.io/v1", "RayJob"), ("ray.io/v1", "RayCluster")} <= found.keys(), folder
    return found
