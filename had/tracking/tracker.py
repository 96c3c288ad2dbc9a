"""The tracker: two verbs, `initialize` and `track`, for one sequence or for many in lockstep.

Each step cuts a search crop around the last box, lets the network answer, weights the response with a
Hann window (a target does not jump), decodes the box at the maximum, and maps it back to pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from had.boxes import clip_xywh
from had.data.crops import AnyWindow, crop, from_window, window_around
from had.data.frames import Frame
from had.errors import CheckpointError
from had.models.head import decode
from had.options.tracking import TrackingOptions
from had.options.training import CropOptions

if TYPE_CHECKING:
    from had.models.network import TrackingNetwork


def hann_window(h: int, w: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """(h, w), 1 at the centre and falling to a positive value at the border: the outer product of
    ``0.5 - 0.5 cos(2 pi k / (n + 1))``, k = 1 .. n."""
    sides = [0.5 - 0.5 * torch.cos(2 * torch.pi * torch.arange(1, n + 1, dtype=dtype) / (n + 1)) for n in (h, w)]
    return sides[0][:, None] * sides[1]


def resized(old: np.ndarray, new: np.ndarray, rate: float) -> np.ndarray:
    """The new ``xywh`` box around its own centre, with a size between both: ``old ** (1 - rate) * new ** rate``."""
    if rate == 1:
        return new
    size = old[2:] ** (1 - rate) * new[2:] ** rate
    return np.concatenate([new[:2] + (new[2:] - size) / 2, size])


class Tracker:
    """Follows targets with a trained network.

    Args:
        network: in evaluation mode, on ``device``.
        crops: the crops it was trained with.
        options: weight of the window, how fast sizes change, how far boxes stay inside.
        device: where the network is.

    Attributes:
        boxes: (S, 4) float64, the last ``xywh`` box of every sequence, in pixels.
        responses: (S, h, w) float32, the last unweighted response maps; those of sequences that had no
            frame are zero.
        windows: (S, 3) float64 x, y, side of the last search windows in pixels, zeros before the first.
    """

    def __init__(self, network: TrackingNetwork, crops: CropOptions, options: TrackingOptions, device: str = "cpu"):
        self.network, self.crops, self.device = network, crops, device
        h, w = network.layout.grid_x
        influence = options.window_influence
        self.size_rate, self.clip_margin = options.size_rate, options.clip_margin
        self.weight = (1 - influence + influence * hann_window(h, w, torch.float64)).to(device)  # h w

    def initialize(self, frames: Sequence[Frame] | Frame, boxes: np.ndarray) -> None:
        """Take the targets' looks from their first frames.

        Args:
            frames: one frame, or the first frame of each of S sequences.
            boxes: (4,) or (S, 4) ``xywh`` in pixels.
        """
        frames = [frames] if isinstance(frames, Frame) else list(frames)
        self.boxes = np.array(boxes, dtype=np.float64).reshape(len(frames), 4)
        factor, size, geometry = self.crops.template_factor, self.crops.template_size, self.crops.geometry
        windows = [window_around(box, factor, size, geometry) for box in self.boxes]
        self.template = self._inputs(frames, windows, self.crops.template_voxels)
        self.responses = np.zeros((len(frames), *self.network.layout.grid_x), dtype=np.float32)
        self.windows = np.zeros((len(frames), 3))

    def track(self, frames: Sequence[Frame | None] | Frame) -> np.ndarray:
        """Follow the targets into their next frames.

        Args:
            frames: one frame, or one for each of the S sequences, None for those that have ended.

        Returns:
            (4,) or (S, 4) ``xywh`` in pixels, kept inside the sensor; that of an ended sequence stays.

        Raises:
            CheckpointError: the network computes no finite numbers.
        """
        if isinstance(frames, Frame):
            return self.track([frames])[0]
        alive = [index for index, frame in enumerate(frames) if frame is not None]
        present = [frame for frame in frames if frame is not None]
        if not present:
            return self.boxes.copy()
        factor, size, geometry = self.crops.search_factor, self.crops.search_size, self.crops.geometry
        windows = [window_around(self.boxes[index], factor, size, geometry) for index in alive]
        with torch.inference_mode():
            template = {name: value[alive] for name, value in self.template.items()}
            prediction, _ = self.network(template, self._inputs(present, windows, self.crops.search_voxels))
            weighted = prediction.response * self.weight.to(prediction.response.dtype)
            found = decode(weighted, prediction.size, prediction.offset).cpu().double().numpy()
            if not np.isfinite(found).all():
                got = "NaN or infinity: its weights are too large"
                raise CheckpointError("boxes in numbers from the network", got, "train it again at a lower rate")
            self.responses[:] = 0
            self.responses[alive] = prediction.response.cpu().numpy()
        for index, frame, window, box in zip(alive, present, windows, found, strict=True):
            moved = resized(self.boxes[index], from_window(box, window), self.size_rate)
            self.boxes[index] = clip_xywh(moved, *frame.size, margin=self.clip_margin)
            self.windows[index] = window[:3]
        return self.boxes.copy()

    def _inputs(self, frames: list[Frame], windows: list[AnyWindow], most_voxels: int) -> dict[str, Tensor]:
        """Crops as the network's batch, stream -> (S, 3, H, W) uint8 or (S, L, 19) float32."""
        inputs = {}
        for stream in self.network.streams:
            cuts = [crop(f, stream, w, most_voxels=most_voxels) for f, w in zip(frames, windows, strict=True)]
            batch = torch.from_numpy(np.stack(cuts))
            inputs[stream] = (batch if stream == "voxel" else batch.permute(0, 3, 1, 2).contiguous()).to(self.device)
        return inputs
