"""How every figure looks: sizes in inches as printed, fonts, colours and line styles; how it is saved.

Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), then three of Paul Tol's muted ones, safe for
colour-blind readers; dashes and markers differ as well, so that a figure is readable in grey.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from had.files import atomic_file
from had.options.evaluation import EvaluationOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN, PAGE = 3.4, 7.0
"""Width of one column and of the page, in inches: each figure has one or the other."""
LEAST_TYPE = 6
"""Points of the smallest type in a figure."""
COLOURS = (
    *("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F"),
    *("#332288", "#882255", "#999933"),
)
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)), (0, (2, 1)), (0, (6, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "////", "....", "xxxx", "----", "ooo")
TRUTH = "#00E000"
"""Ground-truth boxes: bright green and dashed on black, visible on any image and light in grey."""
TRUTH_BOX: dict[str, Any] = {"color": TRUTH, "linestyle": (0, (2.5, 2.5)), "linewidth": 1.0}
"""Their look in pictures."""
BASELINE = "#9A9A9A"
"""Published trackers: grey and thin, behind ours."""
MOST_LINES = 6
"""Lines that a reader can tell apart in one picture."""
_SETTINGS: Any = {
    "backend": "agg",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 6.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.linewidth": 0.4,
    "grid.color": "#D9D9D9",
    "axes.axisbelow": True,
    "lines.linewidth": 1.4,
    "hatch.linewidth": 0.5,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "legend.frameon": False,
    "legend.labelspacing": 0.3,
    "legend.columnspacing": 1.0,
    "legend.handletextpad": 0.5,
    "legend.handlelength": 2.4,
    "image.interpolation": "nearest",
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
}


@contextmanager
def applied() -> Iterator[None]:
    """The project's matplotlib settings inside the block, whatever the user's own are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def figure(width: float, height: float, **layout: Any) -> Figure:
    """An empty figure of a printed size in inches; ``layout`` are matplotlib's options of a constrained layout."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(**layout))


def sentence(text: str) -> Figure:
    """A figure that says in words why it shows nothing."""
    drawn = figure(COLUMN, 1.0)
    drawn.set_layout_engine("none")
    drawn.text(0.5, 0.5, fill(text, 60), ha="center", va="center", fontsize=7)
    return drawn


IMAGES = {"w_pad": 0.015, "h_pad": 0.02, "wspace": 0, "hspace": 0}
"""Layout of figures that are a grid of images."""


def colour(look: int) -> str:
    """The colour of a row (`had.evaluation.rows.Row.look`), the same in every figure and film."""
    return COLOURS[look % len(COLOURS)]


def line(look: int) -> dict[str, Any]:
    """Colour and dashes of a row."""
    return {"color": colour(look), "linestyle": DASHES[look % len(DASHES)]}


def sparse(look: int, points: int) -> dict[str, Any]:
    """Few markers on a line of so many points, for rows whose dashes another row has too."""
    if look < len(DASHES):
        return {}
    every = max(1, points // 5)
    return {"marker": MARKERS[look % len(MARKERS)], "markersize": 3, "markevery": (look % every, every)}


def boxes(looks: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Colour, dashes and width of boxes on one picture, in the order in which to draw them.

    The first is the widest, so that those below show on both sides where boxes coincide.
    """
    step = min(0.6, 1.6 / max(1, len(looks) - 1))
    widths = {look: 1.0 + step * (len(looks) - 1 - place) for place, look in enumerate(sorted(looks))}
    return {look: line(look) | {"linewidth": width} for look, width in widths.items()}


def bar(look: int) -> dict[str, Any]:
    """Colour and hatching of a row's bars."""
    return {"facecolor": colour(look), "hatch": HATCHES[look % len(HATCHES)], "edgecolor": "white", "linewidth": 0}


def marker(look: int) -> dict[str, Any]:
    """Colour and marker of a row."""
    return {"color": colour(look), "marker": MARKERS[look % len(MARKERS)]}


def reach(values: Any, low: Any, high: Any) -> list:
    """Error bars of numbers or arrays: down to ``low`` and up to ``high``.

    Never below zero: of equal values a resampled mean differs from the mean by a rounding error, either way.
    """
    return [np.maximum(np.atleast_1d(values - low), 0), np.maximum(np.atleast_1d(high - values), 0)]


NO_INTERVALS = "no intervals over one sequence"


def resampled(options: EvaluationOptions) -> str:
    """How a picture's intervals were made, in few words."""
    return f"{options.resamples} resamples, seed {options.seed}"


def intervals(options: EvaluationOptions, sequences: int) -> str:
    """What a picture's title says of its intervals over so many sequences; over one there are none."""
    return f"95 % intervals: {resampled(options)}" if sequences > 1 else NO_INTERVALS


def settle(drawn: Figure) -> None:
    """Lay a figure out for good, so that all its files have one layout.

    One pass of matplotlib's constrained layout is not enough where axes have an aspect of their own: what is saved
    first would differ from what is saved next, and lose a label.
    """
    from matplotlib import rcParams

    drawn.set_dpi(rcParams["savefig.dpi"])  # letters are a little narrower or wider at another resolution
    engine = drawn.get_layout_engine()
    if engine is not None:
        for _ in range(3):
            engine.execute(drawn)
        drawn.set_layout_engine("none")


def save(drawn: Figure, stem: Path) -> None:
    """Write ``<stem>.pdf`` and ``<stem>.png`` (300 dpi), each whole or not at all, the same bytes each time."""
    settle(drawn)
    for suffix, metadata in (("pdf", {"CreationDate": None, "Producer": None, "Creator": None}), ("png", {})):
        with atomic_file(stem.with_name(f"{stem.name}.{suffix}")) as path:
            drawn.savefig(path, metadata={"Software": None} if suffix == "png" else metadata)
