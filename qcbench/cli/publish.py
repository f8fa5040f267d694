"""`qcbench publish`: runs as entries of a static site, and whether entries are right."""

import sys
from collections.abc import Sequence

from qcbench.cli.arguments import Parser, as_option
from qcbench.errors import InputError, one_line

CHECK = "check"


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(
        prog="qcbench publish",
        description="Write runs into the folder of a static site: an entry each, and pages made of"
        " all entries. Without runs the pages are made again.",
        epilog="`qcbench publish check to=FOLDER` tells what is wrong with entries.",
    )
    parser.add_argument("runs", nargs="*", help="ids, beginnings of ids, or paths; or: check")
    parser.add_argument("--to", default="", help="folder of the site")
    parser.add_argument("--author", help="who publishes, as it is shown")
    parser.add_argument("--runs-dir", default="runs", help="folder of all runs (default: runs)")
    parser.add_argument(
        "--reports",
        choices=("yes", "no"),
        default="yes",
        help="copy the reports of the runs (default: yes)",
    )
    options = parser.parse_intermixed_args([as_option(text) for text in arguments])
    if options.runs[:1] == [CHECK]:
        if options.runs[1:]:
            raise InputError(f"publish check: {options.runs[1]}: only to=FOLDER is told here")
        return check(options.to)
    from qcbench.api import publish  # noqa: PLC0415 - after the help

    index = publish(
        options.runs,
        to=options.to,
        author=options.author,
        runs_dir=options.runs_dir,
        reports=options.reports == "yes",
    )
    print(index)
    return 0


def check(to: str) -> int:
    """Print a line for every fault of a site's entries."""
    from qcbench.api import check_published  # noqa: PLC0415 - after the help

    right, faults = check_published(to)
    for fault in faults:
        print(f"qcbench: {one_line(fault)}", file=sys.stderr)
    if faults:
        return InputError.exit_code
    print(f"{right} {'entry is' if right == 1 else 'entries are'} right")
    return 0
