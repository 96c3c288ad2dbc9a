"""Which sequences decide: the sorted per-sequence difference of two runs, its ends named; further pairs small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from had.data.layouts import layout_of
from had.errors import counted
from had.evaluation import style
from had.evaluation.figures.labels import short
from had.evaluation.printed_numbers import number
from had.evaluation.sequences import Pair, pairs_of
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST = 1e-3
"""Differences that an axis reaches to at least: of equal runs there is none to scale it by."""
COLUMNS = 3
"""Further pairs side by side."""
GAIN, LOSS = "#0072B2", "#D55E00"
"""Above zero and below: dark and light in grey, too."""


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """Left and right the ends of the first pair by name, between them all its sequences; below the other pairs."""
    pairs = pairs_of(experiment, benchmark)
    if not pairs:
        return style.sentence(f"{layout_of(benchmark).title}: of no two rows to compare both could be scored.")
    first, *others = pairs
    best, worst = first.extremes()
    lines = int(np.ceil(len(others) / COLUMNS))
    height = 0.75 + 0.16 * max(len(best), 6)
    drawn = style.figure(style.PAGE, height + 1.25 * lines)
    parts: Any = drawn.subfigures(2, 1, height_ratios=(height, 1.25 * lines)) if lines else [drawn]
    top, below = parts[0], parts[1:]
    left, middle, right = top.subplots(1, 3, width_ratios=(1, 1.4, 1))
    reach = 1.05 * max(first.sequences["difference"].abs().max(), LEAST)
    _named(left, worst, "Worst", reach)
    _named(right, best, "Best", reach)
    right.yaxis.tick_right()
    right.spines["left"].set_visible(False)
    _sorted(middle, first)
    middle.set(xlabel=f"{counted(len(first.sequences))}, sorted", ylabel="ΔSR")
    title = f"{short(first.first.title)} − {short(first.second.title)}"
    top.suptitle(f"{layout_of(benchmark).title}: {title}", fontsize=8)
    places = below[0].subplots(lines, COLUMNS, squeeze=False, sharey=True).ravel() if lines else []
    for axes, pair in zip(places, others, strict=False):
        _sorted(axes, pair)
        axes.set_title(f"{short(pair.first.title)}\n− {short(pair.second.title)}", fontsize=style.LEAST_TYPE)
    for axes in places[len(others) :]:
        axes.axis("off")
    for axes in places[: len(others)]:
        axes.tick_params(labelsize=6)
    return drawn


def _named(axes: Axes, extreme: pd.DataFrame, title: str, reach: float) -> None:
    values = extreme["difference"].to_numpy()[::-1]
    places = np.arange(len(values))
    axes.barh(places, values, 0.75, color=np.where(values >= 0, GAIN, LOSS))
    axes.set_yticks(places, [_shortened(str(name)) for name in extreme.index[::-1]], fontsize=6)
    axes.axvline(0, color="#7F7F7F", linewidth=0.7)
    axes.set(xlabel="ΔSR", title=f"{title} {len(values)}")
    axes.set_xlim((0, reach) if (values >= 0).all() else (-reach, 0) if (values <= 0).all() else (-reach, reach))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def _shortened(name: str) -> str:
    """A long name by its end, which tells recordings apart."""
    return name if len(name) <= 22 else f"…{name[-21:]}"


def _sorted(axes: Axes, pair: Pair) -> None:
    values = pair.sequences["difference"].to_numpy()
    axes.bar(np.arange(len(values)), values, 1.0, color=np.where(values >= 0, GAIN, LOSS))
    if np.abs(values).max(initial=0) < LEAST:
        axes.update_datalim([(0, -LEAST), (0, LEAST)], updatex=False)
    axes.axhline(0, color="#7F7F7F", linewidth=0.7)
    axes.axhline(values.mean(), color="black", linewidth=0.8, linestyle=(0, (4, 2)))
    better, worse = int((values > 0).sum()), int((values < 0).sum())
    told = f"{better} better, {worse} worse\nmean {number(values.mean(), 3, signed=True)}"
    axes.text(0.97, 0.95, told, ha="right", va="top", fontsize=6, transform=axes.transAxes)
    axes.set_xticks([])
    axes.grid(axis="x", visible=False)
