"""Crops as the released code cuts them, where that differs from `had.data.crops`: for networks trained on them.

Enters: a box and a frame's image or voxels. Leaves: a `ReleasedWindow`, and what a network sees inside it.

The differences, each of which changes numbers: a corner at half a pixel is rounded to the even one; what sticks out
is black in every stream; a window that reaches the right or bottom border loses the sensor's last column or row; one
that lies wholly left of or above the sensor, by less than its width or height, shows it all but its last columns or
rows, squeezed; shrinking interpolates linearly; voxels are placed as if their cells were 10 pixels wide and a slice had
19 of them, and cut to the part of the window that lies on the sensor; where too many are left each of their 19 columns
is sorted apart, so that a row mixes several voxels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

VOXEL_CELL = (10.0, 10.0, 1 / 19)
"""Width and height in pixels, and length in slices, that every voxel's cell is taken to have."""


class ReleasedWindow(NamedTuple):
    """A square on the sensor that is seen as a square crop, and the corner from which boxes are mapped.

    Attributes:
        x, y: top-left corner in pixels, whole numbers; may lie outside the sensor.
        side: side on the sensor in pixels, a whole number.
        size: side of the crop in crop pixels.
        left, top: the corner before it was rounded: boxes are mapped as if the window began there.
    """

    x: float
    y: float
    side: float
    size: int
    left: float
    top: float


def window_around(box: np.ndarray, factor: float, size: int) -> ReleasedWindow:
    """The window around a box; a box without an area counts as the pixel at its corner, seen alone.

    Args:
        box: (4,) ``xywh`` in pixels.
        factor: window side over the square root of the box's area.
        size: side of the crop in crop pixels.
    """
    x, y, w, h = (float(value) for value in box)
    side = math.ceil(math.sqrt(max(w * h, 0.0)) * factor)
    if side < 1:
        w, h, side = 1.0, 1.0, 1
    left, top = x + w / 2 - side / 2, y + h / 2 - side / 2
    return ReleasedWindow(float(round(left)), float(round(top)), float(side), size, left, top)


def part_inside(window: ReleasedWindow, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Columns x1 .. x2 and rows y1 .. y2 (ends outside) of a sensor of ``size`` (width, height) that are cut: all that
    the window covers, but never the sensor's last column and row. A negative end, of a window that lies wholly left of
    or above the sensor, counts from the other border, as in a slice. Nothing is cut where an end is before its begin.
    """
    left, top, side = int(window.x), int(window.y), int(window.side)
    x2, y2 = min(left + side, size[0] - 1), min(top + side, size[1] - 1)
    return max(left, 0), x2, max(top, 0), y2


def cut(image: np.ndarray, window: ReleasedWindow) -> np.ndarray:
    """The window of an image (H, W, ...) with zeros around what is cut, (side, side, ...).

    Where an end counts from the other border, the result is as much larger as more is cut, and not square.
    """
    height, width = image.shape[:2]
    x1, x2, y1, y2 = part_inside(window, (width, height))
    side, left, top = int(window.side), int(window.x), int(window.y)
    part = image[y1:y2, x1:x2]
    if not part.size:
        return np.zeros((side, side, *image.shape[2:]), dtype=image.dtype)
    rows, columns = y1 - top + len(part), x1 - left + part.shape[1]  # with what is padded above and to the left
    below, right = max(top + side - height + 1, 0), max(left + side - width + 1, 0)
    result = np.zeros((rows + below, columns + right, *image.shape[2:]), dtype=image.dtype)
    result[y1 - top : rows, x1 - left : columns] = part
    return result


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """An image in ``size`` pixels a side, interpolated linearly in both directions."""
    import cv2

    return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)


def padding(window: ReleasedWindow, size: tuple[int, int]) -> np.ndarray:
    """Crop pixels that are padding, or interpolated with it, for a sensor of ``size`` (width, height); bool."""
    covered = cut(np.ones((size[1], size[0])), window)
    return resize(1 - covered, window.size) > 0


def is_blind(window: ReleasedWindow, size: tuple[int, int], patch: int = 16) -> bool:
    """Whether every ``patch``-th pixel of the crop is padding: such samples are not trained on."""
    return bool(padding(window, size)[::patch, ::patch].all())


def crop_voxels(
    voxels: np.ndarray,
    window: ReleasedWindow,
    size: tuple[int, int],
    most: int,
    cell: tuple[float, float, float] | None = None,
) -> np.ndarray:
    """Voxels in the part of the window that lies on the sensor, both of its borders included.

    Args:
        voxels: (V, 19) float32 rows as in `had.data.frames.Frame`.
        size: (width, height) of the sensor in pixels.
        most: rows of the result.
        cell: true (x, y, t) size of the voxels' cells in pixels and slices; None: `VOXEL_CELL`.

    Returns:
        (most, 19) float32; x, y in [0, 1] of that part, which need not be square. Fewer voxels keep their order, with
        zero rows behind; of as many or more, every column holds its own ``most`` largest numbers, falling.
    """
    x1, x2, y1, y2 = part_inside(window, size)
    result = np.zeros((most, voxels.shape[1]), dtype=np.float32)
    if x1 >= x2 or y1 >= y2:
        return result
    places = voxels[:, :3].astype(np.float64)
    if cell is not None:
        places = places / cell * VOXEL_CELL
    places[:, :2] = (places[:, :2] - [x1, y1]) / [x2 - x1, y2 - y1]
    inside = ((places[:, :2] >= 0) & (places[:, :2] <= 1)).all(axis=1)
    rows = np.concatenate([places[inside].astype(np.float32), voxels[inside, 3:]], axis=1)
    if len(rows) >= most:
        return -np.sort(-rows, axis=0)[:most]
    result[: len(rows)] = rows
    return result
