"""What was simulated -> the attribute flags of a benchmark.

The abbreviations mean the same in both benchmarks wherever both have them; `meanings` gives every one
that can occur here, and any other abbreviation of a layout stays 0 (VC, a change of viewpoint, for one:
a flat object has no other side).
"""

from __future__ import annotations

import numpy as np

from had.boxes import xywh_to_cxcywh
from had.data.simulate.scene import PRESENT_SHARE, Scene

MUCH_SCALE = 2.0
"""Largest over smallest area of the box from which scale counts as varying."""
MUCH_ASPECT = 1.8
"""Largest over smallest aspect ratio from which it counts as changing."""
FAST = 0.5
"""Displacement a frame, in box sizes, that counts as fast motion."""
SMALL = 20.0
"""Box size in pixels of a 320 x 200 sensor below which a target is small."""


def meanings(scene: Scene, boxes: np.ndarray, shares: np.ndarray, *, exposure_frames: float) -> dict[str, bool]:
    """Abbreviation -> whether it holds.

    Args:
        boxes: (F, 4) ``xywh``, zeros where absent.
        shares: (F,) visible shares of the silhouette.
        exposure_frames: exposure time in frame intervals, for motion blur.
    """
    difficulty = scene.difficulty
    whole = xywh_to_cxcywh(boxes[shares > 0.98] if (shares > 0.98).any() else boxes[:1])
    sizes = np.sqrt(whole[:, 2] * whole[:, 3])
    aspects = whole[:, 2] / whole[:, 3]
    middles = np.array([scene.target.points(scene.clock.middle(f)).mean(0) for f in range(len(boxes))])
    steps = np.linalg.norm(np.diff(middles, axis=0), axis=1)
    relative = steps / np.median(sizes)
    outside = np.array([_outside(scene, frame) for frame in range(len(boxes))])
    hidden = (shares < 0.95) & (outside < 0.05) if scene.occluders else np.zeros(len(boxes), bool)
    least = float(shares[hidden].min()) if hidden.any() else 1.0
    unit = np.sqrt(scene.size[0] * scene.size[1] / (320 * 200))
    crowded = len(scene.distractors)
    return {
        "CM": difficulty.camera != "static",
        "ROT": difficulty.turns,
        "DEF": difficulty.deforms,
        "POC": PRESENT_SHARE <= least < 0.95,
        "MOC": 0.5 <= least < 0.95,
        "HOC": PRESENT_SHARE <= least < 0.5,
        "FOC": least < PRESENT_SHARE,
        "LI": difficulty.light == "low",
        "OE": difficulty.light == "over",
        "IV": difficulty.light == "changing",
        "OV": bool((outside > 1 - PRESENT_SHARE).any()),
        "FM": bool(np.mean(relative > FAST) > 0.1),
        "MB": bool(np.mean(steps * exposure_frames > 3 * unit) > 0.2),
        "NM": difficulty.pause,
        "NMO": difficulty.pause,
        "BC": difficulty.clutter > 0.6,
        "BOM": crowded > 0 and difficulty.moving,
        "SIO": crowded > 0 and difficulty.similar,
        "SV": bool(sizes.max() ** 2 > MUCH_SCALE * sizes.min() ** 2),
        "ARC": bool(aspects.max() > MUCH_ASPECT * aspects.min()),
        "ST": bool(np.median(sizes) < SMALL * unit),
    }


def _outside(scene: Scene, frame: int) -> float:
    """The share of the target's box that is beyond the view's border."""
    points = scene.target.points(scene.clock.middle(frame))
    whole = float(np.prod(np.ptp(points, axis=0)))
    return 1 - float(np.prod(scene.box(scene.clock.middle(frame))[2:])) / whole
