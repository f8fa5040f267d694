"""`qcbench policies`: every policy with its parameters."""

from collections.abc import Sequence
from typing import cast

from qcbench.bench.conf_files import OURS
from qcbench.cli.arguments import Parser
from qcbench.cli.kept import Found, kept
from qcbench.cli.stages import next_step
from qcbench.cli.tables import Listing, print_table
from qcbench.commands import command, override
from qcbench.errors import InputError, nearest
from qcbench.plugins import plugins
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
    providers = {name: plugin.provider for name, plugin in plugins("policies").items()}
    ours = {f"{kind}.{name}": OURS for kind in kinds for name in built_in(kind)}
    table.add_provided(kept("policies", known, _found), {**providers, **ours})
    print_table(table, 200)
    info = TRACKS[USUAL if track is None else cast(Track, track)]
    next_step(
        command("simulate", override("scenario", info.scenario), override("policy", info.baseline)),
        command("new policy", "mine", *([] if track is None else [f"track={track}"])),
    )
    return 0


def _found(policy: str) -> Found:
    from qcbench.policies import registry  # noqa: PLC0415 - where nothing is kept

    kind, _, name = policy.partition(".")
    track = cast(Track, kind)
    try:
        info = registry.find(track, name)
    except InputError as error:  # of a plug-in
        return Found([[track, name, "", f"cannot be used: {error}"]], "more")
    parameters = ", ".join(
        p.name if p.default is p.empty else f"{p.name}={p.default}"
        for p in info.parameters.values()
    )
    row = [track, name, parameters, info.summary]
    return Found([row], "named" if name in built_in(track) else "more")
