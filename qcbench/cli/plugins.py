"""`qcbench plugins`: what other packages bring along, who provides it, what is wrong with it."""

from collections.abc import Sequence

from qcbench.cli.arguments import Parser
from qcbench.cli.tables import Listing, print_table
from qcbench.errors import InputError, nearest
from qcbench.plugins import KINDS, SINGULAR, Kind, Plugin, conf_folders, plugins


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(
        prog="qcbench plugins",
        description="List what other packages bring along, and what is wrong with it.",
    )
    parser.add_argument("kind", nargs="?", help=f"one of {', '.join(KINDS)}")
    kind = parser.parse_args(arguments).kind
    if kind is not None and kind not in KINDS:
        raise InputError(f"{kind}: no such kind of plug-in{nearest(kind, KINDS)}")
    kinds = [each for each in KINDS if kind in (None, each)]
    found = [plugin for each in kinds for plugin in plugins(each).values()]
    if not found:
        what = "plug-ins" if kind is None else f"{SINGULAR[kinds[0]]} of another package"
        print(f"no {what}; docs/plugins.md says how a package brings some along")
        return 0
    from qcbench.bench.plugged import plugin_problem  # noqa: PLC0415 - where there is one

    table = Listing("kind", "name", "from", "what it is", box=None, pad_edge=False)
    for plugin in found:
        told = plugin_problem(plugin, _ours(plugin.kind))
        what = f"cannot be used: {told}" if told else _summary(plugin)
        table.add_row(SINGULAR[plugin.kind], plugin.name, plugin.provider, what)
    for plugin, told in _shadowed(kinds):
        table.add_row(SINGULAR[plugin.kind], plugin.name, plugin.provider, told)
    print_table(table, 200)
    return 0


def _ours(kind: Kind) -> set[str]:
    """Return names that are taken by this package, of kinds that the bench does not know."""
    if kind != "providers":
        return set()
    from qcbench.hardware.providers.registry import OURS  # noqa: PLC0415 - where there is one

    return set(OURS)


def _summary(plugin: Plugin) -> str:
    """Return the first line of its documentation, or what files it has."""
    if plugin.kind == "configs":
        folders = [folder for one, folder in conf_folders() if one.name == plugin.name]
        files = [path.relative_to(root) for root in folders for path in root.glob("*/**/*.yaml")]
        return ", ".join(sorted(str(file.with_suffix("")) for file in files)) or "no files"
    documented = getattr(plugin.load(), "__doc__", None) or ""
    return str(documented).strip().split("\n", 1)[0].rstrip(".")


def _shadowed(kinds: Sequence[Kind]) -> list[tuple[Plugin, str]]:
    if "configs" not in kinds:
        return []
    from qcbench.bench.conf_files import shadowed  # noqa: PLC0415

    return shadowed()
