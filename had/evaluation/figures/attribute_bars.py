"""SR by attribute as bars with their intervals, the attributes with most sequences first, and what they mean."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from had.data.layouts import layout_of
from had.errors import counted
from had.evaluation import style
from had.evaluation.attributes import meaning, telling_attributes
from had.evaluation.benchmark import gather
from had.evaluation.figures import scenes
from had.evaluation.figures.labels import height_of_legend, legend_below, scored
from had.evaluation.rows import rows_of
from had.evaluation.scoreboard import scoreboard
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A_LINE = 9
"""Attributes side by side."""
LETTERS = 150
"""Of the smallest type on a line of the page."""


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """A group of bars an attribute; attributes of fewer than ``evaluation.least_sequences`` sequences are left out."""
    from matplotlib.patches import Patch
    from matplotlib.patheffects import Normal, Stroke

    flags, few = telling_attributes(experiment, benchmark)
    title, options = layout_of(benchmark).title, experiment.evaluation
    if not len(flags.columns):
        return style.sentence(f"{title}: no attribute is carried by {options.least_sequences} test sequences.")
    table = gather(experiment, benchmark)
    rows = scenes.few_rows(experiment)
    table = table[(table["metric"] == "SR") & table["run"].isin([row.run for row in rows])]
    overall = scoreboard(table, options.model_copy(update={"resamples": 1}))
    rows.sort(key=lambda row: -overall.point(row.run, "SR"))
    names = sorted(flags.columns, key=lambda name: (-int(flags[name].sum()), list(flags.columns).index(name)))
    boards = {name: scoreboard(table, options, list(flags.index[flags[name]])) for name in names}

    lines = int(np.ceil(len(names) / A_LINE))
    a_line = int(np.ceil(len(names) / lines))
    labels = [scored(row, overall.point(row.run, "SR")) for row in rows]
    key = fill(meaning(names), LETTERS)
    height = 1.4 * lines + 0.45 + 0.1 * key.count("\n") + height_of_legend(labels, style.PAGE)
    drawn = style.figure(style.PAGE, height)
    width = 0.84 / len(rows)
    for line, axes in enumerate(drawn.subplots(lines, 1, squeeze=False, sharey=True).ravel()):
        shown = names[line * a_line : (line + 1) * a_line]
        for index, row in enumerate(rows):
            places = np.arange(len(shown)) + (index - (len(rows) - 1) / 2) * width
            values = np.array([boards[name].point(row.run, "SR") for name in shown])
            ends = np.array([boards[name].interval(row.run, "SR") for name in shown]).T
            axes.bar(places, values, width * 0.92, **style.bar(row.look))
            axes.errorbar(places, values, yerr=np.abs(ends - values), linestyle="none", ecolor="black", elinewidth=0.7)[
                2
            ][0].set_path_effects([Stroke(linewidth=1.7, foreground="white"), Normal()])
        axes.set_xticks(np.arange(len(shown)), [f"{name} ({int(flags[name].sum())})" for name in shown])
        axes.set(ylabel="SR", xlim=(-0.5, a_line - 0.5), ylim=(0, 1))
        axes.grid(axis="x", visible=False)
        axes.tick_params(axis="x", length=0)
    handles = [Patch(**style.bar(row.look)) for row in rows]
    drawn.axes[-1].set_xlabel(key, fontsize=style.LEAST_TYPE)
    legend_below(drawn, handles, labels)
    intervals = f"{style.intervals(options, overall.sequences)}{left_out(experiment, few)}"
    drawn.suptitle(f"{title}: SR by attribute (sequences)\n{intervals}", fontsize=7)
    return drawn


def left_out(experiment: Experiment, few: list[str]) -> str:
    """What a picture by attribute does not show, to follow its title."""
    parts = [f"left out, fewer than {experiment.evaluation.least_sequences}: {', '.join(few)}"] if few else []
    shown = scenes.few_rows(experiment)
    more = sum(row.kind != "control" and row not in shown for row in rows_of(experiment))
    parts += [f"{counted(more, 'more row')} in the table"] if more else []
    return f"; {'; '.join(parts)}" if parts else ""
