"""Names and legends: a row with its score in brackets, shortened where no page holds it; legends that fit the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from had.evaluation import style
from had.evaluation.markdown_text import one_line
from had.evaluation.rows import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST = 40
"""Letters of a row's name in a picture; the tables have the whole names."""
NARROW = 26
"""Letters of a name that leave room for data beside it in one column."""
_TAIL = 8
_LINE, _AROUND = 0.13, 0.12
"""Inches of a legend's line, and of what stands above and below them."""
_HANDLE = 0.37
"""Inches of a handle and of the gaps beside it."""


def short(name: str, longest: int = LONGEST) -> str:
    """A name that is too long by its beginning and its end."""
    name = one_line(name)
    return name if len(name) <= longest else f"{name[: longest - _TAIL - 1]}…{name[-_TAIL:]}"


def pair(first: str, second: str, longest: int) -> str:
    """What is subtracted from what, each name shortened; on two lines where one would be longer than ``longest``."""
    minuend, subtrahend = short(first), f"− {short(second)}"
    return f"{minuend}{' ' if len(minuend) + len(subtrahend) < longest else chr(10)}{subtrahend}"


def scored(row: Row, score: float) -> str:
    """A row's name and its score."""
    return f"{short(row.title)} [{score:.3f}]"


def width_beside(names: Sequence[str]) -> float:
    """Inches of a picture with names at its left side: one column, or the page where one is long."""
    return style.COLUMN if max(map(len, names)) <= NARROW else style.PAGE


def legend_below(drawn: Figure, handles: Sequence[Any], labels: Sequence[str], *, title: str = "") -> None:
    """A legend below everything, with as many columns as its width holds."""
    columns = _columns(labels, drawn.get_figwidth())
    place: Any = "lower center" if drawn.get_layout_engine() is None else "outside lower center"
    drawn.legend(handles, labels, loc=place, ncols=columns, title=title or None)


def height_of_legend(labels: Sequence[str], width: float) -> float:
    """Inches that `legend_below` takes in a picture of a width in inches."""
    return _LINE * -(-len(labels) // _columns(labels, width)) + _AROUND


def _columns(labels: Sequence[str], width: float) -> int:
    """The most columns, filled one after another as matplotlib does, that a width in inches holds."""
    from matplotlib import rcParams
    from matplotlib.textpath import TextPath

    size = rcParams["legend.fontsize"]
    inches = np.array([_HANDLE + TextPath((0, 0), label, size=size).get_extents().x1 / 72 for label in labels])
    for columns in range(len(labels), 1, -1):
        if sum(part.max() for part in np.array_split(inches, columns)) < width:
            return columns
    return 1
