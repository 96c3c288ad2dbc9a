"""Arrays and images -> short text that the page's script reads back.

Numbers are rounded to steps and kept as 16-bit or 8-bit whole numbers in base64, a third of what digits take;
`assets/data.js` holds the inverse of each function.
"""

from __future__ import annotations

import base64

import numpy as np

STEPS = 10_000
"""Steps of a share in [0, 1]: scores and curves are exact to 0.00005."""
MISSING = 0xFFFF
PIXEL_STEPS = 10
"""Steps of a pixel: boxes are exact to 0.05 px."""
NO_BOX = -0x8000
OVERLAP_STEPS = 250
NO_OVERLAP = 0xFF


def shares(values: np.ndarray) -> str:
    """Any shape of shares, NaN where there is none (shares above 1 by rounding are kept up to 6.5)."""
    rounded = np.round(np.nan_to_num(values, nan=0.0).clip(0, 6.5) * STEPS)
    return _text(np.where(np.isnan(values), MISSING, rounded).astype("<u2"))


def pixels(boxes: np.ndarray) -> str:
    """(..., 4) ``xywh`` in pixels; a box with a NaN is none, and what lies beyond 3,276 px is drawn there."""
    known = np.isfinite(boxes).all(axis=-1, keepdims=True)
    rounded = np.round(np.where(known, boxes, 0.0) * PIXEL_STEPS).clip(NO_BOX + 1, -NO_BOX - 1)
    return _text(np.where(known, rounded, NO_BOX).astype("<i2"))


def overlaps(iou: np.ndarray) -> str:
    """Any shape of overlaps in [0, 1], NaN where there is none, in a byte each."""
    rounded = np.round(np.nan_to_num(iou, nan=0.0).clip(0, 1) * OVERLAP_STEPS)
    return _text(np.where(np.isnan(iou), NO_OVERLAP, rounded).astype(np.uint8))


def picture(image: np.ndarray, width: int, quality: int) -> str:
    """(H, W, 3) uint8 RGB -> a WebP ``data:`` address, at most ``width`` pixels wide."""
    import cv2

    height = max(1, round(image.shape[0] * width / image.shape[1]))
    if width < image.shape[1]:
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".webp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return "data:image/webp;base64," + base64.b64encode(encoded.tobytes()).decode()


def _text(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()
