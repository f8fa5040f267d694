"""The token of an account: read from the environment or a private file, shown to nobody."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from qcbench.errors import InputError
from qcbench.files import at_home
from qcbench.hardware.config import IbmBackend

HIDDEN = "[token]"
BEARER = re.compile(r"(?i)(bearer\s+|apikey[\"'=:\s]+)[A-Za-z0-9._~+/=-]{8,}")
JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?")


def find_token(config: IbmBackend, environment: Mapping[str, str] = os.environ) -> str:
    """Return the token of an account.

    Raises:
        InputError: there is none, or a file that others can read. The message never holds it.
    """
    if config.token_path is not None:
        return _from_file(at_home(config.token_path))
    token = environment.get(config.token_env, "").strip()
    if not token:
        raise InputError(
            f"backend=ibm: no token; put it into the variable {config.token_env}, or into a file of"
            " mode 600 and name that in backend.token_path"
        )
    return _checked(token, config.token_env)


def find_instance(config: IbmBackend, environment: Mapping[str, str] = os.environ) -> str:
    """Return the instance of an account.

    Raises:
        InputError: none is given.
    """
    found = config.instance or environment.get(config.instance_env, "")
    if not found:
        raise InputError(
            "backend=ibm: no instance; give backend.instance=CRN or its name, or set"
            f" {config.instance_env}"
        )
    return found


def _from_file(path: Path) -> str:
    where = f"backend.token_path={path}"
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InputError(f"{where}: others may use it; run chmod 600 {path}")
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise InputError(f"{where}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{where}: holds no token; one line of text is right") from None
    return _checked(text.strip(), where)


def _checked(token: str, where: str) -> str:
    if not token or not token.isprintable() or " " in token or not token.isascii():
        raise InputError(f"{where}: holds no token; one line of text is right")
    return token


def scrub(text: object, secret: str = "") -> str:
    """Return text, such as of an error, in one line and without anything like a token."""
    line = " ".join(str(text).split())
    if secret:
        line = line.replace(secret, HIDDEN)
    return JWT.sub(HIDDEN, BEARER.sub(rf"\1{HIDDEN}", line))
