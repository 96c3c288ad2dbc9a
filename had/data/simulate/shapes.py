"""Outlines of objects: drawn at random, placed in the view, turned into coverage and exact boxes.

An outline is (N, 2) float64 in object coordinates: origin at the centre, pixels at scale 1.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

POINTS = 48
_SUBPIXELS = 8  # fractional bits of polygon corners


def outline(rng: np.random.Generator, *, size: float, aspect: float) -> np.ndarray:
    """A smooth or polygonal random outline, star-shaped, its box of area ``size ** 2``.

    Args:
        size: square root of the box's area in pixels.
        aspect: width over height of the box.
    """
    angles = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    if rng.random() < 0.5:
        radius = np.ones(POINTS)
        for order in range(2, 6):
            radius += rng.normal(0, 0.22 / (order - 1)) * np.cos(order * angles + rng.uniform(0, 2 * np.pi))
        points = np.maximum(radius, 0.45)[:, None] * np.c_[np.cos(angles), np.sin(angles)]
    else:
        corners = int(rng.integers(3, 8))
        turns = 2 * np.pi * (np.arange(corners) + rng.uniform(-0.25, 0.25, corners)) / corners
        corner = rng.uniform(0.75, 1.0, (corners, 1)) * np.c_[np.cos(turns), np.sin(turns)]
        place = np.linspace(0, corners, POINTS, endpoint=False)
        share = (place % 1)[:, None]
        points = (1 - share) * corner[place.astype(int)] + share * corner[(place.astype(int) + 1) % corners]
    points -= (points.max(0) + points.min(0)) / 2
    extent = points.max(0) - points.min(0)
    return points / extent * size * np.array([np.sqrt(aspect), 1 / np.sqrt(aspect)])


def bar(length: float, thickness: float) -> np.ndarray:
    """A rectangle standing upright, as an outline."""
    return np.array([[-thickness, -length], [thickness, -length], [thickness, length], [-thickness, length]]) / 2


def box_of(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """The tight ``xywh`` box of an outline in view coordinates, clipped to the view; zeros where nothing is left."""
    low = np.clip(points.min(0), 0, [width, height])
    high = np.clip(points.max(0), 0, [width, height])
    return np.concatenate([low, high - low]) if (high > low).all() else np.zeros(4)


def coverage(points: np.ndarray, width: int, height: int) -> tuple[tuple[int, int, int, int], np.ndarray] | None:
    """How much of each pixel an outline covers.

    Args:
        points: (N, 2) in view coordinates; pixel (0, 0) covers [0, 1) x [0, 1).

    Returns:
        The part of the view it touches, (x0, y0, x1, y1), and (y1 - y0, x1 - x0) float32 in [0, 1]; None outside.
    """
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    x0, y0 = max(math.floor(left), 0), max(math.floor(top), 0)
    x1, y1 = min(math.ceil(right), width), min(math.ceil(bottom), height)
    if x1 <= x0 or y1 <= y0:
        return None
    fine = 4 if (x1 - x0) * (y1 - y0) < 10000 else 2
    # the middle of fine pixel i is (i + 1/2) / fine, and fillPoly paints its border pixels too
    corners = ((points - (x0, y0)) * fine - 0.5) * 2**_SUBPIXELS
    mask = np.zeros(((y1 - y0) * fine, (x1 - x0) * fine), np.uint8)
    cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 255, shift=_SUBPIXELS)
    small = cv2.resize(mask, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    return (x0, y0, x1, y1), small * np.float32(1 / 255)
