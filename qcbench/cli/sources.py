"""What a suite or scenario depends on besides config files: then what is shown is not kept.

That are files, and code of other packages.
"""

from collections.abc import Mapping
from typing import Any, Literal

from qcbench.bench.config import ScenarioConfig, SuiteConfig
from qcbench.bench.overrides import TAGS
from qcbench.bench.plugged import metrics_wanted
from qcbench.bench.typed import plain
from qcbench.policies.exported.folder import PACKAGED
from qcbench.policies.names import built_in
from qcbench.policies.registry import READ

Sources = Literal["named", "more"]


def of_policies(suite: SuiteConfig) -> Sources:
    """Return whether policies and metrics of a suite are of this package and read no other file."""
    own = built_in(suite.track)
    known = all(policy.name in own and not _reads(policy.parameters) for policy in suite.policies)
    return "named" if known and not metrics_wanted(suite) else "more"


def of_scenario(scenario: ScenarioConfig) -> Sources:
    """Return whether a scenario reads no file and has nothing of another package."""
    return "more" if _reads(plain(scenario)) else "named"


def _reads(config: Any) -> bool:
    """Whether a part of a config names a file that is not of this package, or a plug-in."""
    if isinstance(config, Mapping):
        return any(
            (key in READ and bool(value) and not str(value).startswith(PACKAGED))
            or (key in TAGS and value == "plugin")
            or _reads(value)
            for key, value in config.items()
        )
    return isinstance(config, list) and any(map(_reads, config))
