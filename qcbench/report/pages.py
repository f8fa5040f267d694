"""What all pages have in common: templates, style, the one script, and what a browser may do."""

import base64
import hashlib
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Undefined
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


def _printed(value: Any) -> Any:
    """Let a page print what is text or a number, and no function.

    Of a dictionary `row` a template's `{{ row.values }}` is the method, whatever keys there are; as
    text it is an address, another one in every process.
    """
    if callable(value) and not isinstance(value, Undefined):  # which says itself what is missing
        raise TypeError(f"a page would print {value!r}; give the key another name")
    return value


def environment(*packages: str) -> Environment:
    """Return the templates of some packages, then those that all pages share."""
    found = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "qcbench.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "script": Markup(SCRIPT),  # noqa: S704 - own text
        "page_head": Markup(head_of(script_hash(SCRIPT))),  # noqa: S704 - own text
    }
    return found
