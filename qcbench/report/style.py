"""How figures look: one colour and marker per policy, the same in every figure and table."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.image import imsave

from qcbench.errors import InputError
from qcbench.files import replacing

# Middle tones that stay apart on white and on near-black, and for the common colour blindnesses
# in this order; after twelve they repeat with another marker.
COLOURS = (
    "#3182bd",
    "#e6781e",
    "#2a9d74",
    "#cf4457",
    "#8e6bc4",
    "#c29a18",
    "#1ba0b8",
    "#d66ba0",
    "#8a6d4e",
    "#78a832",
    "#5566c8",
    "#a05a5a",
)
NEUTRAL = "#7d8590"
MARKERS = ("o", "s", "D", "^", "v", "P", "X")

# Text and lines take these colours; in a page they are replaced by the page's own.
INK, QUIET, LINE = "#1f2328", "#636c76", "#d4d9df"
VARIABLES = {INK: "var(--ink)", QUIET: "var(--quiet)", LINE: "var(--line)"}

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'

WIDTH_IN = 5.4
DPI = 160
PNG_SCALE = 2
"""Pixels of a PNG for each of an SVG, for sharp screens."""

RC = {
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.labelcolor": QUIET,
    "axes.labelsize": 9,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.6,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "qcbench",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": LINE,
    "xtick.labelcolor": QUIET,
    "xtick.labelsize": 8,
    "ytick.color": LINE,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
    "ytick.left": False,
}


@dataclass(frozen=True)
class Look:
    """Colour and marker of a policy."""

    colour: str
    marker: str


def looks(policies: Sequence[str], baseline: str) -> dict[str, Look]:
    """Give every policy its look, in the order of the suite; the baseline is grey."""
    found: dict[str, Look] = {}
    number = 0
    for policy in policies:
        if policy == baseline:
            found[policy] = Look(NEUTRAL, "o")
            continue
        turn = number // len(COLOURS)
        marker = MARKERS[(number + turn) % len(MARKERS)]
        found[policy] = Look(COLOURS[number % len(COLOURS)], marker)
        number += 1
    return found


@contextmanager
def style() -> Iterator[None]:
    """Draw and save with the report's settings, whatever the user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


TIP = "tip: "


def tell(artist: Artist, words: str) -> None:
    """Show some words where a pointer rests on an artist of an SVG."""
    artist.set_gid(f"{TIP}{words}")


def _with_tips(document: str) -> str:
    """Turn the ids by which Matplotlib carries words into titles, which browsers show."""
    # What may stand in an attribute may stand in an element, too.
    return re.sub(rf'<g id="{TIP}([^"]*)">', r"<g><title>\1</title>", document)


@dataclass(frozen=True)
class FigureFiles:
    """A figure as it is kept: an SVG document without background, and a PNG on white."""

    svg: str
    png: bytes


def render(figure: Figure) -> FigureFiles:
    """Return a figure as a picture; its bytes depend on the figure alone, which is used up.

    It is laid out once, for the SVG: that is most of the work, and the PNG has the same places.
    """
    with style():
        text, pixels, dpi = StringIO(), BytesIO(), PNG_SCALE * figure.dpi
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None})
        figure.set_layout_engine("none")
        figure.set_dpi(dpi)
        figure.set_facecolor("white")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        unsaid: Any = {"Software": None}
        imsave(pixels, canvas.buffer_rgba(), format="png", dpi=dpi, metadata=unsaid)
        return FigureFiles(_with_tips(text.getvalue()), pixels.getvalue())


def inline_svg(document: str, description: str) -> str:
    """Return an SVG document as an element of a page: text in the page's colours and font."""
    source = document[document.index("<svg") :]
    source = re.sub(r"<metadata>.*?</metadata>", "", source, flags=re.DOTALL)
    source = re.sub(r'<g id="[a-z_]+\d*_?\d+">', "<g>", source)  # would occur twice in a page
    source = source.replace("'DejaVu Sans', sans-serif", "var(--sans)")
    for colour, variable in VARIABLES.items():
        source = source.replace(colour, variable)
    box = re.search(r'viewBox="[^"]+"', source)
    assert box is not None  # noqa: S101 - Matplotlib always writes one
    _, _, rest = source.partition(">")
    head = f'<svg {NAMESPACES} {box[0]} role="img">'
    return f"{head}<title>{_escape(description)}</title>{rest.strip()}"


def save_figures(pictures: Mapping[str, FigureFiles], folder: Path) -> list[Path]:
    """Write every picture as NAME.png and NAME.svg, on white, and return the paths.

    Args:
        pictures: by name.
        folder: made where absent.

    Raises:
        InputError: the folder cannot be written.
    """
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            for suffix, data in (
                (".png", picture.png),
                (".svg", _on_white(picture.svg).encode()),
            ):
                path = folder / f"{name}{suffix}"
                with replacing(path) as temporary:
                    temporary.write_bytes(data)
                paths.append(path)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from error
    return paths


def _on_white(document: str) -> str:
    start = document.index(">", document.index("<svg")) + 1
    return f'{document[:start]}<rect width="100%" height="100%" fill="white"/>{document[start:]}'


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
