"""The environments' names in Gymnasium: importing this module registers them.

`gymnasium.make("qcbench.envs.registration:qcbench/Placement-v1")` imports it by itself. A version
is never changed once it is out; what would give other numbers gets a new one.
"""

import gymnasium

ROOMS = {
    "qcbench/Placement-v1": ("placement", "Placement"),
    "qcbench/Allocation-v1": ("allocation", "Allocation"),
    "qcbench/AllocationDiscrete-v1": ("allocation", "AllocationDiscrete"),
    "qcbench/Queueing-v1": ("queueing", "Queueing"),
}
"""Folder and class of each environment, by its id."""

IDS = tuple(ROOMS)


def register() -> None:
    """Register all environments that are not registered yet."""
    for name, (room, cls) in ROOMS.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point=f"qcbench.envs.{room}.single:{cls}Env",
                vector_entry_point=f"qcbench.envs.{room}.vector:{cls}VectorEnv",
            )


register()
