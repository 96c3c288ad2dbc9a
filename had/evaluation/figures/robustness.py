"""Robustness to the initial box: SR from the annotated box, from every jittered one, and their paired difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.figures.labels import legend_below, scored
from had.evaluation.robustness import boards
from had.evaluation.rows import started_rows, starts_of
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OPE, SRE, SINGLE = -0.26, 0.02, 0.3
"""Where the annotated box, the mean over the jittered ones and the single starts stand on a row's line."""


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """Left: OPE with its interval, below it every start and their mean (SRE). Right: SRE minus OPE, paired."""
    from matplotlib.lines import Line2D

    board, options = boards(experiment, benchmark), starts_of(experiment)
    rows = sorted(started_rows(experiment), key=lambda row: -board[row.run].point("ope", "SR"))
    drawn = style.figure(style.PAGE, 1.25 + 0.38 * len(rows))
    left, right = drawn.subplots(1, 2, sharey=True, width_ratios=(1.6, 1))
    groups = {True: [s.name for s in options.starts if s.scale == 1], False: []}
    groups[False] = [s.name for s in options.starts if s.name not in groups[True]]
    shapes = {True: "|", False: "x"}
    for height, row in enumerate(rows):
        own, look = board[row.run], style.marker(row.look)
        for shifted, names in groups.items():
            values = [own.point(name, "SR") for name in names]
            place = np.full(len(values), height + SINGLE)
            left.plot(values, place, shapes[shifted], color="#7F7F7F", markersize=4.5, markeredgewidth=0.9, zorder=1)
        _bar(left, own.point("ope", "SR"), own.interval("ope", "SR"), height + OPE, look)
        _bar(left, own.point("sre", "SR"), own.interval("sre", "SR"), height + SRE, look | {"mfc": "white"})
        value, low, high, _ = own.difference("sre", "ope", "SR")
        _bar(right, value, (low, high), height, look)
    names = [scored(row, board[row.run].point("ope", "SR")) for row in rows]
    left.set_yticks(range(len(rows)), names)
    left.set(xlabel="SR", ylim=(len(rows) - 0.5, -0.5))
    right.axvline(0, color="#7F7F7F", linewidth=0.8, zorder=0)
    right.locator_params(axis="x", nbins=5)
    right.set(xlabel="SR (SRE) minus SR (OPE),\npaired")
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", left=False)
    keys: dict[str, dict[str, Any]] = {
        "OPE: annotated box": {"marker": "o", "color": "black", "markersize": 5},
        f"SRE: mean over {len(options.starts)} starts": {"marker": "o", "mfc": "white", "color": "black", "ms": 5},
    }
    for shifted, text in ((True, "one shifted start"), (False, "one scaled start")):
        if groups[shifted]:
            keys[text] = {"marker": shapes[shifted], "color": "#7F7F7F", "linestyle": ""}
    handles = [Line2D([], [], **look) for look in keys.values()]
    sequences = board[rows[0].run].sequences
    title, intervals = layout_of(benchmark).title, style.intervals(experiment.evaluation, sequences)
    drawn.suptitle(f"{title} [SR, OPE]; {intervals}", fontsize=8)
    legend_below(drawn, handles, list(keys))
    return drawn


def _bar(axes, value: float, interval: tuple[float, float], height: float, look: dict) -> None:
    error = style.reach(value, *interval)
    axes.errorbar(value, height, xerr=error, markersize=5, capsize=2.5, elinewidth=1.4, zorder=3, **look)
