"""A box becomes a template or search crop, and boxes travel between pixels and crop.

A `Window` is a square on the sensor with a whole-pixel corner and side, so that cutting is exact: the
crop's pixel (i, j) covers the sensor's square of ``side / size`` pixels at ``(x + i side/size, ...)``,
and both box maps are the same affine map read forwards and backwards (pixel convention: `had.boxes`).
What lies outside the sensor is background: white for event images, black for RGB.

This is the geometry ``exact``. Windows of the geometry ``released`` go through the same functions and give what
published networks were trained on (`had.data.released`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from had.boxes import cxcywh_to_xywh, xywh_to_cxcywh
from had.data import released
from had.data.frames import Frame
from had.data.released import ReleasedWindow
from had.data.representations import event_image
from had.errors import DataError

BACKGROUND = {"event_image": 255, "rgb": 0}
"""Grey level of the padding of each image stream."""
SMALLEST_SIDE = 4
"""Pixels; keeps the window of a degenerate box drawable."""
LARGEST_SIDE = 1 << 14
"""Pixels of a window, which is cut whole before it is resized."""
_PIXEL_DTYPE = np.dtype([("x", "<u2"), ("y", "<u2"), ("p", "i1")])


class Window(NamedTuple):
    """A square on the sensor that is seen as a square crop.

    Attributes:
        x, y: top-left corner in pixels, whole numbers; may lie outside the sensor.
        side: side on the sensor in pixels, a whole number.
        size: side of the crop in crop pixels.
    """

    x: float
    y: float
    side: float
    size: int


AnyWindow = Window | ReleasedWindow
"""A window of either geometry."""


def window_around(box: np.ndarray, factor: float, size: int, geometry: str = "exact") -> AnyWindow:
    """The window centred on a box whose side is ``factor * sqrt(w h)``, rounded up.

    The corner is rounded to the nearest pixel, so the window's centre is at most half a pixel off the box's.

    Args:
        box: (4,) ``xywh`` in pixels.
        factor: window side over the square root of the box's area.
        size: side of the crop in crop pixels.
        geometry: ``"exact"`` or ``"released"``.

    Raises:
        DataError: a window that is larger than `LARGEST_SIDE`, or nowhere.
    """
    _refuse_absurd(box, factor)
    if geometry == "released":
        return released.window_around(box, factor, size)
    cx, cy, w, h = (float(value) for value in xywh_to_cxcywh(np.asarray(box, dtype=np.float64)))
    side = max(math.ceil(math.sqrt(max(w * h, 0.0)) * factor), SMALLEST_SIDE)
    return Window(float(math.floor(cx - side / 2 + 0.5)), float(math.floor(cy - side / 2 + 0.5)), float(side), size)


def _refuse_absurd(box: np.ndarray, factor: float) -> None:
    x, y, w, h = (float(value) for value in box)
    side = factor * math.sqrt(max(w, 0.0)) * math.sqrt(max(h, 0.0))
    if not (side <= LARGEST_SIDE and math.isfinite(x + y)):
        got = f"one of {side:g} around the box {x:g},{y:g},{w:g},{h:g}"
        remedy = "correct that box, or lower crops.search_factor and crops.scale_jitter"
        raise DataError(f"a window of at most {LARGEST_SIDE} pixels a side", got, remedy)


def to_window(boxes: np.ndarray, window: AnyWindow) -> np.ndarray:
    """``xywh`` in pixels -> ``cxcywh`` in window widths, [0, 1] inside the window; (..., 4).

    The released geometry, which maps its training targets so, places centres half a crop pixel up and left of this.
    """
    placed = (xywh_to_cxcywh(np.asarray(boxes, dtype=np.float64)) - _origin(window)) / window.side
    if isinstance(window, ReleasedWindow):
        placed[..., :2] -= 0.5 / window.size
    return placed


def from_window(boxes: np.ndarray, window: AnyWindow) -> np.ndarray:
    """``cxcywh`` in window widths -> ``xywh`` in pixels, the inverse of `to_window`; (..., 4).

    In the released geometry it is not the inverse: the half crop pixel is not given back.
    """
    return cxcywh_to_xywh(np.asarray(boxes, dtype=np.float64) * window.side + _origin(window))


def _origin(window: AnyWindow) -> np.ndarray:
    """(4,) the corner that boxes are mapped from, to be taken off ``cxcywh``."""
    x, y = (window.left, window.top) if isinstance(window, ReleasedWindow) else (window.x, window.y)
    return np.array([x, y, 0.0, 0.0])


def crop(frame: Frame, stream: str, window: AnyWindow, *, most_voxels: int | None = None) -> np.ndarray:
    """What a network sees of one stream of a frame inside a window.

    Event images are drawn from the events inside the window alone, which gives the pixels of the whole
    drawn image's crop. Shrinking averages areas, so that a single event fades but does not vanish;
    enlarging interpolates linearly.

    Args:
        frame: the time step.
        stream: ``"rgb"``, ``"event_image"`` or ``"voxel"``.
        window: where to look.
        most_voxels: rows of a voxel crop.

    Returns:
        (size, size, 3) uint8 RGB, or (most_voxels, 19) float32 for voxels: x, y in [0, 1] of the window,
        t, 16 polarities; zero rows behind. Where more voxels lie inside, the fullest are kept (the
        earlier of equally full ones), in their stored order.

    Raises:
        DataError: the frame does not have the stream.
    """
    if stream == "voxel":
        if frame.voxels is None or most_voxels is None:
            raise DataError("voxels and their number", "a frame without them", "prepare with preparation.voxels: true")
        if isinstance(window, ReleasedWindow):
            return released.crop_voxels(frame.voxels, window, frame.size, most_voxels, frame.voxel_cell)
        return _crop_voxels(frame.voxels, window, most_voxels)
    if isinstance(window, ReleasedWindow):
        return released.resize(released.cut(frame.image(stream), window), window.size)
    if stream == "event_image" and frame.events is not None:
        return _resize(_draw(frame.events, frame.size, window), window.size)
    return _resize(_cut(frame.image(stream), window, BACKGROUND[stream]), window.size)


def _draw(events: np.ndarray, size: tuple[int, int], window: Window) -> np.ndarray:
    """The event image of the window, (side, side, 3)."""
    side, left, top = int(window.side), int(window.x), int(window.y)
    first_x, first_y = max(left, 0), max(top, 0)
    columns, rows = max(min(left + side, size[0]) - first_x, 0), max(min(top + side, size[1]) - first_y, 0)
    if not columns or not rows:
        return event_image(events[:0], side, side)
    # Unsigned: what lies left of the window becomes large, so that one comparison a side is enough.
    x, y = events["x"] - np.uint16(first_x), events["y"] - np.uint16(first_y)
    inside = np.flatnonzero((x < columns) & (y < rows))
    shifted = np.empty(len(inside), dtype=_PIXEL_DTYPE)
    shifted["x"] = x[inside] + np.uint16(first_x - left)
    shifted["y"] = y[inside] + np.uint16(first_y - top)
    shifted["p"] = events["p"][inside]
    return event_image(shifted, side, side)


def _cut(image: np.ndarray, window: Window, background: int) -> np.ndarray:
    """The window of an image, padded with background, (side, side, 3)."""
    side, left, top = int(window.side), int(window.x), int(window.y)
    height, width = image.shape[:2]
    x1, x2 = max(left, 0), min(left + side, width)
    y1, y2 = max(top, 0), min(top + side, height)
    if (x1, y1, x2, y2) == (left, top, left + side, top + side):
        return image[y1:y2, x1:x2]
    cut = np.full((side, side, 3), background, dtype=np.uint8)
    if x1 < x2 and y1 < y2:
        cut[y1 - top : y2 - top, x1 - left : x2 - left] = image[y1:y2, x1:x2]
    return cut


def _resize(image: np.ndarray, size: int) -> np.ndarray:
    import cv2

    side = image.shape[0]
    if side == size:
        return np.ascontiguousarray(image)
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR)


def _crop_voxels(voxels: np.ndarray, window: Window, most: int) -> np.ndarray:
    side = np.float32(window.side)
    x, y = (voxels[:, 0] - np.float32(window.x)) / side, (voxels[:, 1] - np.float32(window.y)) / side
    inside = np.flatnonzero((x >= 0) & (x < 1) & (y >= 0) & (y < 1))
    if len(inside) > most:
        fullness = np.count_nonzero(voxels[inside, 3:], axis=1)
        inside = np.sort(inside[np.argsort(-fullness, kind="stable")[:most]])
    result = np.zeros((most, voxels.shape[1]), dtype=np.float32)
    result[: len(inside)] = voxels[inside]
    result[: len(inside), 0], result[: len(inside), 1] = x[inside], y[inside]
    return result
