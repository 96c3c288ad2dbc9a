"""Box arithmetic on numpy arrays and torch tensors alike.

The pixel convention, stated once: a box is ``x, y, w, h`` in pixels, float, top-left corner, and
pixel (0, 0) covers the square [0, 1) x [0, 1). The right border is ``x + w``, the centre
``x + w / 2``. Only `had.evaluation.metrics` follows the inclusive-pixel convention of the official
evaluators, because published scores do.

Every function takes and returns arrays of shape (..., 4) of one kind (numpy or torch).
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

Array = TypeVar("Array", bound=Any)


def _stack(like, columns):
    if isinstance(like, np.ndarray):
        return np.stack(columns, axis=-1)
    import torch

    return torch.stack(columns, dim=-1)


def xywh_to_xyxy(boxes: Array) -> Array:
    """Top-left corner and size -> two corners, (..., 4)."""
    x, y, w, h = (boxes[..., i] for i in range(4))
    return _stack(boxes, [x, y, x + w, y + h])


def xywh_to_cxcywh(boxes: Array) -> Array:
    """Top-left corner and size -> centre and size, (..., 4)."""
    x, y, w, h = (boxes[..., i] for i in range(4))
    return _stack(boxes, [x + w / 2, y + h / 2, w, h])


def cxcywh_to_xywh(boxes: Array) -> Array:
    """Centre and size -> top-left corner and size, (..., 4)."""
    cx, cy, w, h = (boxes[..., i] for i in range(4))
    return _stack(boxes, [cx - w / 2, cy - h / 2, w, h])


def cxcywh_to_xyxy(boxes: Array) -> Array:
    """Centre and size -> two corners, (..., 4)."""
    return xywh_to_xyxy(cxcywh_to_xywh(boxes))


def _areas(a, b):
    """Intersection, union and smallest enclosing box's area of ``xyxy`` boxes, each (...)."""
    low, high = (np.minimum, np.maximum) if isinstance(a, np.ndarray) else _torch_extrema()
    width = (low(a[..., 2], b[..., 2]) - high(a[..., 0], b[..., 0])).clip(0)
    height = (low(a[..., 3], b[..., 3]) - high(a[..., 1], b[..., 1])).clip(0)
    intersection = width * height
    area_a = (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
    area_b = (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    hull_width = high(a[..., 2], b[..., 2]) - low(a[..., 0], b[..., 0])
    hull_height = high(a[..., 3], b[..., 3]) - low(a[..., 1], b[..., 1])
    return intersection, area_a + area_b - intersection, hull_width * hull_height


def _torch_extrema():
    import torch

    return torch.minimum, torch.maximum


def iou(a: Array, b: Array) -> Array:
    """Intersection over union of ``xyxy`` boxes, (..., 4) x (..., 4) -> (...), in [0, 1]; 0 where both are empty."""
    intersection, union, _ = _areas(a, b)
    return intersection / union.clip(1e-12)


def giou(a: Array, b: Array) -> Array:
    """Generalised IoU of ``xyxy`` boxes, (...), in [-1, 1] (Rezatofighi et al., CVPR 2019, eq. 2)."""
    intersection, union, hull = _areas(a, b)
    return intersection / union.clip(1e-12) - (hull - union) / hull.clip(1e-12)


def cell_boxes(size: Array, offset: Array) -> Array:
    """The box that every cell of a response grid stands for.

    Args:
        size: (B, 2, h, w) box width and height in search-crop widths.
        offset: (B, 2, h, w) x and y of the centre inside its cell, in cells.

    Returns:
        (B, h, w, 4) ``cxcywh`` in search-crop widths.
    """
    h, w = size.shape[-2:]
    x = (_count(size, w) + offset[:, 0]) / w
    y = (_count(size, h)[:, None] + offset[:, 1]) / h
    return _stack(size, [x, y, size[:, 0], size[:, 1]])


def _count(like, n):
    if isinstance(like, np.ndarray):
        return np.arange(n, dtype=like.dtype)
    import torch

    return torch.arange(n, dtype=like.dtype, device=like.device)


def clip_xywh(box: np.ndarray, width: int, height: int, margin: float = 2.0) -> np.ndarray:
    """Keep at least ``margin`` pixels of every ``xywh`` box inside the image and its sides at least ``margin`` long.

    Args:
        box: (..., 4) pixels.
        width, height: the image's size in pixels.
        margin: pixels.

    Returns:
        (..., 4), a new array: the part of the box inside the image.
    """
    corners = xywh_to_xyxy(np.asarray(box, dtype=np.float64))
    x1 = corners[..., 0].clip(0, width - margin)
    y1 = corners[..., 1].clip(0, height - margin)
    w = np.maximum(corners[..., 2].clip(margin, width) - x1, margin)
    h = np.maximum(corners[..., 3].clip(margin, height) - y1, margin)
    return np.stack([x1, y1, w, h], axis=-1)


def moved_xywh(box: np.ndarray, *, dx: float = 0.0, dy: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """A box shifted by shares of its width and height, its sides scaled around its centre; (4,) ``xywh`` in pixels."""
    cx, cy, w, h = xywh_to_cxcywh(np.asarray(box, dtype=np.float64))
    return cxcywh_to_xywh(np.array([cx + dx * w, cy + dy * h, scale * w, scale * h]))


def jitter_xywh(box: np.ndarray, centre: float, scale: float, rng: np.random.Generator) -> np.ndarray:
    """A search box that has lost its target a little, as a tracker's last box has.

    Width and height are multiplied by ``exp(scale * N(0, 1))`` each; the centre moves by
    ``(U(0, 1) - 1/2) * centre * sqrt(w h)`` along each axis.

    Args:
        box: (4,) ``xywh`` in pixels.
        centre, scale: strengths without unit (published: 3 and 0.25 for search, 0 for template).
        rng: the only source of randomness; four numbers are drawn.

    Returns:
        (4,) ``xywh`` in pixels.
    """
    cx, cy, w, h = xywh_to_cxcywh(np.asarray(box, dtype=np.float64))
    w, h = np.array([w, h]) * np.exp(scale * rng.standard_normal(2))
    cx, cy = np.array([cx, cy]) + (rng.random(2) - 0.5) * centre * np.sqrt(w * h)
    return np.array([cx - w / 2, cy - h / 2, w, h])
