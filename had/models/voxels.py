"""Voxel lists -> tokens, each voxel at the place where it lies.

Enters: (B, L, 19) rows x, y in [0, 1] of the crop, t in [0, 1] of the slice, 16 polarities; zero rows behind.
Leaves: (B, h w, D) tokens, row-major, on the same grid as image patches.

The published embedding (`ListVoxelEmbedding`) folds the list into a square in list order, so that its result changes
with the order of the rows. In `VoxelEmbedding` every voxel passes a small MLP and is summed into the grid cell that
holds its (x, y), as in PointPillars (Lang et al., CVPR 2019): the order of the rows cannot matter.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from had.options.training import VOXEL_FOLD


class VoxelEmbedding(nn.Module):
    """Per-voxel MLP, sum over the voxels of a cell, linear map to D.

    The sum is divided by the root of 1 + (number of voxels), which keeps its scale and still tells a dense
    cell from a sparse one. A cell without voxels gets the linear map's bias.

    Args:
        dim: token width D.
        hidden: width of the per-voxel MLP.
    """

    def __init__(self, *, dim: int, hidden: int = 64):
        super().__init__()
        self.fc1 = nn.Linear(19, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.proj = nn.Linear(hidden, dim)

    def forward(self, voxels: Tensor, grid: tuple[int, int]) -> Tensor:
        B = voxels.shape[0]
        h, w = grid
        filled = voxels[..., 3:].abs().amax(dim=-1) > 0  # B L
        batch, row = filled.nonzero(as_tuple=True)
        points = voxels[batch, row]  # V 19
        scale = points.new_tensor([w, h])
        place = points[:, :2] * scale
        cell = torch.minimum(place.floor().clamp(min=0), scale - 1)
        inside = 2 * (place - cell) - 1  # in [-1, 1] of the cell
        features = torch.cat([inside, 2 * points[:, 2:3] - 1, points[:, 3:]], dim=1)
        features = torch.relu(self.fc2(torch.relu(self.fc1(features))))  # V hidden
        index = (batch * h + cell[:, 1].long()) * w + cell[:, 0].long()
        sums = features.new_zeros(B * h * w, features.shape[1]).index_add(0, index, features)
        count = features.new_zeros(B * h * w).index_add(0, index, torch.ones_like(features[:, 0]))
        return self.proj(sums * torch.rsqrt(1 + count)[:, None]).view(B, h * w, -1)


class ListVoxelEmbedding(nn.Module):
    """The published embedding: rows side by side in list order, not where they lie.

    A linear map and ReLU of (x, y, t) stand in front of the 16 polarities; the L rows fill a square of side sqrt(L),
    which a convolution of `VOXEL_FOLD` x `VOXEL_FOLD` rows without overlap turns into the grid's tokens.

    Args:
        dim: token width D.
    """

    def __init__(self, *, dim: int):
        super().__init__()
        self.pos_embedding = nn.Conv1d(3, 16, kernel_size=1)
        self.proj = nn.Conv2d(32, dim, kernel_size=VOXEL_FOLD, stride=VOXEL_FOLD)

    def forward(self, voxels: Tensor, grid: tuple[int, int]) -> Tensor:
        h, w = (VOXEL_FOLD * side for side in grid)
        if voxels.shape[1] != h * w:
            raise ValueError(f"{h * w} voxels for a grid of {grid}, not {voxels.shape[1]}")
        rows = voxels.mT  # B 19 L
        places = torch.relu(self.pos_embedding(rows[:, :3]))  # B 16 L
        square = torch.cat([places, rows[:, 3:]], dim=1).unflatten(2, (h, w))
        return self.proj(square).flatten(2).mT  # B D h w -> B N D
