"""Breakout capability: one line a row with its interval, the baselines in grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from had.data.layouts import layout_of
from had.errors import ConfigError
from had.evaluation import style
from had.evaluation.benchmark import gather
from had.evaluation.breakout import breakout_scores, covering_baselines
from had.evaluation.figures.labels import short, width_beside
from had.evaluation.rows import rows_of
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """All rows but the ground truth, sorted; a sentence where the baselines lack an evaluated sequence.

    Raises:
        ConfigError: no baselines are configured.
    """
    scores, benchmark_title = gather(experiment, benchmark), layout_of(benchmark).title
    baselines, reason = covering_baselines(experiment, benchmark, list(scores["sequence"].unique()))
    if baselines is None:
        if reason:
            return style.sentence(reason)
        raise ConfigError(f"benchmarks.{benchmark}.baselines for BOC", "none", "name the file of stored curves")
    options = experiment.evaluation
    found = breakout_scores(scores, baselines, resamples=options.resamples, seed=options.seed).reset_index()
    rows = {row.run: row for row in rows_of(experiment)}
    found = found[found["baseline"] | (found["run"] != "ground_truth")].sort_values("BOC", kind="stable")
    titles = [line.run if line.baseline else rows[line.run].title for line in found.itertuples()]
    drawn = style.figure(width_beside(titles), 0.95 + 0.15 * len(found))
    axes = drawn.subplots()
    names = []
    for height, (title, line) in enumerate(zip(titles, found.itertuples(), strict=True)):
        look = {"color": style.BASELINE, "marker": "o"} if line.baseline else style.marker(rows[line.run].look)
        error = style.reach(line.BOC, line.BOC_low, line.BOC_high)
        axes.errorbar(line.BOC, height, xerr=error, markersize=3.5, capsize=2, elinewidth=1.1, linestyle="none", **look)
        names.append(f"{short(title)} [{line.BOC:.3f}]")
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", left=False)
    several = scores["sequence"].nunique() > 1
    axes.set_xlabel(
        f"BOC with 95 % interval\n({style.resampled(options)})" if several else f"BOC\n{style.NO_INTERVALS}"
    )
    drawn.suptitle(f"{benchmark_title} [BOC]; grey: the {len(baselines.trackers)} baselines", fontsize=8)
    return drawn
