"""One sequence in depth: what `had explain` saved of teacher and students, and the tracks' overlap over time.

Every function reads the arrays of one sequence (`had.tracking.explain.KEYS`) and returns a figure; the notebook
`sequence` shows them. Axes as there: K frames, N networks, R students, h w grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from had.data.sequences import Sequence
from had.evaluation import style
from had.evaluation.figures import scenes
from had.evaluation.figures.labels import legend_below, scored, short
from had.evaluation.metrics import overlaps, repaired
from had.evaluation.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IMAGES = ("rgb", "event_image")
"""Streams that can be drawn."""
NAMES = {"rgb": "RGB", "event_image": "Events"}
FRAMES = 5
"""Whole frames that are shown."""
SHOWN_MASS = 0.002
"""Of a student's response, below which a cell's arrow is left out."""
LEAST = 1e-5
"""Smallest drawn loss; the axis is logarithmic."""


def frames(sequence: Sequence, tracks: dict[Row, np.ndarray]) -> Figure:
    """Whole frames over the sequence, with the tracks and the ground truth.

    Raises:
        DataError: the frames' files have gone.
    """
    numbers = scenes.shown_frames(len(sequence), FRAMES)
    pictures = [scenes.picture(sequence.frame(number)) for number in numbers]
    height = style.PAGE / FRAMES * sequence.size[1] / sequence.size[0]
    drawn = style.figure(style.PAGE, height + 0.6, **style.IMAGES)
    line = drawn.subplots(1, FRAMES, squeeze=False)[0]
    for axes in line:
        scenes.bare(axes)
    by_look = {row.look: track for row, track in tracks.items()}
    for axes, number, picture in zip(line, numbers, pictures, strict=False):
        axes.imshow(picture)
        axes.set_autoscale_on(False)
        for look, drawn_as in style.boxes(list(by_look)).items():
            scenes.draw_box(axes, by_look[look][number], drawn_as)
        if sequence.present[number]:
            scenes.draw_truth(axes, sequence.boxes[number])
        axes.set_xlabel(scenes.caption(sequence, number), fontsize=6, labelpad=1)
    _legend(drawn, list(tracks), truth=True)
    return drawn


def crops(arrays: dict[str, np.ndarray], rows: dict[str, Row]) -> Figure:
    """The search crops that all networks see, a stream a line, with the predicted boxes and the ground truth."""
    streams = [name for name in IMAGES if f"search/{name}" in arrays]
    drawn, grid = _grid(len(streams), len(arrays["frames"]))
    looks = {rows[str(name)].look: n for n, name in enumerate(arrays["networks"])}
    for line, stream in zip(grid, streams, strict=True):
        scenes.headline(line[0], NAMES[stream])
        for k, axes in enumerate(line):
            _show_crop(axes, arrays, k, stream)
            for look, drawn_as in style.boxes(list(looks)).items():
                scenes.draw_box(axes, _placed(arrays, k, arrays["predicted"][k, looks[look]]), drawn_as)
            scenes.draw_truth(axes, _placed(arrays, k, arrays["truth"][k]))
            _caption(axes, arrays, k, "", last=stream == streams[-1])
    _legend(drawn, [rows[str(name)] for name in arrays["networks"]], truth=True)
    return drawn


def maps(arrays: dict[str, np.ndarray], rows: dict[str, Row]) -> Figure:
    """Response maps, a network a line, all on one scale from 0 to 1; the predicted box and the ground truth."""
    from matplotlib.colors import Normalize

    drawn, grid = _grid(len(arrays["networks"]), len(arrays["frames"]))
    image: Any = None
    for n, (line, name) in enumerate(zip(grid, arrays["networks"], strict=True)):
        scenes.headline(line[0], rows[str(name)].title)
        for k, axes in enumerate(line):
            h, w = arrays["responses"].shape[-2:]
            image = axes.imshow(
                arrays["responses"][k, n], cmap="magma", norm=Normalize(0, 1), extent=(-0.5, w - 0.5, h - 0.5, -0.5)
            )
            scenes.bare(axes)
            scale, look = arrays["responses"].shape[-1], rows[str(name)].look
            scenes.draw_box(axes, _placed(arrays, k, arrays["predicted"][k, n], scale), style.boxes([look])[look])
            scenes.draw_truth(axes, _placed(arrays, k, arrays["truth"][k], scale))
            peak = f"peak {arrays['responses'][k, n].max():.2f}"
            _caption(axes, arrays, k, peak, last=n == len(grid) - 1)
    drawn.colorbar(image, ax=grid, shrink=0.6, pad=0.01, label="response")
    return drawn


def transport(arrays: dict[str, np.ndarray], rows: dict[str, Row]) -> Figure:
    """Where the plan moves each student's response to make it the teacher's, a student a line.

    Grey: the student's response distribution; contours: the teacher's; arrows, true to scale: ``moves``, the mean
    displacement of a cell's mass under the plan less that of the plan to itself, the darker the more mass moves. That
    is the direction in which the Sinkhorn divergence falls. Below: their root mean square, weighted with the mass.
    """
    students = [str(name) for name in arrays["networks"][1:]]
    h, w = arrays["masses"].shape[-2:]
    drawn, grid = _grid(len(students), len(arrays["frames"]))
    y, x = np.divmod(np.arange(h * w), w)
    for r, (line, name) in enumerate(zip(grid, students, strict=True)):
        scenes.headline(line[0], f"{rows[name].title} to teacher")
        for k, axes in enumerate(line):
            own, wanted = arrays["masses"][k, r + 1], arrays["masses"][k, 0]
            axes.imshow(own / own.max(), cmap="Greys", vmin=0, vmax=1.4)
            axes.contour(wanted / wanted.max(), levels=(0.1, 0.5, 0.9), colors=[style.colour(2)], linewidths=0.7)
            moved, mass = arrays["moves"][k, r] * np.array([w, h]), own.reshape(-1)
            kept = mass > SHOWN_MASS
            strength = np.sqrt(mass[kept] / mass.max()).clip(0.15, 1)
            axes.quiver(
                x[kept], y[kept], *moved[kept].T, angles="xy", scale_units="xy", scale=1, width=0.012,
                color=_colour(rows, name), alpha=strength, minlength=0.1,
            )  # fmt: skip
            scenes.bare(axes)
            axes.set(xlim=(-0.5, w - 0.5), ylim=(h - 0.5, -0.5))
            mean = float(np.sqrt((mass * (moved**2).sum(axis=1)).sum()))
            _caption(axes, arrays, k, f"moved {mean:.2f} cells", last=r == len(grid) - 1)
    return drawn


def terms(arrays: dict[str, np.ndarray], rows: dict[str, Row]) -> Figure:
    """Every loss term of every crop (small) and its mean (large), a student a colour, on a logarithmic axis."""
    known = ~np.isnan(arrays["losses"]).all(axis=(0, 1))
    names = [str(name) for name in arrays["terms"][known]]
    values = np.maximum(arrays["losses"][:, :, known], LEAST)  # K R L
    students = [rows[str(name)] for name in arrays["networks"][1:]]
    drawn = style.figure(style.PAGE * 0.72, 0.8 + 0.26 * len(names))
    axes = drawn.subplots()
    for r, row in enumerate(students):
        heights = np.arange(len(names)) + (r - (len(students) - 1) / 2) * 0.22
        look = style.marker(row.look)
        for each in values[:, r]:
            axes.plot(each, heights, linestyle="", markersize=2.5, alpha=0.4, **look)
        axes.plot(values[:, r].mean(axis=0), heights, linestyle="", markersize=6, markeredgecolor="white", **look)
    task = sum(name in ("focal", "giou", "l1") for name in names)
    axes.axhline(task - 0.5, color="#BFBFBF", linewidth=0.8)
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set(xscale="log", xlabel="loss, unweighted", ylim=(len(names) - 0.5, -0.5))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", left=False)
    _legend(drawn, students, marked=True)
    return drawn


def overlap(sequence: Sequence, tracks: dict[Row, np.ndarray], marked: np.ndarray | None = None) -> Figure:
    """IoU of every frame, a row a line; grey where the target is absent; ``marked`` frames have a triangle.

    The legend has each row's mean over the frames that show the target.
    """
    drawn = style.figure(style.PAGE, 2.2)
    axes = drawn.subplots()
    boxes, present = np.asarray(sequence.boxes), np.asarray(sequence.present, bool)
    numbers = np.arange(1, len(boxes) + 1)
    lines = []
    for row, track in tracks.items():
        iou = np.where(present, np.clip(overlaps(repaired(track, boxes), boxes), 0, 1), np.nan)
        lines.append((float(np.nanmean(iou)), row, iou))
    for mean, row, iou in sorted(lines, key=lambda line: -line[0]):
        axes.plot(numbers, iou, label=scored(row, mean), **style.line(row.look))
    for number in numbers[~present]:
        axes.axvspan(number - 0.5, number + 0.5, color="#E5E5E5", linewidth=0, zorder=0)
    if marked is not None:
        axes.plot(np.asarray(marked) + 1, np.full(len(marked), 0.02), "^", color="#7F7F7F", markersize=4, clip_on=False)
    axes.set(xlabel="frame", ylabel="IoU", ylim=(0, 1), xlim=(0.5, len(boxes) + 0.5))
    axes.locator_params(axis="x", integer=True)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), title="mean IoU")
    return drawn


def _grid(lines: int, columns: int) -> tuple[Figure, np.ndarray]:
    """A grid of square pictures on a page."""
    drawn = style.figure(style.PAGE, (style.PAGE / max(columns, 4) + 0.24) * lines + 0.4, **style.IMAGES)
    return drawn, drawn.subplots(lines, columns, squeeze=False)


def _show_crop(axes: Axes, arrays: dict[str, np.ndarray], k: int, stream: str) -> None:
    axes.imshow(arrays[f"search/{stream}"][k])
    axes.set_autoscale_on(False)
    scenes.bare(axes)


def _placed(arrays: dict[str, np.ndarray], k: int, box: np.ndarray, scale: int | None = None) -> np.ndarray:
    """An image's ``xywh`` box in the pixels of crop k, or in cells of a grid of ``scale`` a side."""
    x, y, side = arrays["windows"][k]
    size = scale or next(arrays[f"search/{name}"].shape[1] for name in IMAGES if f"search/{name}" in arrays)
    return (box - np.array([x, y, 0, 0])) * size / side - np.array([0.5, 0.5, 0, 0])


def _colour(rows: dict[str, Row], name: Any) -> str:
    return style.colour(rows[str(name)].look)


def _caption(axes: Axes, arrays: dict[str, np.ndarray], k: int, text: str, *, last: bool) -> None:
    """What stands under a picture; in the last line also the frame's number, from 1 on."""
    frame = f"frame {arrays['frames'][k] + 1}" if last else ""
    axes.set_xlabel("\n".join(part for part in (text, frame) if part), fontsize=6, labelpad=1)


def _legend(drawn: Figure, rows: list[Row], *, truth: bool = False, marked: bool = False) -> None:
    from matplotlib.lines import Line2D

    labels, looks = [short(row.title) for row in rows], style.boxes([row.look for row in rows])
    if marked:
        handles = [Line2D([], [], linestyle="", **style.marker(row.look)) for row in rows]
    else:
        handles = [Line2D([], [], **looks[row.look]) for row in rows]
    if truth:
        handles.append(Line2D([], [], path_effects=scenes.outline("black"), **style.TRUTH_BOX))
        labels.append("Ground truth")
    legend_below(drawn, handles, labels)
