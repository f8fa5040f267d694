"""`qcbench new`: a policy, suite or fleet of one's own, as files that work as they stand."""

import importlib.util
import keyword
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from qcbench.bench.folders import check_folder_name
from qcbench.cli.arguments import Parser, as_option
from qcbench.commands import command
from qcbench.errors import InputError, nearest
from qcbench.files import quoted, write_text
from qcbench.tracks import TRACKS, USUAL, is_track

TEMPLATES = Path(__file__).resolve().parents[1] / "data" / "new"
THINGS = ("policy", "suite", "fleet")
USUALLY_FROM = {"suite": "quickstart", "fleet": "qce5"}
CONF = Path("conf")
"""The folder for configs of one's own, which `--config-dir` names."""


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(
        prog="qcbench new",
        description="Write a policy with its test, or a suite or fleet to change, into the current"
        " folder. What is there is never written over.",
    )
    parser.add_argument("what", choices=THINGS)
    parser.add_argument("name", help="of the new one")
    parser.add_argument("--track", help=f"of a policy: {', '.join(TRACKS)} (default: {USUAL})")
    parser.add_argument("--from", dest="source", help="suite or fleet that is copied")
    options = parser.parse_intermixed_args([as_option(text) for text in arguments])
    what, name = options.what, options.name
    if what == "policy":
        if options.source is not None:
            raise InputError("new policy: from=... is of suites and fleets; a policy has track=...")
        files, commands = _policy(name, USUAL if options.track is None else options.track)
    else:
        if options.track is not None:
            raise InputError(f"new {what}: track=... is of policies; a {what} has from=...")
        files, commands = _config(what, name, options.source or USUALLY_FROM[what])
    for path in files:
        if path.exists() or path.is_symlink():
            raise InputError(f"{path}: is there already; choose another name")
    _write(files)
    for path in files:
        print(f"written     {path}")
    for place, told in enumerate(commands):
        print(f"{'' if place else 'next':<10}  {told}")
    return 0


def _write(files: Mapping[Path, str]) -> None:
    """Write all of the files, or none."""
    written: list[Path] = []
    try:
        for path, text in files.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"{path.parent}: cannot be made ({error.strerror})") from None
            write_text(path, text)
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _policy(name: str, track: str) -> tuple[Mapping[Path, str], Sequence[str]]:
    """Return the files of a policy, and what to do with them."""
    if not is_track(track):
        raise InputError(f"new policy: track={track}: no such track{nearest(track, TRACKS)}")
    _check_module(name)
    info = TRACKS[track]
    test = _template("test").replace("NAME", name).replace("TRACK", track)
    of_track = [] if track == USUAL else [f"track={track}"]
    listed = f"suite.policies=[{name}.py,{info.baseline}]"
    told = [f"suite={info.suite}", "suite.replicates=5", listed, f"suite.baseline={info.baseline}"]
    commands = [
        command("test-policy", f"{name}.py", *of_track),
        command("simulate", f"policy={name}.py", f"scenario={info.scenario}"),
        command("run", *told),
    ]
    files = {Path(f"{name}.py"): _template(track), Path(f"test_{name}.py"): test}
    return files, commands


def _check_module(name: str) -> None:
    """Refuse what cannot be the name of a module, or would hide one.

    Raises:
        InputError: as said.
    """
    from qcbench.policies.names import names_by_track  # noqa: PLC0415 - after the help

    where = f"new policy: {quoted(name)}"
    if not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(f"{where}: is no name of a Python file; give letters, digits and _")
    check_folder_name("new policy", name)
    if any(name in known for known in names_by_track().values()):
        raise InputError(f"{where}: there is a policy of that name; choose another one")
    here = Path(f"{name}.py").exists()  # it is said to be there
    # Of a module that runs, such as `__main__`, there may be nothing to find.
    loaded = name in sys.stdlib_module_names or name in sys.modules
    if loaded or (not here and importlib.util.find_spec(name)):
        raise InputError(f"{where}: is a module of Python's or a package's; choose another name")


def _template(name: str) -> str:
    return (TEMPLATES / f"{name}.txt").read_text(encoding="utf-8")


def _config(group: str, name: str, source: str) -> tuple[Mapping[Path, str], Sequence[str]]:
    """Return the file of a suite or fleet like another one, and what to do with it."""
    import qcbench.bench.compose  # noqa: F401, PLC0415 - nothing can be done with it without that
    from qcbench.bench.compose_errors import NO_NAME  # noqa: PLC0415 - after the help
    from qcbench.bench.conf_files import options_of, roots  # noqa: PLC0415

    where = f"new {group}"
    known = options_of(group)
    check_folder_name(where, name)
    if not re.fullmatch(r"[A-Za-z][\w-]*", name) or re.fullmatch(NO_NAME, name):
        raise InputError(
            f"{where}: {quoted(name)}: is no name for it; give letters, digits, - and _"
        )
    if source not in known:
        raise InputError(f"{where}: from={source}: no such {group}{nearest(source, known)}")
    if name in known:
        raise InputError(
            f"{where}: {name}: there is a packaged {group} of that name; choose another"
        )
    paths = (root / group / f"{source}.yaml" for root in roots())
    text = next(path for path in paths if path.is_file()).read_text(encoding="utf-8")
    text, named = re.subn(r"(?m)^name: .*$", f"name: {name}", text, count=1)
    if not named:
        text = f"{text.rstrip()}\nname: {name}\n"
    folder = ("--config-dir", str(CONF))
    commands = {
        "suite": [
            command("suites", name, *folder),
            command("run", f"suite={name}", "suite.replicates=2", *folder),
            command("leaderboard"),
        ],
        "fleet": [
            command("fleets", name, *folder),
            command("simulate", f"fleet={name}", *folder),
            command("simulate", f"fleet={name}", "policy=lookahead", "output=records.csv", *folder),
        ],
    }
    return {CONF / group / f"{name}.yaml": text}, commands[group]
