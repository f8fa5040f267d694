"""What is shown at the end of a verb's help: commands that can be pasted."""

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "run": (
        "qcbench run suite=quickstart",
        "qcbench run suite=placement-v1 suite.replicates=5 cluster.workers=2",
        "qcbench run suite=quickstart 'suite.policies=[mine.py,champion,earliest_completion]'",
    ),
    "resume": ("qcbench resume", "qcbench resume quickstart-20260102-030405 retry_failed=true"),
    "rerun": ("qcbench rerun", "qcbench rerun quickstart-20260102-030405 cluster.workers=2"),
    "leaderboard": (
        "qcbench leaderboard",
        "qcbench leaderboard quickstart-20260102-030405 metric=mean_wait_s format=csv",
    ),
    "runs": ("qcbench runs", "qcbench runs sort=state format=csv"),
    "show": ("qcbench show", "qcbench show quickstart-20260102-030405"),
    "verify": ("qcbench verify", "qcbench verify quickstart-20260102-030405 sample=all"),
    "compare": ("qcbench compare quickstart-20260102-030405 quickstart-20260203-040506",),
    "claims": ("qcbench claims", "qcbench claims format=markdown"),
    "report": ("qcbench report", "qcbench report quickstart-20260102-030405"),
    "browse": ("qcbench browse", "qcbench browse quickstart-20260102-030405 port=5001"),
    "publish": (
        "qcbench publish quickstart-20260102-030405 to=site author=ada",
        "qcbench publish check to=site",
    ),
    "track": (
        "qcbench track",
        "qcbench track quickstart-20260102-030405 tracking=server",
    ),
    "simulate": (
        "qcbench simulate scenario=placement/qce5 policy=lookahead seed=3",
        "qcbench simulate policy=mine.py output=records.parquet",
    ),
    "submit": (
        "qcbench submit run suite=placement-v1 cluster=remote",
        "qcbench submit list",
    ),
    "train": (
        "qcbench train agent=reference_ppo scenario=placement/qce5",
        "qcbench train train-reference_ppo-20260102-030405",
    ),
    "sweep": ("qcbench sweep", "qcbench sweep sweep-reference_ppo-20260102-030405"),
    "export": ("qcbench export train-reference_ppo-20260102-030405 to=champion",),
    "promote": (
        "qcbench promote packaged:champion",
        "qcbench promote train-reference_ppo-20260102-030405 suite=placement-v1",
    ),
    "new": ("qcbench new policy mine track=placement", "qcbench new suite mine from=placement-v1"),
    "test-policy": (
        "qcbench test-policy mine.py",
        "qcbench test-policy fifo track=queueing",
    ),
    "policies": ("qcbench policies", "qcbench policies queueing"),
    "plugins": ("qcbench plugins", "qcbench plugins metrics"),
    "suites": ("qcbench suites", "qcbench suites quickstart"),
    "scenarios": ("qcbench scenarios",),
    "fleets": ("qcbench fleets", "qcbench fleets qce5"),
    "fleet": ("qcbench fleet list", "qcbench fleet show kolkata"),
    "workload": ("qcbench workload generate tasks.csv", "qcbench workload show tasks.csv"),
    "partition": ("qcbench partition solve problem.json",),
    "emulator": ("qcbench emulator", "qcbench emulator faults=flaky"),
    "replay": (
        "qcbench replay policy=champion tasks=60",
        "qcbench replay doctor backend=ibm",
    ),
    "gap": ("qcbench gap", "qcbench gap replay-0123456789ab"),
    "calibrate": ("qcbench calibrate", "qcbench calibrate replay-0123456789ab --output mine"),
    "doctor": ("qcbench doctor", "qcbench doctor --ray"),
    "completion": ('eval "$(qcbench completion bash)"',),
}
"""By verb; the ids of runs stand for one's own."""


def examples_of(verb: str) -> str:
    """Return the end of a verb's help; empty where it has no examples."""
    lines = [f"  {command}" for command in EXAMPLES.get(verb, ())]
    return "\n".join(["", "examples:", *lines, ""]) if lines else ""
