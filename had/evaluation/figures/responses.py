"""Response maps: the search region as the network sees it, its response map over it, truth and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from had.data.layouts import layout_of
from had.errors import DataError
from had.evaluation import style
from had.evaluation.figures import scenes
from had.evaluation.figures.labels import short
from had.evaluation.rows import Row, folder_of
from had.evaluation.stored_arrays import read_arrays
from had.options.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 6
"""Frames a line."""
SIDE = 256
"""Side of a drawn search region in pixels."""


def draw(experiment: Experiment, benchmark: str, kind: str) -> Figure:
    """One network of ``figures.runs`` a line, on the test sequence in the middle of their scores.

    Raises:
        DataError: a network of them left no response maps.
    """
    rows = [row for row in scenes.shown_rows(experiment) if row.trained]
    if not rows:
        raise DataError("a network among figures.runs", "none", "name a student or the teacher there")
    scores = scenes.sequence_scores(experiment, benchmark)
    rows.sort(key=lambda row: -np.mean(list(scores[row.run].values())))
    (name,) = scenes.spread_sequences(scores, [row.run for row in rows], 1)
    sequence = scenes.test_sequences(experiment, benchmark)[name]
    (stream,) = layout_of(benchmark).student_streams
    numbers = scenes.shown_frames(len(sequence), COLUMNS)
    images = {number: sequence.frame(number).image(stream) for number in numbers}

    drawn = style.figure(style.PAGE, (style.PAGE / COLUMNS + 0.24) * len(rows) + 0.4, **style.IMAGES)
    grid = drawn.subplots(len(rows), COLUMNS, squeeze=False)
    for line, row in zip(grid, rows, strict=True):
        maps, windows = read_responses(experiment, benchmark, row, name)
        track = scenes.track_of(experiment, benchmark, row, name, len(sequence))
        scenes.headline(line[0], f"{short(row.title)} [SR {scores[row.run][name]:.3f}]")
        for axes in line:
            scenes.bare(axes)
        for axes, number in zip(line, numbers, strict=False):
            window = windows[number].astype(np.float64)
            axes.imshow(_search_region(images[number], window))
            shade = _overlay(maps[number].astype(np.float64))
            axes.imshow(shade, extent=(-0.5, SIDE - 0.5, SIDE - 0.5, -0.5), interpolation="bilinear")
            axes.set_autoscale_on(False)
            scenes.draw_box(axes, _in_window(track[number], window), style.boxes([row.look])[row.look])
            if sequence.present[number]:
                scenes.draw_truth(axes, _in_window(sequence.boxes[number], window))
            axes.set_xlabel(
                f"{scenes.caption(sequence, number)}, peak {maps[number].max():.2f}", fontsize=6, labelpad=1
            )
    title = layout_of(benchmark).title
    drawn.suptitle(f"{title}, {name}: response over the search region (dashed: ground truth)", fontsize=8)
    drawn.supxlabel(
        f"{scenes.POLARITIES}; yellow: the response's peak, clear: none; grey: outside the image", fontsize=6
    )
    return drawn


def read_responses(experiment: Experiment, benchmark: str, row: Row, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(F, h, w) response maps and (F, 3) windows x, y, side of a run's first seed on one sequence.

    Raises:
        DataError: no such file or sequence.
    """
    path = folder_of(experiment, "tracks", benchmark, row.run, row.seeds[0]) / "responses.npz"
    keys, remedy = (name, f"{name}/windows"), "track that run again"
    stored = read_arrays(path, keys, expected="response maps of every network", remedy=remedy)
    if set(keys) - set(stored):
        raise DataError(f"response maps of {name}", f"{path} without them", remedy)
    maps, windows = (stored[key] for key in keys)
    if maps.ndim != 3 or windows.shape != (len(maps), 3) or {maps.dtype.kind, windows.dtype.kind} != {"f"}:
        raise DataError("(F, h, w) maps and (F, 3) windows", f"{maps.shape}, {windows.shape} in {path}", remedy)
    return maps, windows


def _search_region(image: np.ndarray, window: np.ndarray) -> np.ndarray:
    """The window of an (H, W, 3) image as (SIDE, SIDE, 3); grey outside the image."""
    import cv2

    x, y, side = window
    scale = SIDE / max(side, 1e-6)
    shift = np.array([[scale, 0, -x * scale + (scale - 1) / 2], [0, scale, -y * scale + (scale - 1) / 2]])
    return cv2.warpAffine(image, shift, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderValue=(200, 200, 200))


def _overlay(response: np.ndarray) -> np.ndarray:
    """(h, w) response -> (h, w, 4) colours, as opaque as the response is high relative to its peak."""
    from matplotlib import colormaps

    share = np.clip(response / max(response.max(), 1e-6), 0, 1)
    colours = colormaps["viridis"](share)
    colours[..., 3] = 0.75 * share
    return colours


def _in_window(box: np.ndarray, window: np.ndarray) -> np.ndarray:
    """An image's ``xywh`` box in the pixels of the drawn search region."""
    x, y, side = window
    return (box - np.array([x, y, 0, 0])) * SIDE / max(side, 1e-6) - np.array([0.5, 0.5, 0, 0])
