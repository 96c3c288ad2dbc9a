"""Centre head: search tokens on their grid -> response map, box size and centre offset at every cell.

Enters: (B, C, h, w). Leaves: `had.structures.Prediction`.

Three stacks of 3x3 convolution, batch norm and ReLU (CenterNet, Zhou et al., 2019; layout and parameter names
of OSTrack, Ye et al., ECCV 2022). Boxes are ``cxcywh`` in search-crop widths; channel 0 is x or w, 1 is y or h.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from had.boxes import cell_boxes
from had.structures import Prediction

FLOOR = 1e-4
"""Responses and sizes stay in [FLOOR, 1 - FLOOR]."""


class CentreHead(nn.Module):
    """Response, offset and size branches.

    The offset is not bounded, as published: a peak that is one cell off can still give the right box.

    Args:
        inputs: channels C of the grid.
        channels: channels of the first layer; they halve three times.
    """

    def __init__(self, *, inputs: int, channels: int):
        super().__init__()
        widths = (inputs, channels, channels // 2, channels // 4, channels // 8)
        for branch, outputs in (("ctr", 1), ("offset", 2), ("size", 2)):
            for i in range(4):
                convolution = nn.Conv2d(widths[i], widths[i + 1], kernel_size=3, padding=1)
                norm = nn.BatchNorm2d(widths[i + 1])
                self.add_module(f"conv{i + 1}_{branch}", nn.Sequential(convolution, norm, nn.ReLU(inplace=True)))
            self.add_module(f"conv5_{branch}", nn.Conv2d(widths[4], outputs, kernel_size=1))
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        # Start as ignorance: one cell in ten responds, the centre is mid-cell, the box a quarter of the crop.
        for branch, start in (("ctr", math.log(0.1 / 0.9)), ("offset", 0.5), ("size", math.log(0.25 / 0.75))):
            nn.init.constant_(self.get_parameter(f"conv5_{branch}.bias"), start)

    def branch(self, grid: Tensor, name: str) -> Tensor:
        """One stack's raw output, (B, 1 or 2, h, w)."""
        for i in range(1, 6):
            grid = self.get_submodule(f"conv{i}_{name}")(grid)
        return grid

    def forward(self, grid: Tensor) -> Prediction:
        logits = self.branch(grid, "ctr")[:, 0]  # B h w
        response = logits.sigmoid().clamp(FLOOR, 1 - FLOOR)
        size = self.branch(grid, "size").sigmoid().clamp(FLOOR, 1 - FLOOR)
        offset = self.branch(grid, "offset")
        return Prediction(logits, response, size, offset, decode(response, size, offset))


def decode(response: Tensor, size: Tensor, offset: Tensor) -> Tensor:
    """The box at the response's first maximum in row-major order.

    Args:
        response: (B, h, w), possibly weighted with a window.
        size: (B, 2, h, w) in search-crop widths.
        offset: (B, 2, h, w) in cells.

    Returns:
        (B, 4) ``cxcywh`` in search-crop widths.
    """
    best = response.flatten(1).argmax(dim=1)  # B
    boxes = cell_boxes(size, offset).flatten(1, 2)  # B hw 4
    return boxes[torch.arange(len(best), device=best.device), best]
