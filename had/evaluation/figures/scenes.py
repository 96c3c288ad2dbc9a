"""What the pictures of frames share: which sequences are shown, their frames, the tracks on them.

Reads prepared sequences and track files; draws boxes on matplotlib axes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from had.data.frames import Frame
from had.data.sequences import Sequence, load_split
from had.evaluation import style
from had.evaluation.benchmark import gather
from had.evaluation.rows import Row, rows_of, tracks_folder
from had.evaluation.track_files import read_boxes
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

USUAL_RUNS = ("student", "had", "teacher")
"""Shown where ``figures.runs`` is empty."""
POLARITIES = "Red: brighter (ON events), blue: darker (OFF)"
"""The key of event images."""


def shown_rows(experiment: Experiment) -> list[Row]:
    """The rows of ``figures.runs``, or the usual ones; without networks the external trackers, else the controls."""
    known = {row.run: row for row in rows_of(experiment)}
    usual = [name for name in USUAL_RUNS if name in experiment.runs] or list(experiment.runs)
    usual = usual or list(experiment.external) or [name for name in experiment.controls if name != "ground_truth"]
    usual = usual or list(known)
    return [known[name] for name in experiment.figures.runs or usual if name in known] or list(known.values())


def few_rows(experiment: Experiment) -> list[Row]:
    """The rows of pictures that grow crowded: as many as can be told apart, `shown_rows` first, then external trackers.

    Of controls those that ``figures.runs`` names; all where there is nothing else.
    """
    rows = rows_of(experiment)
    usual = [row for row in rows if row.kind != "control"] or rows
    first = [row for row in shown_rows(experiment) if row in usual or row.run in experiment.figures.runs]
    external = [row for row in rows if row.kind == "external"]
    chosen = list(dict.fromkeys(first + external + usual))[: style.MOST_LINES]
    return [row for row in rows if row in chosen]


def sequence_scores(experiment: Experiment, benchmark: str) -> dict[str, dict[str, float]]:
    """Run -> sequence -> SR, the mean over seeds."""
    table = gather(experiment, benchmark)
    means = table[table["metric"] == "SR"].groupby(["run", "sequence"])["value"].mean()
    return {run: means[run].to_dict() for run in means.index.unique("run")}


def spread_sequences(scores: dict[str, dict[str, float]], runs: list[str], count: int) -> list[str]:
    """``count`` sequences evenly spread over the mean score of ``runs``, from the best to the worst.

    They stand at the centres of ``count`` equal shares of the ranking, so that neither the best nor the
    worst is picked by hand.
    """
    names = sorted(scores[runs[0]], key=lambda name: (-np.mean([scores[run][name] for run in runs]), name))
    count = min(count, len(names))
    return [names[int((k + 0.5) * len(names) / count)] for k in range(count)]


def test_sequences(experiment: Experiment, benchmark: str) -> dict[str, Sequence]:
    """The prepared test sequences by name (`DataError` where they are missing)."""
    prepared = experiment.results / "data" / benchmark / "prepared"
    return {sequence.name: sequence for sequence in load_split(prepared, "test")}


def track_of(experiment: Experiment, benchmark: str, row: Row, name: str, frames: int) -> np.ndarray:
    """(F, 4) boxes of a run's first seed on one sequence."""
    return read_boxes(tracks_folder(experiment, benchmark, row.run, row.seeds[0]) / f"{name}.txt", frames=frames)


def picture(frame: Frame) -> np.ndarray:
    """What a reader recognises best: the RGB image where there is one, else the event image; (H, W, 3) uint8."""
    return frame.image("rgb" if has_rgb(frame) else "event_image")


def has_rgb(frame: Frame) -> bool:
    """Whether `picture` shows the RGB image."""
    return "rgb" in frame.files or "rgb" in frame.images


def shown_frames(frames: int, count: int) -> list[int]:
    """``count`` frame numbers evenly over a sequence, from the second to the last."""
    return sorted({int(i) for i in np.linspace(min(1, frames - 1), frames - 1, count)})


def caption(sequence: Sequence, number: int) -> str:
    """What stands under a frame: its number from 1 on, and whether the target is absent."""
    return f"frame {number + 1}" if sequence.present[number] else f"frame {number + 1}, absent"


def draw_box(axes: Axes, box: np.ndarray, look: dict[str, Any], *, edge: str = "white") -> None:
    """One ``xywh`` box, edged so that it is visible on any ground; nothing where it has no area.

    Args:
        look: colour, dashes and width, of `style.boxes`: draw boxes in its order.
        edge: colour of the thin line on both sides.
    """
    from matplotlib.patches import Rectangle

    if not np.isfinite(box).all() or min(box[2:]) <= 0:
        return
    patch = Rectangle((box[0], box[1]), box[2], box[3], fill=False, **look)
    patch.set_path_effects(outline(edge, look["linewidth"]))
    axes.add_patch(patch)


def draw_truth(axes: Axes, box: np.ndarray) -> None:
    """The ground truth's box: draw it last, then a track under it shows through the gaps."""
    draw_box(axes, box, style.TRUTH_BOX, edge="black")


def outline(edge: str, width: float = style.TRUTH_BOX["linewidth"]) -> list:
    """Path effects: a line of a width with a thin edge on both sides."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=width + 0.6, foreground=edge), Normal()]


def headline(axes: Axes, text: str) -> None:
    """Text above a row of images, beginning at the first; it does not widen that image's column."""
    axes.set_title("\n".join([" "] * (text.count("\n") + 1)), fontsize=7)
    axes.text(0, 1.03, text, fontsize=7, transform=axes.transAxes).set_in_layout(False)


def bare(axes: Axes) -> None:
    """No ticks, no grid, a thin grey frame: event images are white to their border."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color="#BFBFBF", linewidth=0.4)
