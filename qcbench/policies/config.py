"""The YAML group `policy`."""

from dataclasses import field
from functools import cached_property

from qcbench.configs import config


@config
class PolicyConfig:
    """A policy and its parameters.

    Attributes:
        name: as it is registered; or where it lies, a folder, `packaged:champion` or
            `models:/placement@champion`, which `qcbench.tracking.references` looks up.
        label: name in the results; `name` where empty, so that one policy can take part with
            several settings.
        parameters: keyword arguments of the policy's factory.
    """

    name: str
    label: str = ""
    parameters: dict[str, bool | int | float | str] = field(default_factory=dict)

    @cached_property
    def content(self) -> str:
        """Name and parameters as text, in which 1, 1.0 and true are three values."""
        return repr((self.name, self.parameters))
