"""What a leaderboard can be written as."""

from typing import Literal, get_args

Format = Literal["table", "csv", "json", "markdown"]
FORMATS: tuple[Format, ...] = get_args(Format)
