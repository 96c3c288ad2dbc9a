"""Rank plot: how often each row takes each place when the test sequences are drawn again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from had.data.layouts import layout_of
from had.errors import counted
from had.evaluation import statistics, style
from had.evaluation.benchmark import gather
from had.evaluation.figures.labels import short, width_beside
from had.evaluation.one_seed import comparable
from had.evaluation.rows import rows_of
from had.evaluation.scoreboard import scoreboard
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRINTED = 0.05
"""Smaller shares are shown by their shade alone."""
MOST_NARROW = 6
"""Places that one column holds beside the names."""


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """One line a row, sorted by SR; the shade of a cell is the share of resamples in which the row has that place.

    Equal rows share their places, and the cells of all of them. Networks of one training seed are not ranked.
    """
    table = gather(experiment, benchmark)
    board = scoreboard(table[table["metric"] == "SR"], experiment.evaluation)
    shown = [row for row in rows_of(experiment) if row.run != "ground_truth"] or rows_of(experiment)
    rows = [row for row, fair in zip(shown, comparable(shown), strict=True) if fair]
    if not rows:
        return style.sentence(f"{layout_of(benchmark).title}: networks of one training seed are not ranked.")
    rows.sort(key=lambda row: -board.point(row.run, "SR"))
    first, last = board.places([row.run for row in rows], "SR")  # R N, R N
    if board.sequences < 2:
        return style.sentence(f"{layout_of(benchmark).title}: ranks on one sequence say nothing of another one.")
    low, high = (statistics.interval(ends, board.sequences)[end] for end, ends in enumerate((first, last)))
    numbers = np.arange(1, len(rows) + 1)
    shares = statistics.place_shares(first, last)  # N places

    side = 0.2 if len(rows) > 10 else 0.24
    width = style.PAGE if len(rows) > MOST_NARROW else width_beside([row.title for row in rows])
    drawn = style.figure(width, 1.2 + side * len(rows))
    axes = drawn.subplots()
    axes.imshow(
        shares, cmap="Greys", vmin=0, vmax=1, aspect="auto", extent=(0.5, len(rows) + 0.5, len(rows) - 0.5, -0.5)
    )
    for height, line in enumerate(shares):
        for number, share in zip(numbers, line, strict=True):
            if share >= PRINTED:
                shade = "white" if share > 0.55 else "black"
                axes.text(
                    float(number), height, f"{100 * share:.0f}", ha="center", va="center", fontsize=6, color=shade
                )
    names = [
        f"{short(row.title)} [{board.point(row.run, 'SR'):.3f}; {_between(low[index], high[index])}]"
        for index, row in enumerate(rows)
    ]
    axes.set_yticks(np.arange(len(rows)), names)
    axes.set_xticks(numbers)
    axes.set_xticks(numbers[:-1] + 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
    axes.grid(visible=False)
    axes.grid(which="minor", color="#D9D9D9", linewidth=0.4)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    options, shared = experiment.evaluation, "; equal ones share" if (first < last).any() else ""
    axes.set_xlabel(
        f"Rank by SR: % of {options.resamples} resamples\nof {counted(board.sequences)}, seed {options.seed}{shared}"
    )
    if len(rows) < len(shown):
        axes.set_xlabel(f"{axes.get_xlabel()}; without networks of one training seed")
    drawn.suptitle(f"{layout_of(benchmark).title} [SR; 95 % interval of the rank]", fontsize=8)
    return drawn


def _between(low: float, high: float) -> str:
    """An interval of places in words."""
    first, last = int(np.floor(low)), int(np.ceil(high))
    return str(first) if first == last else f"{first}–{last}"
