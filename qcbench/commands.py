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
    # Backslashes stand for themselves, but before a quote.
    escaped = re.sub(r'(\\*)("|$)', lambda found: 2 * found[1] + ('\\"' if found[2] else ""), text)
    return f'{key}="{escaped}"'


def word(text: object) -> str:
    """Return one word of a command as a shell takes it."""
    return shlex.quote(str(text))
