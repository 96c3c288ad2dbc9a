"""A sequence with a jittered first box, for the robustness to the initial box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from had.boxes import moved_xywh
from had.data.pairs import visible_frames
from had.options.analysis import Start

if TYPE_CHECKING:
    from had.data.frames import Frame
    from had.data.sequences import Sequence


class StartedSequence:
    """A sequence whose first visible box is a jittered one; all else is the sequence's.

    Args:
        sequence: one that shows its target.
        start: where tracking begins.
    """

    def __init__(self, sequence: Sequence, start: Start):
        self.sequence, self.name, self.present = sequence, sequence.name, sequence.present
        self.boxes = np.array(sequence.boxes, dtype=np.float64)
        first = np.flatnonzero(visible_frames(sequence))[:1]
        for index in first:
            self.boxes[index] = moved_xywh(self.boxes[index], dx=start.dx, dy=start.dy, scale=start.scale)

    def __len__(self) -> int:
        return len(self.boxes)

    def frame(self, index: int) -> Frame:
        """As `Sequence.frame`."""
        return self.sequence.frame(index)
