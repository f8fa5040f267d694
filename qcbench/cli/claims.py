"""`qcbench claims`: what publications claim, and whether it holds; one of them measured anew."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from qcbench.cli.arguments import Parser, as_option, check_named
from qcbench.cli.kept import Found, kept
from qcbench.cli.tables import Listing, print_table
from qcbench.errors import InputError

FORMATS = ("table", "json", "markdown")


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(
        prog="qcbench claims",
        description="List the published claims with their last verdicts, or measure one.",
    )
    parser.add_argument("claim", nargs="?", help="name of a claim: measure it")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.add_argument(
        "--record", action="store_true", help="keep the verdict in the claim's file"
    )
    parser.add_argument("--config-dir", action="append", default=[], type=Path)
    options = parser.parse_intermixed_args([as_option(text) for text in arguments])
    check_named("claims", options.claim, options.config_dir)
    if options.claim:
        _measure(options)
    elif options.record:
        raise InputError("claims: --record keeps the verdict of one claim; name it")
    else:
        _list(options)
    return 0


def _list(options: argparse.Namespace) -> None:
    from qcbench.bench.claim import claim_names, load_claim  # noqa: PLC0415 - after the help
    from qcbench.report import claims  # noqa: PLC0415

    names = claim_names(options.config_dir)
    if options.format != "table":
        found = {name: load_claim(name, options.config_dir) for name in names}
        write = claims.as_json if options.format == "json" else claims.as_markdown
        sys.stdout.write(write(found))
        return

    def row(name: str) -> Found:
        return Found([claims.row_of(name, load_claim(name, options.config_dir))])

    heads = ("claim", "source", "suite", "what is claimed", "verdict", "measured", "date")
    table = Listing(*heads, box=None, pad_edge=False)
    table.add_rows(kept("claims", names, row, group="claim", config_dirs=options.config_dir))
    print_table(table, 220)


def _measure(options: argparse.Namespace) -> None:
    from qcbench.bench.claim import claim_file, load_claim, recorded  # noqa: PLC0415

    name = options.claim
    if options.format == "markdown":
        raise InputError("claims: --format markdown is of the list; one claim has table or json")
    claim = load_claim(name, options.config_dir)
    file = claim_file(name, options.config_dir)
    from qcbench.api.claiming import check_claim  # noqa: PLC0415 - where it is needed
    from qcbench.files import check_writable, to_json, write_text  # noqa: PLC0415
    from qcbench.report import claims  # noqa: PLC0415

    if options.record:
        check_writable(file)
    verdict = check_claim(claim, options.config_dir)
    if options.format == "json":
        data = claims.measured(name, claim, verdict)
        print(to_json(data, "the claim", null=True, indent=2))
    else:
        print(claims.in_words(name, claim, verdict), end="")
        if before := claims.changed(claim, verdict):
            print(before)
    if options.record:
        write_text(file, recorded(file.read_text(encoding="utf-8"), verdict))
