"""Failure analysis: SR over target size, speed and events in quartiles, and what each attribute costs."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from had.data.layouts import layout_of
from had.evaluation import statistics, style
from had.evaluation.attributes import meaning, telling_attributes
from had.evaluation.benchmark import gather
from had.evaluation.factors import FACTORS, factors, quartiles
from had.evaluation.figures import scenes
from had.evaluation.figures.attribute_bars import LETTERS
from had.evaluation.figures.labels import height_of_legend, legend_below, scored
from had.evaluation.rows import Row
from had.evaluation.scoreboard import scoreboard
from had.options.evaluation import EvaluationOptions
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """Above: one panel a factor, four bins with as many sequences each. Below: SR with an attribute minus without."""
    from matplotlib.lines import Line2D

    table, options = gather(experiment, benchmark), experiment.evaluation
    rows = scenes.few_rows(experiment)
    table = table[(table["metric"] == "SR") & table["run"].isin([row.run for row in rows])]
    overall = scoreboard(table, options.model_copy(update={"resamples": 1}))
    rows.sort(key=lambda row: -overall.point(row.run, "SR"))
    names = list(table["sequence"].unique())
    measured = factors(scenes.test_sequences(experiment, benchmark), names)
    flags, _ = telling_attributes(experiment, benchmark)
    flags = flags.loc[:, (~flags).sum(axis=0) >= options.least_sequences]  # something must be left to compare with

    both = len(flags.columns) > 0
    labels = [scored(row, overall.point(row.run, "SR")) for row in rows]
    below_height = 2.0 + 0.1 * len(meaning(flags.columns)) / LETTERS if both else 0
    drawn = style.figure(style.PAGE, 2.25 + below_height + height_of_legend(labels, style.PAGE))
    parts: Any = drawn.subfigures(2, 1, height_ratios=(2.25, below_height)) if both else [drawn]
    top, below = parts[0], parts[1:]
    for axes, (name, title) in zip(top.subplots(1, len(FACTORS), sharey=True), FACTORS.items(), strict=True):
        _factor(axes, table, options, rows, quartiles(measured[name]))
        axes.set_xlabel(title)
    top.axes[0].set_ylabel("SR")
    which = f"quartiles of the {len(names)} test sequences" if len(names) > 1 else "the one test sequence"
    title = f"{layout_of(benchmark).title}: {which}"
    top.suptitle(f"{title}; {style.intervals(options, len(names))}", fontsize=8)
    if both:
        _attributes(below[0].subplots(), table, options, rows, flags.loc[names])
    handles = [Line2D([], [], linestyle="", markersize=4, **style.marker(row.look)) for row in rows]
    legend_below(drawn, handles, labels)
    return drawn


def _factor(
    axes: Axes, table: pd.DataFrame, options: EvaluationOptions, rows: list[Row], bins: list[tuple[str, list[str]]]
) -> None:
    axes.grid(axis="x", visible=False)
    if not bins:
        axes.text(0.5, 0.5, "not known:\nno recordings", ha="center", va="center", transform=axes.transAxes)
        axes.set_xticks([])
        return
    boards = [scoreboard(table, options, names) for _, names in bins]
    places = np.arange(len(bins))
    for index, row in enumerate(rows):
        values = np.array([board.point(row.run, "SR") for board in boards])
        ends = np.array([board.interval(row.run, "SR") for board in boards]).T
        axes.errorbar(
            places + _shift(index, len(rows)), values, yerr=np.abs(ends - values), linestyle="none", markersize=3.5,
            elinewidth=0.7, **style.marker(row.look),
        )  # fmt: skip
    axes.set_xticks(places, [f"{text}\n({len(names)})".replace("–", "–\n") for text, names in bins], fontsize=6)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(bins) - 0.5)


def _attributes(
    axes: Axes, table: pd.DataFrame, options: EvaluationOptions, rows: list[Row], flags: pd.DataFrame
) -> None:
    """SR on the sequences with an attribute minus SR on those without; the costliest attribute first."""
    found = {row.run: _costs(table[table["run"] == row.run], options, flags) for row in rows}
    mean = sum(values for values, _, _ in found.values())
    order = np.argsort(mean, kind="stable")
    for index, row in enumerate(rows):
        values, low, high = (part[order] for part in found[row.run])
        axes.errorbar(
            np.arange(len(order)) + _shift(index, len(rows)), values, yerr=style.reach(values, low, high),
            linestyle="none", markersize=3, elinewidth=0.7, **style.marker(row.look),
        )  # fmt: skip
    axes.axhline(0, color="#7F7F7F", linewidth=0.8, zorder=0)
    axes.set_xticks(np.arange(len(order)), [f"{flags.columns[k]}\n({int(flags.iloc[:, k].sum())})" for k in order])
    axes.set(xlim=(-0.5, len(order) - 0.5), ylabel="SR with minus without", title="What an attribute costs (sequences)")
    axes.set_xlabel(fill(meaning(flags.columns[order]), LETTERS), fontsize=style.LEAST_TYPE)
    axes.grid(axis="x", visible=False)
    axes.tick_params(axis="x", length=0)


def _costs(scores: pd.DataFrame, options: EvaluationOptions, flags: pd.DataFrame) -> tuple[np.ndarray, ...]:
    """Value, low and high of the difference, (A,) each; none dropped, mean over seeds, all resampled together."""
    values = scores.groupby("sequence")["value"].mean()[flags.index].to_numpy()
    kept = np.concatenate([flags.to_numpy(), ~flags.to_numpy()], axis=1)
    repeated = np.repeat(values[:, None], kept.shape[1], axis=1)
    samples = statistics.resampled_means(repeated, kept, resamples=options.resamples, seed=options.seed)
    with_it, without = np.split(samples, 2, axis=1)
    carriers = flags.to_numpy().sum(axis=0)
    low, high = statistics.interval(with_it - without, np.minimum(carriers, len(flags) - carriers))
    point = [values[flags[name].to_numpy()].mean() - values[~flags[name].to_numpy()].mean() for name in flags]
    return np.array(point), np.minimum(low, point), np.maximum(high, point)


def _shift(index: int, rows: int) -> float:
    """Rows of one bin side by side."""
    return (index - (rows - 1) / 2) * 0.7 / rows
