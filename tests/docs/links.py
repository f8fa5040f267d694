"""The web addresses of README, pages, notebooks and docstrings: found, judged, and asked for.

Usage: python -m tests.docs.links (`make links`). Sphinx's linkcheck builder asks for every address;
those that lead nowhere are listed with the places that name them, and it ends with 1. Without a
network one line says so, and it ends with 1, too: nothing was checked.
"""

import ast
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "docs/**/*.md")
NOTEBOOKS = "docs/**/*.ipynb"
SOURCES = ("qcbench/**/*.py", "deploy/**/*.py", "examples/**/*.py")

ADDRESS = re.compile(r"\w+://(?:\[[\da-f:]+\]?)?[^\s<>\"'`{}\\\[\]|]*", re.IGNORECASE)
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
WEB = ("http", "https")
HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
EXAMPLES = re.compile(r"(.+\.)?example(\.(com|net|org))?|.+\.(test|invalid)|192\.0\.2\.\d+")
"""Hosts that are nobody's (RFC 2606, RFC 5737)."""
OWN = re.compile(r"(?i)host|localhost|127\.0\.0\.1|\[::1\]")
"""This machine, and the word that stands for a host of the reader's."""
SILENT = "no answer"


@dataclass(frozen=True)
class Address:
    """An address of the web, where it stands, and whether it stands there as code."""

    url: str
    place: str
    is_code: bool


def in_text(text: str, name: str, first_line: int = 1) -> Iterator[Address]:
    """Give the web addresses of a text."""
    spans = [found.span() for found in CODE.finditer(text)]
    for found in ADDRESS.finditer(text):
        url = _ended(found[0])
        if url.partition(":")[0].lower() in WEB:
            line = first_line + text.count("\n", 0, found.start())
            is_code = any(begin <= found.start() < end for begin, end in spans)
            yield Address(url, f"{name}:{line}", is_code)


def _ended(url: str) -> str:
    """Cut what belongs to the sentence or the link around an address."""
    while url and (url[-1] in ".,;:!?*" or (url[-1] == ")" and url.count(")") > url.count("("))):
        url = url[:-1]
    return url


def in_docstrings(source: str, name: str) -> Iterator[Address]:
    """Give the web addresses of the docstrings of a module, those of its names included."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield from in_text(node.value.value, name, node.lineno)


def all_addresses(root: Path = ROOT) -> Iterator[Address]:
    """Give the web addresses of everything that people read."""
    for pattern in PAGES:
        for path in sorted(root.glob(pattern)):
            yield from in_text(path.read_text(), path.relative_to(root).as_posix())
    for path in sorted(root.glob(NOTEBOOKS)):
        name = path.relative_to(root).as_posix()
        for place, cell in enumerate(json.loads(path.read_text())["cells"], 1):
            if cell["cell_type"] == "markdown":
                yield from in_text("".join(cell["source"]), f"{name}, cell {place}")
    for pattern in SOURCES:
        for path in sorted(root.glob(pattern)):
            yield from in_docstrings(path.read_text(), path.relative_to(root).as_posix())


def is_stand_in(address: Address) -> bool:
    """Whether an address stands for one of the reader's: nobody's, and written as code."""
    try:
        host = urlsplit(address.url).hostname or ""
    except ValueError:
        return False
    return address.is_code and bool(EXAMPLES.fullmatch(host) or OWN.fullmatch(host))


def fault_of(address: Address) -> str | None:
    """Say what is wrong with an address, as far as can be seen without a network."""
    if is_stand_in(address):
        return None
    try:
        parts = urlsplit(address.url)
        port = parts.port
    except ValueError as error:
        return str(error)
    host = parts.hostname or ""
    if EXAMPLES.fullmatch(host) or OWN.fullmatch(host):
        return "leads nowhere, and is not written as code"
    if parts.scheme != "https":
        return "is not https"
    if not HOST.fullmatch(host):
        return f"has no host: {host!r}"
    if "@" in parts.netloc or port is not None:
        return "has a user or port"
    if not re.fullmatch(r"([\w.~!$&'()*+,;=:@/?#-]|%[0-9A-Fa-f]{2})*", address.url, re.ASCII):
        return "has a character that an address cannot have"
    return None


def check(urls: Sequence[str], timeout_s: float = 20.0) -> dict[str, str]:
    """Ask for addresses; return those that lead nowhere, with what was answered.

    Raises:
        ConnectionError: none answered at all.
    """
    with tempfile.TemporaryDirectory() as temporary:
        source, built = Path(temporary, "source"), Path(temporary, "built")
        source.mkdir()
        listed = "\n".join(f"- `{place} <{url}>`__" for place, url in enumerate(urls))
        (source / "index.rst").write_text(f"Addresses\n=========\n\n{listed}\n")
        settings = [f"-Dlinkcheck_timeout={timeout_s:g}", "-Dlinkcheck_retries=2"]
        command = [sys.executable, "-m", "sphinx", "--isolated", "-Q", "-b", "linkcheck", *settings]
        subprocess.run([*command, str(source), str(built)], check=False)
        lines = (built / "output.json").read_text().splitlines()
    answers = [json.loads(line) for line in lines]
    bad = {
        each["uri"]: _told(each["info"])
        for each in answers
        if each["status"] in ("broken", "timeout")
    }
    if bad and len(bad) == len(answers) and set(bad.values()) == {SILENT}:
        raise ConnectionError(SILENT)
    return bad


def _told(info: str) -> str:
    """Say what a server answered: a status, or a page that lacks the anchor; or that none did."""
    return info if re.match(r"\d{3} |Anchor ", info) else SILENT


def main() -> int:
    """Check all addresses; return 1 where one is wrong, or none could be asked for."""
    places: dict[str, list[str]] = {}
    faults = []
    for address in all_addresses():
        fault = fault_of(address)
        if fault:
            faults.append(f"{address.place}: {address.url}: {fault}")
        elif not is_stand_in(address):
            places.setdefault(address.url, []).append(address.place)
    try:
        bad = check(sorted(places))
    except ConnectionError:
        print(*faults, f"no network here: none of {len(places)} addresses was checked", sep="\n")
        return 1
    for url, told in sorted(bad.items()):
        faults.append(f"{', '.join(places[url])}: {url}: {told}")
    print(*faults, f"{len(places)} addresses, {len(faults)} wrong", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
