"""`qcbench policies`: every policy with its parameters."""

from collections.abc import Sequence
from typing import cast

from qcbench.cli.arguments import Parser
from qcbench.cli.kept import Found, kept
from qcbench.cli.stages import next_step
from qcbench.cli.tables import Listing, print_table
from qcbench.errors import InputError, nearest
from qcbench.policies.names import built_in, names_by_track
from qcbench.tracks import TRACKS, USUAL, Track


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(prog="qcbench policies", description="List the policies.")
    parser.add_argument("track", nargs="?", help=f"one of {', '.join(TRACKS)}")
    track = parser.parse_args(arguments).track
    if track is not None and track not in TRACKS:
        raise InputError(f"track {track}: no such track{nearest(track, TRACKS)}")
    table = Listing("track", "policy", "parameters", "what it does", box=None, pad_edge=False)
    kinds = [kind for kind in TRACKS if track in (None, kind)]
    found = names_by_track()
    known = [f"{kind}.{name}" for kind in kinds for name in found[kind]]
    table.add_rows(kept("policies", known, _found))
    print_table(table, 200)
    info = TRACKS[USUAL if track is None else cast(Track, track)]
    next_step(
        f"qcbench simulate scenario={info.scenario} policy={info.baseline}",
        f"qcbench new policy mine{'' if track is None else f' track={track}'}",
    )
    return 0


def _found(policy: str) -> Found:
    from qcbench.policies import registry  # noqa: PLC0415 - where nothing is kept

    kind, _, name = policy.partition(".")
    track = cast(Track, kind)
    info = registry.find(track, name)
    parameters = ", ".join(
        p.name if p.default is p.empty else f"{p.name}={p.default}"
        for p in info.parameters.values()
    )
    row = [track, name, parameters, info.summary]
    return Found([row], "named" if name in built_in(track) else "more")
