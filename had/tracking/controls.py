"""Trackers that never learned, with the tracker's two verbs: bounds that every network is held against.

`static` never moves its box, `ground_truth` knows the answer, `mil` is OpenCV's online multiple-instance
learner (Babenko, Yang, Belongie, CVPR 2009) on the images that the student sees.
"""

from __future__ import annotations

import ctypes
from typing import Protocol

import numpy as np

from had.data.crops import BACKGROUND
from had.data.frames import Frame

MIL_SEED = 0
MIL_TARGET_SIDE = 24
"""Pixels to which the target is shrunk before MIL looks at it, which bounds its cost; it searches 12 of them around."""
MIL_SMALLEST_SIDE = 12
"""Pixels of the shrunk image to which a smaller box is widened: in tiny ones OpenCV looks for features for ever."""
MIL_BORDER = MIL_TARGET_SIDE
"""Pixels of background around the shrunk image."""


class SingleTracker(Protocol):
    """The two verbs for one sequence."""

    def initialize(self, frame: Frame, box: np.ndarray) -> None: ...

    def track(self, frame: Frame) -> np.ndarray: ...


class Static:
    """The first box for ever."""

    def initialize(self, frame: Frame, box: np.ndarray) -> None:
        self.box = np.array(box, dtype=np.float64)

    def track(self, frame: Frame) -> np.ndarray:
        return self.box.copy()


class GroundTruth:
    """The annotation itself, which shows what the metrics make of a perfect track.

    Args:
        boxes: (F, 4) ``xywh`` boxes from the first tracked frame on.
    """

    def __init__(self, boxes: np.ndarray):
        self.boxes = np.asarray(boxes, dtype=np.float64)

    def initialize(self, frame: Frame, box: np.ndarray) -> None:
        self.index = 0

    def track(self, frame: Frame) -> np.ndarray:
        self.index += 1
        return self.boxes[self.index].copy()


class Mil:
    """OpenCV's MIL tracker on one image stream, seeded, on images shrunk so that it keeps up.

    It cannot change the box's size. Its random numbers come from states that the whole process shares and
    that `initialize` seeds, so sequences must be tracked one after the other.

    Args:
        stream: the image stream.
    """

    def __init__(self, stream: str):
        self.stream = stream

    def initialize(self, frame: Frame, box: np.ndarray) -> None:
        import cv2

        cv2.setRNGSeed(MIL_SEED)
        ctypes.CDLL(None).srand(MIL_SEED)  # MIL draws its features with the C library's rand()
        self.box = np.array(box, dtype=np.float64)
        self.scale = min(1.0, MIL_TARGET_SIDE / float(np.sqrt(max(box[2] * box[3], 1.0))))
        image = self._image(frame)
        limits = np.array([image.shape[1], image.shape[0]])
        centre = (self.box[:2] + self.box[2:] / 2) * self.scale + MIL_BORDER
        sides = np.minimum(np.maximum(np.round(self.box[2:] * self.scale), MIL_SMALLEST_SIDE), limits - 1)
        self.start = np.clip(np.round(centre - sides / 2), 0, limits - sides)
        parameters = cv2.TrackerMIL.Params()
        parameters.samplerSearchWinSize = MIL_TARGET_SIDE // 2
        self.tracker = cv2.TrackerMIL.create(parameters)
        self.tracker.init(image, tuple(int(value) for value in (*self.start, *sides)))

    def track(self, frame: Frame) -> np.ndarray:
        """The box moved as MIL's box moved; it stays where MIL finds nothing."""
        found, place = self.tracker.update(self._image(frame))
        if found:
            moved = (np.array(place[:2], dtype=np.float64) - self.start) / self.scale
            return np.concatenate([self.box[:2] + moved, self.box[2:]])
        return self.box.copy()

    def _image(self, frame: Frame) -> np.ndarray:
        """The image, shrunk, with a border of background, because MIL cannot work at the very edge."""
        import cv2

        image = frame.image(self.stream)
        if self.scale < 1.0:
            size = (max(round(image.shape[1] * self.scale), 8), max(round(image.shape[0] * self.scale), 8))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        ground = (BACKGROUND[self.stream],) * 3
        return cv2.copyMakeBorder(image, *(MIL_BORDER,) * 4, cv2.BORDER_CONSTANT, value=ground)


def build_control(name: str, *, stream: str, boxes: np.ndarray) -> SingleTracker:
    """The control of that name; ``boxes`` are the ground truth from the first tracked frame on."""
    if name == "ground_truth":
        return GroundTruth(boxes)
    return Mil(stream) if name == "mil" else Static()
