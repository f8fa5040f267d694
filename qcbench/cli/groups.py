"""What the composed verbs can be told by name: groups of configs, and policies."""

GROUPS = {
    "run": ("suite", "cluster", "tracking"),
    "resume": ("cluster", "tracking"),
    "rerun": ("cluster", "tracking"),
    "track": ("tracking",),
    "simulate": ("scenario", "policy", "fleet", "workload", "tracking"),
    "promote": ("scenario", "suite", "policy", "fleet", "workload", "cluster", "tracking"),
    "test-policy": ("policy", "tracking"),
    "train": ("scenario", "mix", "agent", "fleet", "workload", "cluster", "tracking"),
    "sweep": ("sweep", "scenario", "mix", "agent", "fleet", "workload", "cluster", "tracking"),
    "emulator": ("faults",),
    "replay": ("scenario", "policy", "fleet", "workload", "backend", "tracking"),
}
"""Config groups that a composed verb chooses from."""


def policy_names() -> list[str]:
    """Return the names of the policies of all tracks."""
    from qcbench.policies.names import names_by_track  # noqa: PLC0415

    return sorted({name for known in names_by_track().values() for name in known})
