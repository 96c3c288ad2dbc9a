"""Attribute radar: SR on the sequences that carry each attribute; controls only where there are no other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.benchmark import gather, read_attributes
from had.evaluation.rows import rows_of
from had.evaluation.scoreboard import scoreboard
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """One closed line a run; a spoke is labelled with its number of sequences.

    Where no sequence carries an attribute, a sentence says so.
    """
    flags = read_attributes(experiment, benchmark)
    flags = flags.loc[:, flags.any()]
    if flags.empty or not len(flags.columns):
        return style.sentence(f"{layout_of(benchmark).title}: no test sequence carries an attribute.")
    table = gather(experiment, benchmark)
    table = table[table["metric"] == "SR"]
    once = experiment.evaluation.model_copy(update={"resamples": 1})  # no interval is drawn
    boards = [scoreboard(table, once, list(flags.index[flags[name]])) for name in flags]
    overall = scoreboard(table, once)
    rows = [row for row in rows_of(experiment) if row.kind != "control"] or rows_of(experiment)
    rows.sort(key=lambda row: -overall.point(row.run, "SR"))

    # The layout overlooks labels at the rim, hence its margins.
    drawn = style.figure(style.PAGE * 0.78, 3.4, rect=(0.04, 0, 0.96, 1))
    axes: Any = drawn.add_subplot(projection="polar")
    angles = np.linspace(0, 2 * np.pi, len(flags.columns), endpoint=False)
    values = np.array([[board.point(row.run, "SR") for board in boards] for row in rows])
    for row, line in zip(rows, values, strict=True):
        label = f"{row.title} [{overall.point(row.run, 'SR'):.3f}]"
        axes.plot(np.append(angles, angles[0]), np.append(line, line[0]), label=label, **style.line(row.look))
    low, high = np.floor(values.min() * 10) / 10, np.ceil(values.max() * 10) / 10
    axes.set_ylim(max(0, low - 0.1), high)  # the lowest ring stays clear of the centre
    axes.set_yticks(np.arange(low, high + 0.05, 0.1 if high - low <= 0.5 else 0.2))
    axes.set_rlabel_position(180 / len(angles))
    axes.tick_params(axis="y", labelsize=6)
    axes.tick_params(axis="x", pad=1)
    axes.set_xticks(angles, [f"{name} ({int(flags[name].sum())})" for name in flags])
    for text, angle in zip(axes.get_xticklabels(), angles, strict=True):
        side = np.cos(angle)
        text.set_horizontalalignment("left" if side > 0.1 else "right" if side < -0.1 else "center")
    axes.set_title(f"{layout_of(benchmark).title}: SR by attribute (sequences)")
    axes.legend(loc="center left", bbox_to_anchor=(1.3, 0.5))
    return drawn
