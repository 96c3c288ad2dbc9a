"""Signs of suspicious annotations: presence flags that may be inverted, boxes that may be shares of the image."""

from __future__ import annotations

import numpy as np

from had.data.annotation_layouts import AnnotationLayout

LEAST_PRESENT = 0.5
"""Share of frames with target below which flags are doubted; 0.91 in those halves of COESOT and VisEvent at hand."""


def doubt_presence(layout: AnnotationLayout, present: int, frames: int) -> str:
    """Half a sentence where most of some frames count as absent, because another layout's flags mean the contrary.

    Args:
        present: frames that show the target.
        frames: of all sequences.
    """
    if not layout.presence or present >= LEAST_PRESENT * frames:
        return ""
    share = f"{100 * present / frames:.0f}% of {frames} frames"
    return f"the target counts as present in {share} only, because a flag of {layout.present_value} is read as present"


def are_shares(boxes: np.ndarray) -> bool:
    """Whether (F, 4) ``xywh`` may be shares of the picture, not pixels: all in 0..1, one with an area."""
    return bool(((boxes >= 0) & (boxes <= 1)).all() and (boxes[:, 2:] > 0).all(axis=1).any())
