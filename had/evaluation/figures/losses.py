"""Training curves: validation one-shot IoU and every loss term over the epochs, one line a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.figures.labels import height_of_legend, legend_below, scored
from had.evaluation.result_tables import read_table
from had.evaluation.rows import Row, folder_of, rows_of
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
"""Panels a line of the page."""
_NOT_LOSSES = ("epoch", "step", "seconds", "lr", "val_iou")
_TITLES = {
    "val_iou": "Validation one-shot IoU",
    "total": "Training loss, all terms",
    "focal": "Classification (focal)",
    "giou": "Box (GIoU)",
    "l1": "Box (L1)",
    "feature": "Feature distillation",
    "similarity": "Similarity distillation",
    "response": "Response distillation",
    "temporal": "Temporal alignment (TA)",
    "temporal_motion": "TA: teacher motion",
    "temporal_variance": "TA: teacher variance",
    "temporal_student_variance": "TA: student variance",
    "spatial": "Spatial alignment (SA)",
    "box_transport": "Box distillation, by transport",
    "token_transport": "SA: token transport",
    "localization": "Box distillation, by place",
    "released_feature": "Feature, as released",
    "released_similarity": "Similarity, as released",
    "released_response": "Response, as released",
    "released_temporal": "TA, as released",
    "released_spatial": "SA, as released",
    "wkd_features": "WKD: features",
    "otkd_features": "OTKD: features",
    "otkd_boxes": "OTKD: boxes",
    "otkd_scores": "OTKD: scores",
}
WIDE = 20
"""A panel whose largest value is this many times its smallest has a logarithmic axis."""


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """One panel a column of ``history.csv``; lines are means over seeds, bands reach from least to most.

    Raises:
        DataError: a history is missing.
    """
    rows = [row for row in rows_of(experiment) if row.trained]
    histories = {row.run: _history(experiment, benchmark, row) for row in rows}
    last = {run: history.groupby("epoch")["val_iou"].mean().iloc[-1] for run, history in histories.items()}
    rows.sort(key=lambda row: -last[row.run] if not math.isnan(last[row.run]) else math.inf)
    terms = dict.fromkeys(str(name) for history in histories.values() for name in history if name not in _NOT_LOSSES)
    panels = ["val_iou", "total", *(name for name in terms if name != "total")]
    lines = math.ceil(len(panels) / COLUMNS)
    labels = {row.run: scored(row, last[row.run]) for row in rows}
    drawn = style.figure(style.PAGE, 1.5 * lines + 0.2 + height_of_legend(list(labels.values()), style.PAGE))
    places = drawn.subplots(lines, COLUMNS, squeeze=False).ravel()
    handles: dict[str, Artist] = {}
    for axes, name in zip(places, panels, strict=False):
        for row in rows:
            history = histories[row.run]
            if name not in history or history[name].isna().all():
                continue
            seeds = history.groupby("epoch")[name]
            mean, low, high = seeds.mean(), seeds.min(), seeds.max()
            alone = "o" if len(mean) == 1 else None
            (line,) = axes.plot(mean.index, mean, marker=alone, markersize=3, **style.line(row.look))
            axes.fill_between(mean.index, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
            handles.setdefault(labels[row.run], line)
        drawn_values = [value for line in axes.get_lines() for value in line.get_ydata()]
        if drawn_values and min(drawn_values) > 0 and max(drawn_values) > WIDE * min(drawn_values):
            _logarithmic(axes, max(drawn_values) / min(drawn_values))
        axes.set_title(_TITLES.get(name, name.replace("_", " ")))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("Epoch")
    for axes in places[len(panels) :]:
        axes.axis("off")
    title = f"{layout_of(benchmark).title} [last IoU]"
    legend_below(drawn, list(handles.values()), list(handles), title=title)
    return drawn


def _logarithmic(axes: Axes, span: float) -> None:
    """A logarithmic axis; within two decades it has labels between the powers of ten as well."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 3) if span < 100 else (1,), numticks=6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _history(experiment: Experiment, benchmark: str, row: Row) -> pd.DataFrame:
    parts = []
    for seed in row.seeds:
        path = folder_of(experiment, "checkpoints", benchmark, row.run, seed) / "history.csv"
        expected = "the training history of every run"
        table = read_table(path, expected=expected, remedy="train that run first", text=(), numbers=("epoch", "total"))
        parts.append(table.assign(seed=seed))
    return pd.concat(parts).drop(columns="seed")
