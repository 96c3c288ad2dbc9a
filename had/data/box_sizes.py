"""Boxes that cannot be those of a target, because they are far larger than the sensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from had.errors import DataError


def refuse_oversized(boxes: np.ndarray, visible: np.ndarray, size: tuple[int, int], path: Path) -> None:
    """See that boxes have no side of more than twice the sensor's, as where a decimal point is lost.

    Args:
        boxes: (F, 4) ``xywh`` in pixels.
        visible: (F,) whether a frame shows the target.
        size: (width, height) of the sensor in pixels.
        path: the file that they are from.

    Raises:
        DataError: one has.
    """
    over = visible & (boxes[:, 2:] > 2 * np.asarray(size, np.float64)).any(axis=1)
    if over.any():
        shown = ",".join(f"{value:g}" for value in boxes[over.argmax()])
        expected = f"boxes of at most twice the sensor's {size[0]}x{size[1]} pixels"
        raise DataError(expected, f"{shown} in line {over.argmax() + 1} of {path}", "correct that line")
