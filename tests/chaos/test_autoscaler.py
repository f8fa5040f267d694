"""A cluster whose autoscaler begins at 0 is asked for nodes, and gives them back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from namespaces import Nodes, refusal

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]

AUTOSCALER = {
    "cluster_name": "emulated",
    "max_workers": 3,
    "upscaling_speed": 1.0,
    "idle_timeout_minutes": 0.2,
    "provider": {"type": "fake_multinode"},
    "available_node_types": {
        "ray.head.default": {"resources": {}, "node_config": {}, "max_workers": 0},
        "worker": {
            "resources": {"CPU": 1, "object_store_memory": 80_000_000},
            "node_config": {},
            "min_workers": 0,
            "max_workers": 3,
        },
    },
    "head_node_type": "ray.head.default",
    "auth": {},
    "docker": {},
    "file_mounts": {},
    "cluster_synced_files": [],
    "initialization_commands": [],
    "setup_commands": [],
    "head_setup_commands": [],
    "worker_setup_commands": [],
    "head_start_ray_commands": [],
    "worker_start_ray_commands": [],
}

SUITE = (
    *("run", "suite=quickstart", "suite.replicates=30", "suite.scenarios=[placement/qce5]"),
    *('suite.scenario_overrides=["workload.tasks=3000"]', "tracking=none"),
)


@pytest.mark.timeout(2000)
def test_an_autoscaler_that_begins_at_0(tmp_path: Path) -> None:
    if reason := refusal():
        pytest.skip(reason)
    command = ("-m", "qcbench.cli.main", *SUITE)
    with Nodes(["head"]) as nodes:
        nodes.write("head", "/tmp/autoscaler.json", json.dumps(AUTOSCALER))
        nodes.start_head(0, "--autoscaling-config=/tmp/autoscaler.json")
        run = nodes.start(
            "head",
            nodes.python(*command, f"cluster.address={nodes.gcs}", "runs_dir=/tmp/runs"),
        )
        said = run.communicate(timeout=1500)[0]
        assert run.returncode == 0, said
        table = nodes.run("head", ["sh", "-c", "cat /tmp/runs/*/trials.parquet"])
    assert "CPUs of the cluster: 1, before 0" in said
    subprocess.run(
        [sys.executable, *command, "cluster=inline", f"runs_dir={tmp_path}"],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        timeout=1200,
    )
    (expected,) = tmp_path.glob("*/trials.parquet")
    assert table == expected.read_bytes()
