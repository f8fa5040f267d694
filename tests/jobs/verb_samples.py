"""Each verb that can be sent, in its shortest form, and what it shows at its end."""

CIRCUITS = "scenario.workload.circuits.max_qubits=4"
AGENT = [
    *("agent.ppo.steps=1024", "agent.ppo.environments=32", "agent.ppo.horizon=16"),
    *("agent.ppo.threads=1", "agent.worlds=8", "agent.network.encoder=[8]"),
    *("agent.network.context=[]", "agent.network.head=[]"),
    *("validation.worlds=2", "validation.every_steps=1024"),
]
TOLD = {
    "run": ["suite=quickstart", "suite.replicates=1"],
    "train": AGENT,
    "sweep": [*AGENT, "sweep.trials=2", "sweep.concurrent=1"],
    "promote": ["replicates=20", "scenario.workload.tasks=20"],
    "replay": ["backend=local", "backend.speed=200", "tasks=2", "mirror=false", CIRCUITS],
}
NAMED = {"promote": "random"}
SHOWS = {
    "run": "results ",
    "train": r"judge it  qcbench promote train-reference_ppo-\d{8}-\d{6}",
    "sweep": "train it  qcbench train --config-dir",
    "promote": r"results   runs/promote-\d{8}-\d{6}",
    "replay": r"6 rows \(6 done\)",
}
CODES = {"promote": 1}
"""Exit codes that are not 0: a policy that is worse than the baseline is not promoted."""
