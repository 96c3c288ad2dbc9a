"""Qualitative strips: one test sequence a line, frames in time, ground truth and tracks drawn on them."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.figures import scenes
from had.evaluation.figures.labels import height_of_legend, legend_below, scored, short
from had.evaluation.rows import Row
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 5
"""Frames a strip."""
LETTERS = 120
"""Of a line above a strip."""


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """``figures.sequences`` sequences spread over the score, with the tracks of ``figures.runs``."""
    from matplotlib.lines import Line2D

    rows = scenes.shown_rows(experiment)
    scores = scenes.sequence_scores(experiment, benchmark)
    names = scenes.spread_sequences(scores, [row.run for row in rows], experiment.figures.sequences)
    sequences = scenes.test_sequences(experiment, benchmark)
    first = sequences[names[0]]
    height = style.PAGE / COLUMNS * first.size[1] / first.size[0]
    heads = {name: _headline(name, rows, scores) for name in names}
    mean = {row.run: sum(scores[row.run].values()) / len(scores[row.run]) for row in rows}
    ranked = sorted(rows, key=lambda row: -mean[row.run])
    labels = ["Ground truth", *(scored(row, mean[row.run]) for row in ranked)]
    above = 0.12 + 0.1 * max(head.count("\n") + 1 for head in heads.values())
    below = 0.3 + height_of_legend(labels, style.PAGE)
    drawn = style.figure(style.PAGE, (height + above) * len(names) + below, **style.IMAGES)
    looks = style.boxes([row.look for row in rows])
    grid = drawn.subplots(len(names), COLUMNS, squeeze=False)
    for line, name in zip(grid, names, strict=True):
        sequence = sequences[name]
        tracks = {row.look: scenes.track_of(experiment, benchmark, row, name, len(sequence)) for row in rows}
        scenes.headline(line[0], heads[name])
        for axes in line:
            scenes.bare(axes)
        for axes, number in zip(line, scenes.shown_frames(len(sequence), COLUMNS), strict=False):
            axes.imshow(scenes.picture(sequence.frame(number)))
            axes.set_autoscale_on(False)
            for look, drawn_as in looks.items():
                scenes.draw_box(axes, tracks[look][number], drawn_as)
            if sequence.present[number]:
                scenes.draw_truth(axes, sequence.boxes[number])
            axes.set_xlabel(scenes.caption(sequence, number), fontsize=6, labelpad=1)
    handles = [Line2D([], [], path_effects=scenes.outline("black"), **style.TRUTH_BOX)]
    handles += [Line2D([], [], **looks[row.look]) for row in ranked]
    key = "" if scenes.has_rgb(first.frame(0)) else f". {scenes.POLARITIES}"
    legend_below(drawn, handles, labels, title=f"{layout_of(benchmark).title} [mean SR]{key}")
    return drawn


def _headline(name: str, rows: list[Row], scores: dict[str, dict[str, float]]) -> str:
    """A sequence and what each row scores on it."""
    return fill(f"{name}: SR {', '.join(f'{short(row.title)} {scores[row.run][name]:.2f}' for row in rows)}", LETTERS)
