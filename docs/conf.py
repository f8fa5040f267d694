"""How the documentation becomes a site: `make docs`.

Sphinx reads the pages of this folder, the notebook, and the docstrings of the public API. Every
warning is an error, and what Sphinx itself does not look for is looked for here: a public name that
no page documents, a public name or attribute without a docstring.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import qcbench

logger = logging.getLogger(__name__)

project = "qcbench"
author = "The qcbench developers"
release = version = qcbench.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "**/.ipynb_checkpoints", "notebooks/runs"]
nitpicky = True

# Pages: Markdown as GitHub shows it, whose headings can be linked to.
myst_heading_anchors = 4
nb_execution_mode = "off"  # a test runs the notebook and compares what it prints

# Docstrings: Google's sections; what stands in single backticks is code.
default_role = "code"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Types that other projects document, and those of fields within a type of docs/api-types.md: shown
# by their names. What a public function takes or returns has to be documented.
nitpick_ignore_regex = [
    ("py:.*", r"qcbench\.\w+\..*|FloatArray|IntArray|BoolArray"),
    ("py:.*", r"(collections|pathlib|typing|datetime|numpy|np|polars|pl|gymnasium)\..*"),
    ("py:.*", r"(Path|Any|Sequence|Mapping|Callable|Iterator|Literal|VectorEnv|datetime)"),
]

# The site fetches nothing: Furo uses the fonts of the machine.
html_theme = "furo"
html_title = "qcbench"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False


def public_names() -> Iterator[tuple[str, object]]:
    """Give the public names of the package, and those of its classes, with what they are."""
    for name in dir(qcbench):
        if name.startswith("__"):
            continue
        found = getattr(qcbench, name)
        yield name, found
        if inspect.isclass(found):
            for inner, value in vars(found).items():
                if not inner.startswith("_"):
                    yield f"{name}.{inner}", value


def check_docstrings(_app: Sphinx) -> None:
    """Warn of public names without a docstring."""
    for name, found in public_names():
        if not (inspect.getdoc(found) or "").strip():
            logger.warning("qcbench.%s has no docstring", name, type="qcbench")


def check_complete(_app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of public names that no page documents."""
    documented = env.domains["py"].data["objects"]
    for name, _ in public_names():
        if f"qcbench.{name}" not in documented:
            logger.warning(
                "qcbench.%s is public and on no page; add it to docs/api.md", name, type="qcbench"
            )


def as_written(
    _app: Sphinx, what: str, _name: str, found: Any, *_rest: object
) -> tuple[str, str | None] | None:
    """Return the signature of a function as its source has it: aliases of types keep their name."""
    if what == "class":
        return "", None  # who uses these classes does not make them
    if what not in {"function", "method"}:
        return None
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(found)))
    function = ast.parse(source).body[0]
    if not isinstance(function, ast.FunctionDef):
        return None
    arguments = function.args
    if what == "method" and arguments.args:
        arguments.args.pop(0)
    for each in ast.walk(function):
        for key in ("annotation", "returns"):
            text = getattr(each, key, None)
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                setattr(each, key, ast.parse(text.value, mode="eval").body)
    arguments_text = re.sub(r"=lambda [^,)]*|=_nothing", "=...", ast.unparse(arguments))
    return f"({arguments_text})", function.returns and ast.unparse(function.returns)


def find_type(
    _app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Resolve a type that is named without its module, where one of that name is documented."""
    if node.get("refdomain") != "py":
        return None
    wanted, domain = node["reftarget"].rpartition(".")[2], env.domains["py"]
    places = [name for name in domain.data["objects"] if name.rpartition(".")[2] == wanted]
    if len(places) != 1 or not wanted[:1].isupper():
        return None
    return domain.resolve_xref(
        env, node["refdoc"], env.app.builder, "obj", places[0], node, content
    )


def split_names(
    _app: Sphinx, _what: str, _name: str, _found: object, _options: object, lines: list[str]
) -> None:
    """Give each of several names that a docstring describes in one line a line of its own."""
    for place in range(len(lines) - 1, -1, -1):
        together = re.fullmatch(r"(    )((?:\w+, )+\w+): (.*)", lines[place])
        if together:
            end = place + 1
            while end < len(lines) and lines[end].startswith("     "):
                end += 1
            text = " ".join([together[3], *(line.strip() for line in lines[place + 1 : end])])
            lines[place:end] = [f"    {each}: {text}" for each in together[2].split(", ")]


def link_files(app: Sphinx, page: str, content: list[str]) -> None:
    """Make links to files outside this folder downloads."""
    folder, top = app.env.doc2path(page).parent, Path(app.srcdir).resolve()

    def linked(found: re.Match[str]) -> str:
        inside = (folder / found[1]).resolve().is_relative_to(top)
        return found[0] if inside else f"](path:{found[1]})"

    content[0] = re.sub(r"\]\((\.\./[^)#\s]+)\)", linked, content[0])


def setup(app: Sphinx) -> None:
    """Connect all that to Sphinx."""
    app.connect("builder-inited", check_docstrings)
    app.connect("env-check-consistency", check_complete)
    app.connect("autodoc-process-signature", as_written)
    app.connect("autodoc-process-docstring", split_names, priority=400)  # before napoleon
    app.connect("missing-reference", find_type)
    app.connect("source-read", link_files)
