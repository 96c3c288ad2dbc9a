"""One sample's augmentation: mirrored, turned, inverted, and its RGB in other light.

A crop as cut enters, the network's input leaves. All crops of a sample, template and search, share one `Look`, and
its boxes and motion go the same way as its pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from had.options.training import CropOptions


class Look(NamedTuple):
    """What is done to a sample.

    Attributes:
        flip: mirrored left to right.
        turns: then turned by this many quarter turns, each taking the top to the left side.
        invert: bright and dark, ON and OFF change places.
        grey: RGB loses its colour.
        levels: (256,) uint8, brightness and contrast of RGB as a look-up table.
    """

    flip: bool
    turns: int
    invert: bool
    grey: bool
    levels: np.ndarray

    @classmethod
    def draw(cls, options: CropOptions, rng: np.random.Generator) -> Look:
        """A random look; the generator is advanced by the same amount whatever the options are."""
        flip, grey, turn, invert = rng.random(4) < (options.flip, options.grey, options.quarter_turn, options.inversion)
        turns = int(rng.integers(1, 4)) * int(turn)
        contrast, brightness = 1 + options.colour_jitter * (2 * rng.random(2) - 1)
        levels = ((np.arange(256) - 128.0) * contrast + 128.0) * brightness
        levels = levels.round().clip(0, 255).astype(np.uint8)
        return cls(bool(flip), turns, bool(invert), bool(grey), levels)

    def apply(self, stream: str, cut: np.ndarray) -> torch.Tensor:
        """A crop as the network's input: (H, W, 3) -> (3, H, W) uint8, or (L, 19) float32 voxels."""
        if stream == "voxel":
            return torch.from_numpy(self._voxels(cut))
        if stream == "rgb":
            cut = self._light(cut)
        elif self.invert:
            cut = cut[..., ::-1]  # red ON and blue OFF change places (to 20 grey levels)
        if self.flip:
            cut = cut[:, ::-1]
        cut = np.rot90(cut, self.turns)
        return torch.from_numpy(np.ascontiguousarray(cut.transpose(2, 0, 1)))

    def place(self, boxes: np.ndarray) -> np.ndarray:
        """(..., 4) ``cxcywh`` in crop widths, where the pixels went."""
        centres = self._points(boxes[..., :2])
        sides = boxes[..., :1:-1] if self.turns % 2 else boxes[..., 2:]
        return np.concatenate([centres, sides], axis=-1)

    def direction(self, motion: np.ndarray) -> np.ndarray:
        """(..., 2) displacements, turned as the pixels were."""
        return self._points(motion + 0.5) - 0.5

    def _points(self, points: np.ndarray) -> np.ndarray:
        x, y = points[..., 0], points[..., 1]
        if self.flip:
            x = 1 - x
        for _ in range(self.turns):
            x, y = y, 1 - x
        return np.stack([x, y], axis=-1)

    def _light(self, cut: np.ndarray) -> np.ndarray:
        """RGB, with black padding left black."""
        lit = self.levels[255 - cut if self.invert else cut]
        lit[~cut.any(axis=-1)] = 0
        if self.grey:
            import cv2

            lit = cv2.cvtColor(cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return lit

    def _voxels(self, voxels: np.ndarray) -> np.ndarray:
        if self.flip or self.turns:
            polarities = voxels[:, 3:]
            filled = np.einsum("ij,ij->i", polarities, polarities) > 0
            voxels[filled, :2] = self._points(voxels[filled, :2])
        if self.invert:
            voxels[:, 3:] *= -1
        return voxels
