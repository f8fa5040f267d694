"""A sweep whose disk fills up: it stops at once, says how it goes on, and loses no trial."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.ray_head import clean_environment

ROOT = Path(__file__).resolve().parents[2]
SWEEP = [
    *("agent=reference_ppo", "agent.ppo.steps=8192", "agent.ppo.environments=32"),
    *("agent.ppo.horizon=16", "agent.ppo.threads=1", "agent.worlds=8"),
    *("agent.network.encoder=[48]", "agent.network.context=[]", "agent.network.head=[]"),
    *("validation.worlds=2", "validation.every_steps=1024", "tracking=none"),
    *("sweep=asha", "sweep.trials=3", "sweep.concurrent=1"),
]
FILLED = """
set -u
mount -t tmpfs -o size=8m none "$1"
here=$1 python=$2 kept=$3
shift 3
cd "$here"
head -c 7900000 /dev/zero > ballast
"$python" -m qcbench.cli.main sweep "$@" runs_dir=runs 2> "$kept/stderr"
echo $? > "$kept/code"
rm ballast
find . -name failed.txt > "$kept/failed"
cp runs/*/tune/tune/experiment_state-*.json "$kept"
"$python" -m qcbench.cli.main sweep runs/sweep-* 2> "$kept/stderr-again"
echo $? > "$kept/code-again"
cp runs/*/results.json "$kept"
"""


@pytest.mark.e2e
@pytest.mark.ray
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    ).returncode
    != 0,
    reason="this user may not mount a small disk",
)
def test_a_sweep_on_a_full_disk_stops_and_goes_on(tmp_path: Path) -> None:
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    environment = {**clean_environment(), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = ["unshare", "-m", "sh", "-c", FILLED, "sh", str(disk), sys.executable, str(kept)]
    subprocess.run([*words, *SWEEP], env=environment, check=True, timeout=580)
    said = (kept / "stderr").read_text()
    assert (kept / "code").read_text() == "1\n", said
    last = said.splitlines()[-1]
    assert "cannot be written (No space left on device)" in last
    assert "; `qcbench sweep sweep-reference_ppo-" in last
    assert last.endswith("` goes on")
    assert "Traceback" not in said
    assert "failed" not in said
    assert (kept / "failed").read_text() == "", "no trial failed by itself"
    for state in kept.glob("experiment_state-*.json"):
        assert json.loads(state.read_text()), "what Ray Tune goes on from is whole"
    again = (kept / "stderr-again").read_text()
    assert (kept / "code-again").read_text() == "0\n", again
    results = json.loads((kept / "results.json").read_text())
    assert {trial["status"] for trial in results} <= {"done", "stopped"}
    assert len(results) == 3
