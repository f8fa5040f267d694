"""The words of an OpenQASM program: tokens with their places, without comments.

Versions, includes, registers and limits are read off tokens, never off lines or parts of words: a
comment, a string, a tab or a program on one line changes nothing.
"""

import re
from typing import Literal, NamedTuple

Kind = Literal["word", "number", "string", "symbol", "bad"]

_PARTS = (
    r"(?P<space>[ \t\n\f\v]+|//[^\n]*|/\*.*?\*/|\#?pragma\b[^\n]*)",
    r"(?P<string>\"[^\"\n]*\"|'[^'\n]*')",
    r"(?P<word>\$\d+|[^\W\d]\w*)",
    r"(?P<number>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+"
    r"|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)",
    r"(?P<bad>/\*|[\x00-\x1f\x7f])",
    r"(?P<symbol>->|==|\*\*|.)",
)
_TOKEN = re.compile("|".join(_PARTS), re.DOTALL)


class Token(NamedTuple):
    """A word of a program.

    Attributes:
        kind: `bad` is what no program has: a control character, or a comment that never ends.
        offset: of its first character in the text.
    """

    kind: Kind
    text: str
    offset: int

    @property
    def end(self) -> int:
        """Offset of the first character after it."""
        return self.offset + len(self.text)


def tokens(text: str) -> list[Token]:
    """Return the tokens of a program, without white space, comments and pragmas."""
    return [
        Token(found.lastgroup, found.group(), found.start())  # type: ignore[arg-type]
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "space"
    ]


def starts_statement(found: list[Token], position: int) -> bool:
    """Whether a token is the first of its statement."""
    return position == 0 or found[position - 1].text in (";", "{", "}")


def text_at(found: list[Token], position: int) -> str:
    """Return the text of a token, empty beyond the end."""
    return found[position].text if position < len(found) else ""


MOST_DIGITS = 100


def integer(token: Token) -> int | None:
    """Return the value of an integer literal, None where it is none."""
    if token.kind != "number":
        return None
    text = token.text.replace("_", "")
    if text.isdecimal():
        return int(text[: MOST_DIGITS + 1])  # of a longer one enough to be beyond all limits
    try:
        return int(text, 0)
    except ValueError:
        return None
