"""Commands to be pasted: a shell and Hydra take them as meant, whatever is in a name."""

import re
import shlex

PLAIN = re.compile(r"[A-Za-z_./][\w./:@-]*")
"""Values that Hydra takes as they are."""


def command(verb: str, *words: str) -> str:
    """Return `qcbench VERB ...` as a shell takes it."""
    return shlex.join(["qcbench", *verb.split(), *words])


def override(key: str, value: object) -> str:
    """Return a word of a command that sets a key, not yet quoted for a shell.

    The value of `policy` is a name as it is, and is not read by Hydra.
    """
    text = str(value)
    if key == "policy" or PLAIN.fullmatch(text):
        return f"{key}={text}"
    return f"{key}={quoted_value(text)}"


def quoted_value(text: str) -> str:
    """Return a text as a value that Hydra takes for it, whatever signs it has."""
    # Backslashes stand for themselves, but before a quote.
    whole = re.sub(r'(\\*)("|\Z)', lambda found: 2 * found[1] + found[2].replace('"', r"\""), text)
    return f'"{whole}"'


def word(text: object) -> str:
    """Return one word of a command as a shell takes it."""
    return shlex.quote(str(text))
