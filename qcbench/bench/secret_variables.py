"""Environment variables that hold secrets; somebody's policy has no business with them.

What is removed here is out of reach of code that lists, logs or inherits the environment. It is no
wall: a policy runs as the user of its process and can read whatever that user can.
"""

import os
import re
from collections.abc import Iterable, MutableMapping

SECRET = re.compile(
    r"TOKEN|PASSWORD|PASSWD|PASSPHRASE|PASSFILE|SECRET|CREDENTIAL|(API|ACCESS|ACCOUNT|PRIVATE)_?KEY",
    re.IGNORECASE,
)
"""In the name of a variable: MLFLOW_TRACKING_PASSWORD, AWS_SECRET_ACCESS_KEY, QISKIT_IBM_TOKEN."""

RAYS_OWN = frozenset({"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"})
"""A process of Ray needs its cluster's own token to start."""


def secret_variables(names: Iterable[str]) -> list[str]:
    """Return those of the names of variables that hold a secret, or say where one lies."""
    return [name for name in names if SECRET.search(name)]


def forget_secrets(environment: MutableMapping[str, str] = os.environ) -> None:
    """Remove all secrets from the environment of this process, those of Ray included.

    For a worker that has joined its cluster: Ray keeps the token that it has read.
    """
    for name in secret_variables(list(environment)):
        del environment[name]
