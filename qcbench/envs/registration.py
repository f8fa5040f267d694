"""The environments' names in Gymnasium: importing this module registers them.

`gymnasium.make("qcbench.envs.registration:qcbench/Placement-v1")` imports it by itself. A version
is never changed once it is out; what would give other numbers gets a new one.
"""

import gymnasium

from qcbench.tracks import TRACKS

ROOMS = {name: track for track, info in TRACKS.items() for name in info.environments}
"""Folder of each environment, by its id, which holds the name of its class."""

IDS = tuple(ROOMS)


def register() -> None:
    """Register all environments that are not registered yet."""
    for name, room in ROOMS.items():
        if name not in gymnasium.registry:
            cls = name.removeprefix("qcbench/").partition("-")[0]
            gymnasium.register(
                name,
                entry_point=f"qcbench.envs.{room}.single:{cls}Env",
                vector_entry_point=f"qcbench.envs.{room}.vector:{cls}VectorEnv",
            )


register()
