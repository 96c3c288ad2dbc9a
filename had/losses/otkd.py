"""OTKD, one of the two published alternatives, as the released HAD code computes it.

Enters: tokens, responses and boxes of student and teacher. Leaves: three scalars to learn from, and two to log.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POOLS = (2, 4, 8)
"""Sides of the averaged squares of tokens."""
STABLE = 1e-8


class PooledFeatures(nn.Module):
    """Mean squared difference of token pyramids that passed one perceptron, which is never trained.

    All tokens are folded in list order into the squarest grid (640 into 20 x 32), the student's after being repeated
    twice; averages over squares of 2, 4 and 8 pass the perceptron, are folded likewise (212 into 4 x 53) and
    stretched to the tokens' grid.

    Args:
        dim: token width D.
    """

    def __init__(self, *, dim: int):
        super().__init__()
        maps = [nn.Linear(dim, dim) for _ in range(3)]
        self.cal_mlp = nn.Sequential(maps[0], nn.ReLU(), maps[1], nn.ReLU(), maps[2])
        self.requires_grad_(False)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """(B, N, D) and (B, 2 N, D) tokens -> scalar."""
        return F.mse_loss(self.pyramid(student.repeat(1, 2, 1)), self.pyramid(teacher.detach()))

    def pyramid(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, D, rows, columns)."""
        shape = squarest(tokens.shape[1])
        grid = tokens.mT.unflatten(2, shape)  # B D rows columns
        pooled = [F.avg_pool2d(grid, side, ceil_mode=True).flatten(2) for side in POOLS]
        vectors = self.cal_mlp(torch.cat(pooled, dim=2).mT)  # B n D
        folded = vectors.mT.unflatten(2, squarest(vectors.shape[1]))
        return F.interpolate(folded, size=shape, mode="bilinear", align_corners=False)


@torch.no_grad()
def attended_differences(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared differences of tokens weighted by channel, and by place: the released code logs them, and no more.

    A channel's weight is the softmax over the channels of its mean over the tokens, a place's the softmax over the
    tokens of its mean over the channels; each side has its own.

    Args:
        student, teacher: (B, N, D) and (B, 2 N, D) tokens; the student's are repeated twice.
    """
    student = student.repeat(1, 2, 1)
    differences = []
    for over, among in ((1, 2), (2, 1)):
        own, wanted = (tokens * tokens.mean(dim=over, keepdim=True).softmax(dim=among) for tokens in (student, teacher))
        differences.append(F.mse_loss(own, wanted))
    return differences[0], differences[1]


def squarest(count: int) -> tuple[int, int]:
    """Rows and columns of the squarest grid of ``count`` cells, no more rows than columns."""
    rows = next(rows for rows in range(math.isqrt(count), 0, -1) if count % rows == 0)
    return rows, count // rows


def correlation_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - Pearson's correlation of (B, n) rows, mean over the batch.

    The covariance is divided by n and the deviations by n - 1, so that equal rows cost 1 / n.
    """
    teacher = teacher.detach()
    covariance = (student - student.mean(dim=1, keepdim=True)) * (teacher - teacher.mean(dim=1, keepdim=True))
    return (1 - covariance.mean(dim=1) / (student.std(dim=1) * teacher.std(dim=1) + STABLE)).mean()
