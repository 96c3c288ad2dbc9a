"""Planned comparisons as a picture: each difference with its interval over sequences, and over seeds too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.figures.labels import pair
from had.evaluation.rows import rows_of
from had.evaluation.study import PRINTED, table
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = "95 % intervals, thick: over sequences; thin: over sequences and training seeds"
LETTERS = 70
"""Of a pair's names on one line beside the panels."""


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """One line a pair and regime; thick: over sequences, thin: over sequences and training seeds."""
    data = table(experiment, benchmark, "comparisons").data
    if "SR" not in data:
        return style.sentence(f"{layout_of(benchmark).title}: of no two rows to compare both could be scored.")
    known = {name: head for name, head in PRINTED.items() if data[name].notna().any()}
    titles = {row.run: row.title for row in rows_of(experiment)}
    ends = zip(data["first"], data["second"], strict=True)
    labels = [pair(titles[first], titles[second], LETTERS) for first, second in ends]
    step = 0.32 if any("\n" in label for label in labels) else 0.22
    blocks = (data["regime"] != data["regime"].shift()).cumsum().to_numpy() - 1
    heights = np.arange(len(data)) + 0.6 * blocks  # a gap between regimes
    drawn = style.figure(style.PAGE, 1.05 + step * (len(data) + blocks.max(initial=0)))
    for axes, (name, head) in zip(
        np.atleast_1d(drawn.subplots(1, len(known), sharey=True)), known.items(), strict=True
    ):
        axes.axvline(0, color="#7F7F7F", linewidth=0.8, zorder=0)
        for regime in sorted(set(blocks)):
            rows = np.flatnonzero(blocks == regime)
            look = {"color": style.colour(int(regime)), "zorder": 2}
            crossed = data.loc[rows, [f"{name}_crossed_low", f"{name}_crossed_high"]].to_numpy().T
            axes.hlines(heights[rows], *crossed, linewidth=0.8, **look)
            axes.hlines(
                heights[rows], data.loc[rows, f"{name}_low"], data.loc[rows, f"{name}_high"], linewidth=3, **look
            )
            axes.plot(data.loc[rows, name], heights[rows], "o", markersize=4.5, markeredgecolor="white", **look)
        axes.set(xlabel=head)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", left=False)
    axes.set_yticks(heights, labels)
    axes.set_ylim(heights[-1] + 0.6, -0.6)
    title = f"{layout_of(benchmark).title}; {style.resampled(experiment.evaluation)}\n{LINES}"
    if data[[f"{name}_low" for name in known]].isna().all(axis=None):
        title = f"{layout_of(benchmark).title}; {style.NO_INTERVALS}"
    drawn.suptitle(title, fontsize=8)
    return drawn
