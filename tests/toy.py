"""Prepared sequences without a disk: a bright disc of events that moves on a small sensor."""

from __future__ import annotations

from copy import copy

import numpy as np
import torch

from had.data.frames import EVENT_DTYPE, Frame

SIZE = (96, 72)


class ToySequence:
    """Has what `had.data.sequences.Sequence` has: name, boxes, present, len, frame.

    The target, a 14 x 12 box full of ON events, moves on a circle; some OFF noise surrounds it.
    """

    def __init__(self, name: str, frames: int = 10, seed: int = 0, absent: tuple[int, ...] = ()):
        rng = np.random.default_rng([seed, frames])
        phase, speed = rng.random() * 6.28, 0.1 + 0.2 * rng.random()
        angle = phase + speed * np.arange(frames)
        x, y = 40 + 20 * np.cos(angle), 30 + 15 * np.sin(angle)
        self.name, self.size = name, SIZE
        self.boxes = np.stack([x, y, np.full(frames, 14.0), np.full(frames, 12.0)], axis=1)
        self.present = np.ones(frames, dtype=bool)
        for index in absent:
            self.present[index] = False
            self.boxes[index] = 0
        self._seed, self._drawn = seed, self.boxes

    def __len__(self) -> int:
        return len(self.boxes)

    def check(self) -> None:
        """Nothing is on disk."""

    def annotated(self, boxes: np.ndarray, present: np.ndarray) -> ToySequence:
        other = copy(self)
        other.boxes, other.present = boxes, present
        return other

    def frame(self, index: int) -> Frame:
        rng = np.random.default_rng([self._seed, index, 7])
        x, y, w, h = self._drawn[index]
        on = np.stack([x + w * rng.random(150), y + h * rng.random(150)], axis=1)
        off = rng.random((60, 2)) * SIZE
        where = np.concatenate([on[: 150 * bool(w)], off]).clip(0, np.array(SIZE) - 1).astype(np.uint16)
        events = np.zeros(len(where), dtype=EVENT_DTYPE)
        events["x"], events["y"] = where.T
        events["p"] = -1
        events["p"][: len(where) - len(off)] = 1
        voxels = np.zeros((40, 19), dtype=np.float32)
        voxels[:, 0], voxels[:, 1] = rng.random(40) * SIZE[0], rng.random(40) * SIZE[1]
        voxels[:, 2] = rng.random(40)
        voxels[:, 3] = rng.choice(np.array([-1, 1]), 40)
        rgb = rng.integers(0, 256, size=(SIZE[1], SIZE[0], 3), dtype=np.uint8)
        return Frame(size=SIZE, events=events, voxels=voxels, images={"rgb": rgb})


def toy_split(count: int, frames: int = 10, first: int = 0) -> list[ToySequence]:
    return [ToySequence(f"toy{first + index:02d}", frames, seed=first + index) for index in range(count)]


def same(a, b) -> bool:
    """Whether two samples are equal to the bit."""
    pairs = zip(
        (*a.template.values(), *a.search.values(), *a[2:]),
        (*b.template.values(), *b.search.values(), *b[2:]),
        strict=True,
    )
    return all(torch.equal(x, y) for x, y in pairs)
