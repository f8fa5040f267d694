"""The YAML group `policy`."""

from dataclasses import field

from qcbench.configs import config


@config
class PolicyConfig:
    """A policy by its registered name, and its parameters.

    Attributes:
        label: name in the results; `name` where empty, so that one policy can take part with
            several settings.
        parameters: keyword arguments of the policy's factory.
    """

    name: str
    label: str = ""
    parameters: dict[str, bool | int | float | str] = field(default_factory=dict)
