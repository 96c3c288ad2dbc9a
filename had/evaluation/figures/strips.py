"""Qualitative strips: one test sequence a line, frames in time, ground truth and tracks drawn on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.figures import scenes
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 5
"""Frames a strip."""


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """``figures.sequences`` sequences spread over the score, with the tracks of ``figures.runs``."""
    from matplotlib.lines import Line2D

    rows = scenes.shown_rows(experiment)
    scores = scenes.sequence_scores(experiment, benchmark)
    names = scenes.spread_sequences(scores, [row.run for row in rows], experiment.figures.sequences)
    sequences = scenes.test_sequences(experiment, benchmark)
    first = sequences[names[0]]
    height = style.PAGE / COLUMNS * first.size[1] / first.size[0]
    drawn = style.figure(style.PAGE, (height + 0.22) * len(names) + 0.45, **style.IMAGES)
    grid = drawn.subplots(len(names), COLUMNS, squeeze=False)
    for line, name in zip(grid, names, strict=True):
        sequence = sequences[name]
        tracks = [scenes.track_of(experiment, benchmark, row, name, len(sequence)) for row in rows]
        score = ", ".join(f"{row.title} {scores[row.run][name]:.2f}" for row in rows)
        scenes.headline(line[0], f"{name}: SR {score}")
        for axes in line:
            scenes.bare(axes)
        for axes, number in zip(line, scenes.shown_frames(len(sequence), COLUMNS), strict=False):
            axes.imshow(scenes.picture(sequence.frame(number)))
            axes.set_autoscale_on(False)
            for row, track in zip(rows, tracks, strict=True):
                scenes.draw_box(axes, track[number], colour=style.colour(row.look))
            if sequence.present[number]:
                scenes.draw_box(axes, sequence.boxes[number], colour=style.TRUTH)
            axes.set_xlabel(scenes.caption(sequence, number), fontsize=6, labelpad=1)
    mean = {row.run: sum(scores[row.run].values()) / len(scores[row.run]) for row in rows}
    ranked = sorted(rows, key=lambda row: -mean[row.run])
    handles = [Line2D([], [], color=style.TRUTH, linestyle=(0, (3, 2)), path_effects=_outline())]
    handles += [Line2D([], [], color=style.colour(row.look)) for row in ranked]
    labels = ["Ground truth", *(f"{row.title} [{mean[row.run]:.3f}]" for row in ranked)]
    key = "" if scenes.has_rgb(first.frame(0)) else f". {scenes.POLARITIES}"
    drawn.legend(
        handles, labels, loc="outside lower center", ncols=len(labels),
        title=f"{layout_of(benchmark).title} [mean SR]{key}",
    )  # fmt: skip
    return drawn


def _outline() -> list:
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=2.4, foreground="black"), Normal()]
