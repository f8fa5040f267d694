"""Tokens of Ray clusters: found, checked, made; never shown."""

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from qcbench.bench.config import ClusterConfig
from qcbench.errors import InputError
from qcbench.files import at_home

DEFAULT_PATH = "~/.ray/auth_token"
"""Where Ray itself looks for a token."""


def find_token(
    config: ClusterConfig, environment: Mapping[str, str] = os.environ
) -> tuple[str | None, str]:
    """Return the token for a cluster, or None, and where it was found.

    `cluster.token_path` comes first. Without it the variables decide that Ray itself reads:
    `RAY_AUTH_TOKEN`, `RAY_AUTH_TOKEN_PATH`, and with `RAY_AUTH_MODE=token` the file
    `~/.ray/auth_token`; none of them with `RAY_AUTH_MODE=disabled`.

    Raises:
        InputError: a file that cannot be read or holds no token.
    """
    if config.token_path is not None:
        given = read_token(Path(config.token_path), "cluster.token_path")
        return given, f"cluster.token_path={config.token_path}"
    mode = environment.get("RAY_AUTH_MODE", "").lower()
    if mode == "disabled":
        return None, "RAY_AUTH_MODE=disabled"
    if token := environment.get("RAY_AUTH_TOKEN"):
        return _checked(token, "RAY_AUTH_TOKEN"), "RAY_AUTH_TOKEN"
    if path := environment.get("RAY_AUTH_TOKEN_PATH"):
        return read_token(Path(path), "RAY_AUTH_TOKEN_PATH"), f"RAY_AUTH_TOKEN_PATH={path}"
    if mode == "token":
        return read_token(Path(DEFAULT_PATH), "RAY_AUTH_MODE=token"), DEFAULT_PATH
    return None, ""


def read_token(path: Path, source: str) -> str:
    """Read a token file.

    Args:
        path: the file; `~` is the home folder.
        source: the setting that named it, for messages.

    Raises:
        InputError: no such file, or no token in it. The message never holds what the file does.
    """
    try:
        text = at_home(path).read_text(encoding="ascii")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{source}={path}: cannot be read ({reason})") from error
    except UnicodeDecodeError:
        raise InputError(f"{source}={path}: holds no token; one line of text is right") from None
    return _checked(text, f"{source}={path}")


def _checked(text: str, where: str) -> str:
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(f"{where}: holds no token; one line of text is right")
    return token


def create_token(path: Path) -> None:
    """Write a new random token of 256 bits to a file that only this user can read.

    Raises:
        InputError: the file exists already, or its folder cannot be written.
    """
    target = at_home(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # The mode is given at creation: there is no moment in which others could open the file.
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"{path}: exists already; a token is never overwritten") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))


def rotate_token(path: Path) -> Path:
    """Write the token that will follow the one in a file, beside it; return where.

    The old one stays until its cluster is stopped: Ray reads a token when it starts, and a cluster
    knows one at a time.

    Raises:
        InputError: no token in the file, or one that follows it is there already.
    """
    read_token(path, "token file")
    following = path.with_name(f"{path.name}.new")
    create_token(following)
    return following


def readable_by_others(path: Path) -> bool:
    """Whether users other than the owner may read a file."""
    try:
        mode = at_home(path).stat().st_mode
    except OSError:
        return False
    return bool(mode & (stat.S_IRGRP | stat.S_IROTH))
