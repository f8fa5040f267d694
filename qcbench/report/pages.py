"""What all pages have in common: templates, style, the one script, and what a browser may do."""

import base64
import hashlib
from importlib import resources

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

SCRIPT = resources.files("qcbench.report").joinpath("templates/tables.js").read_text("utf-8")
"""Sorts tables and filters their rows; a page without it says the same."""


def script_hash(script: str) -> str:
    """Return the hash by which a browser is told the only script that it may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def head_of(script: str) -> str:
    """Return how every page begins: it may load nothing, and run this script and no other.

    A page that begins like this can hold what it likes: no browser runs or fetches it.
    """
    allowed = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src '{script}'; base-uri 'none'; "
        "form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">\n'
    )


def environment(*packages: str) -> Environment:
    """Return the templates of some packages, then those that all pages share."""
    found = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "qcbench.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "script": Markup(SCRIPT),  # noqa: S704 - own text
        "page_head": Markup(head_of(script_hash(SCRIPT))),  # noqa: S704 - own text
    }
    return found
