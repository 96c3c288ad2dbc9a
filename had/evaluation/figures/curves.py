"""Success, precision and normalised precision plots: one line a run, legend sorted by its score.

The line is the mean over the sequences whose curve is not all zero, as the official toolkits draw it,
then over seeds. The score in brackets is SR (area), PR at 20 px or NPR at 0.2, as the axis title says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from had.data.layouts import layout_of
from had.evaluation import metrics, style
from had.evaluation.benchmark import read_curves
from had.evaluation.rows import Row, rows_of
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
    """The plot ``kind`` of all rows but the ground truth."""
    plot = _PLOTS[kind]
    lines = []
    for row in rows_of(experiment):
        if row.run != "ground_truth":
            score, mean = _mean_curve(experiment, benchmark, row, plot)
            lines.append((score, row, mean))
    drawn = style.figure(style.PAGE * 0.72, 2.6)
    axes = drawn.subplots()
    for score, row, mean in sorted(lines, key=lambda entry: -entry[0]):
        axes.plot(plot.thresholds, mean, label=f"{row.title} [{score:.3f}]", **style.line(row.look))
    if plot.rank is not None:
        axes.axvline(plot.rank, color="#7F7F7F", linewidth=0.7, zorder=0)
    axes.set(xlabel=plot.x, ylabel=plot.y, title=layout_of(benchmark).title, ylim=(0, 1))
    axes.set_xlim(plot.thresholds[0], plot.thresholds[-1])
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    return drawn


def _mean_curve(experiment: Experiment, benchmark: str, row: Row, plot: _Plot) -> tuple[float, np.ndarray]:
    """Score and (K,) curve, means over seeds."""
    scores, means = [], []
    for seed in row.seeds:
        curves = read_curves(experiment, benchmark, row.run, seed)
        values = getattr(curves, plot.curve)
        kept = metrics.kept(curves)[plot.curve]
        means.append(values[kept].mean(axis=0) if kept.any() else np.zeros(values.shape[-1]))
        scores.append(np.nan_to_num(metrics.overall(curves)[plot.score]))
    return float(np.mean(scores)), np.mean(means, axis=0)
