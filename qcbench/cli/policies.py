"""`qcbench policies`: every policy with its parameters."""

import inspect
from collections.abc import Iterable, Sequence

from rich.console import Console

from qcbench.cli.arguments import Parser
from qcbench.cli.tables import Listing
from qcbench.errors import InputError, nearest
from qcbench.policies import registry
from qcbench.tracks import TRACKS


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(prog="qcbench policies", description="List the policies.")
    parser.add_argument("track", nargs="?", help=f"one of {', '.join(TRACKS)}")
    track = parser.parse_args(arguments).track
    if track is not None and track not in TRACKS:
        raise InputError(f"track {track}: no such track{nearest(track, TRACKS)}")
    table = Listing("track", "policy", "parameters", "what it does", box=None, pad_edge=False)
    for kind in TRACKS:
        if track not in (None, kind):
            continue
        for name in registry.names(kind):
            info = registry.find(kind, name)
            table.add_row(kind, name, _parameters(info.parameters.values()), info.summary)
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table)
    return 0


def _parameters(parameters: Iterable[inspect.Parameter]) -> str:
    return ", ".join(
        p.name if p.default is p.empty else f"{p.name}={p.default}" for p in parameters
    )
