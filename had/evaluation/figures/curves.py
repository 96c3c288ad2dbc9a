"""Success, precision and normalised precision plots: one line a run, legend sorted by its score.

Published trackers follow in grey, where the baselines cover the evaluated sequences. A line is the mean over the
sequences whose curve is not all zero, as the official toolkits draw it, then over seeds. The score in brackets is
SR (area), PR at 20 px or NPR at 0.2, as the axis title says.
"""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from had.data.layouts import layout_of
from had.evaluation import metrics, style
from had.evaluation.baselines import Baselines
from had.evaluation.benchmark import read_attributes, read_curves
from had.evaluation.breakout import covering_baselines
from had.evaluation.figures.labels import height_of_legend, legend_below, short
from had.evaluation.rows import rows_of, sensor_of
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class _Plot(NamedTuple):
    curve: str
    score: str
    thresholds: np.ndarray
    x: str
    y: str
    rank: float | None


class _Line(NamedTuple):
    score: float
    mean: np.ndarray
    title: str
    look: dict[str, Any]


_PLOTS = {
    "success": _Plot("overlap", "SR", metrics.OVERLAP_THRESHOLDS, "IoU threshold", "Success rate [SR: area]", None),
    "precision": _Plot(
        "error", "PR", metrics.ERROR_THRESHOLDS, "Centre error threshold (px)", "Precision [PR: at 20 px]", 20
    ),
    "normalized_precision": _Plot(
        "error_norm",
        "NPR",
        metrics.NORM_THRESHOLDS,
        "Normalised centre error threshold",
        "Normalised precision [NPR: at 0.2]",
        0.2,
    ),
}


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """The plot ``kind`` of all rows but the ground truth, and of the baselines behind them."""
    plot = _PLOTS[kind]
    lines: list[_Line] = []
    for row in rows_of(experiment):
        if row.run != "ground_truth":
            look = style.line(row.look) | style.sparse(row.look, len(plot.thresholds))
            seeds = [read_curves(experiment, benchmark, row.run, seed) for seed in row.seeds]
            lines.append(_Line(*_mean_curve(seeds, plot), row.title, look))
    baselines, reason = _baselines(experiment, benchmark)
    published = [] if baselines is None else _published(baselines, plot)
    shown = [line for group in (lines, published) for line in sorted(group, key=lambda line: -line.score)]
    labels = [f"{short(line.title)} [{line.score:.3f}]" for line in shown]
    drawn = style.figure(style.COLUMN, 2.45 + height_of_legend(labels, style.COLUMN))
    axes = drawn.subplots()
    handles = [axes.plot(plot.thresholds, line.mean, **line.look)[0] for line in shown]
    if plot.rank is not None:
        axes.axvline(plot.rank, color="#7F7F7F", linewidth=0.7, zorder=0)
    sensor = f" of {'x'.join(map(str, sensor_of(experiment, benchmark)))})" if plot.curve == "error" else ""
    axes.set(xlabel=plot.x.removesuffix(")") + sensor if sensor else plot.x, ylabel=plot.y, ylim=(0, 1))
    axes.set_title(layout_of(benchmark).title + (" (grey: published trackers)" if published else ""))
    axes.set_xlim(plot.thresholds[0], plot.thresholds[-1])
    if reason:
        axes.set_xlabel(f"{axes.get_xlabel()}\n{fill(reason, 70)}")
    legend_below(drawn, handles, labels)
    return drawn


def _published(baselines: Baselines, plot: _Plot) -> list[_Line]:
    """The baselines' lines; some trackers have no normalised curves."""
    look = {"color": style.BASELINE, "linewidth": 0.6, "zorder": 1}
    known = [name for name in baselines.trackers if not np.isnan(getattr(baselines.of(name), plot.curve)).any()]
    return [_Line(*_mean_curve([baselines.of(name)], plot), name, look) for name in known]


def _baselines(experiment: Experiment, benchmark: str) -> tuple[Baselines | None, str]:
    if experiment.source(benchmark).baselines is None:
        return None, ""
    return covering_baselines(experiment, benchmark, list(read_attributes(experiment, benchmark).index))


def _mean_curve(seeds: list[metrics.Curves], plot: _Plot) -> tuple[float, np.ndarray]:
    """Score and (K,) curve, means over seeds."""
    scores, means = [], []
    for curves in seeds:
        values = getattr(curves, plot.curve)
        kept = metrics.kept(curves)[plot.curve]
        means.append(values[kept].mean(axis=0) if kept.any() else np.zeros(values.shape[-1]))
        scores.append(np.nan_to_num(metrics.overall(curves)[plot.score]))
    return float(np.mean(scores)), np.mean(means, axis=0)
