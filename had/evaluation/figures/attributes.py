"""Attribute radar: SR on the sequences that carry each attribute; controls only where there are no other rows."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.attributes import meaning, telling_attributes
from had.evaluation.benchmark import gather, read_attributes
from had.evaluation.figures import scenes
from had.evaluation.figures.attribute_bars import left_out
from had.evaluation.figures.labels import height_of_legend, legend_below, scored
from had.evaluation.scoreboard import scoreboard
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CIRCLE = 2.2
"""Inches across."""


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """One closed line a run; a spoke is labelled with its number of sequences.

    Where no sequence carries an attribute, a sentence says so.
    """
    from matplotlib.patheffects import Normal, Stroke

    flags, few = telling_attributes(experiment, benchmark)
    title, least = layout_of(benchmark).title, experiment.evaluation.least_sequences
    if not read_attributes(experiment, benchmark).to_numpy().any():
        return style.sentence(f"{title}: no test sequence carries an attribute.")
    if not len(flags.columns):
        return style.sentence(f"{title}: no attribute is carried by {least} test sequences.")
    table = gather(experiment, benchmark)
    table = table[table["metric"] == "SR"]
    once = experiment.evaluation.model_copy(update={"resamples": 1})  # no interval is drawn
    boards = [scoreboard(table, once, list(flags.index[flags[name]])) for name in flags]
    overall = scoreboard(table, once)
    rows = scenes.few_rows(experiment)
    rows.sort(key=lambda row: -overall.point(row.run, "SR"))

    labels = [scored(row, overall.point(row.run, "SR")) for row in rows]
    key = fill(f"{meaning(flags.columns)}{left_out(experiment, few)}", 72)
    legend = height_of_legend(labels, style.COLUMN)
    below = 0.35 + 0.1 * (key.count("\n") + 1) + legend
    drawn = style.figure(style.COLUMN, CIRCLE + below + 0.5)
    drawn.set_layout_engine("none")  # it overlooks labels at the rim
    width, height = drawn.get_size_inches()
    place = ((width - CIRCLE) / 2 / width, below / height, CIRCLE / width, CIRCLE / height)
    axes: Any = drawn.add_axes(place, projection="polar")
    angles = np.linspace(0, 2 * np.pi, len(flags.columns), endpoint=False)
    values = np.array([[board.point(row.run, "SR") for board in boards] for row in rows])
    for row, line in zip(rows, values, strict=True):
        axes.plot(np.append(angles, angles[0]), np.append(line, line[0]), **style.line(row.look))
    low, high = np.floor(values.min() * 10) / 10, np.ceil(values.max() * 10) / 10
    axes.set_ylim(max(0, low - 0.1), high)  # the lowest ring stays clear of the centre
    rings = np.arange(low, high + 0.05, 0.1 if high - low <= 0.5 else 0.2)
    axes.set_yticks(rings, [""] * len(rings))
    style_of = {"color": "#505050", "fontsize": 6, "ha": "center", "va": "center"}
    for ring in rings:  # as texts: labels of an axis lie under the lines
        said = axes.text(np.pi / len(angles), ring, f"{ring:.1f}", **style_of)
        said.set_path_effects([Stroke(linewidth=1.5, foreground="white"), Normal()])
    axes.tick_params(axis="x", pad=1)
    axes.set_xticks(angles, [f"{name} ({int(flags[name].sum())})" for name in flags])
    for text, angle in zip(axes.get_xticklabels(), angles, strict=True):
        side = np.cos(angle)
        text.set_horizontalalignment("left" if side > 0.1 else "right" if side < -0.1 else "center")
    drawn.suptitle(f"{title}: SR by attribute (sequences)", fontsize=8, y=1 - 0.05 / height, va="top")
    drawn.text(0.5, legend / height, key, ha="center", va="bottom", fontsize=style.LEAST_TYPE)
    legend_below(drawn, axes.get_lines(), labels)
    return drawn
