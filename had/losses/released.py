"""The distillation terms of the released HAD code, as it computes them, for comparison with `had`.

Enters: the student's `Features` and response, the teacher's whole ones (`had.structures.Whole`). Leaves: one scalar a
term, a mean over the batch where the released code takes one.

What is computed departs from the paper (arXiv 2510.19560): the student's tokens are repeated behind one another and so
meet teacher tokens of other places and streams; the response loss is smallest for an empty map and grows with the
batch; both GRUs run over the (repeated) tokens of one frame and are never trained; the transport problem has a single
point, so that it is the Euclidean distance of two response vectors, wherever their peaks are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from had.losses.localization import released_focal_loss

POINT_EPSILON = 0.01
POINT_ITERATIONS = 100
GUARD = 1e-8
"""Added to the divisors of the transport problem."""
TEACHER_WIDTH, STUDENT_WIDTH = 512, 256
"""Of the GRUs' states, whatever the tokens' width."""


def tiled(tokens: Tensor) -> Tensor:
    """A student's (B, N, D) tokens repeated behind one another, as many as the teacher's."""
    return tokens.repeat(1, 2, 1)


def tiled_feature_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of (B, 2 N, D) teacher tokens and (B, N, D) student tokens repeated twice."""
    return F.mse_loss(tiled(student), teacher.detach())


def tiled_similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean Euclidean distance of attention rows, in single precision.

    The student's map (B, heads, N, N) is repeated twice along rows and columns, so that its rows sum to 2 where the
    teacher's (B, heads, 2 N, 2 N) sum to 1. 1e-6 is added to each difference.
    """
    tiled = student.repeat(1, 1, 2, 2)
    return F.pairwise_distance(tiled.float(), teacher.detach().float(), eps=1e-6).mean()


def halved_response_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Focal loss of half the student's response (B, h, w) with half the teacher's as its heat map.

    No half reaches 1, so there is no positive cell: the loss is a sum over the batch that pushes every cell down.
    """
    return released_focal_loss(student / 2, teacher.detach() / 2)


class TokenSummary(nn.Module):
    """A GRU over the tokens of one frame, in their order, and a linear map of its last state; never trained.

    Args:
        dim: token width D, and width of the summary.
        width: of the GRU's state.
    """

    def __init__(self, *, dim: int, width: int):
        super().__init__()
        self.gru = nn.GRU(dim, width, batch_first=True)
        self.fc = nn.Linear(width, dim)
        self.requires_grad_(False)

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.gru(tokens)  # B N width
        return self.fc(states[:, -1])  # B D


class TokenSummaries(nn.Module):
    """Mean squared difference of the teacher's and the student's `TokenSummary`, the latter of repeated tokens.

    Args:
        dim: token width D of both.
    """

    def __init__(self, *, dim: int):
        super().__init__()
        self.teacher_gru = TokenSummary(dim=dim, width=TEACHER_WIDTH)
        self.student_gru = TokenSummary(dim=dim, width=STUDENT_WIDTH)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return F.mse_loss(self.student_gru(tiled(student)), self.teacher_gru(teacher.detach()))


def point_transport(source: Tensor, target: Tensor) -> Tensor:
    """Entropic transport between point sets whose masses are all 1, (B, N, D) x (B, M, D) -> scalar.

    ``sum(P C) / (B N)`` with C the Euclidean distances and P from 100 Sinkhorn iterations outside the log domain, where
    exp(-C / 0.01) underflows for distances above a few tenths.
    """
    cost = torch.cdist(source, target)  # B N M
    kernel = torch.exp(-cost / POINT_EPSILON)
    u = torch.full_like(cost[..., :1], 1 / cost.shape[1])
    v = torch.full_like(cost[..., :1, :].mT, 1 / cost.shape[2])
    for _ in range(POINT_ITERATIONS):
        u = 1 / (kernel @ v + GUARD)
        v = 1 / (kernel.mT @ u + GUARD)
    return (u * kernel * v.mT * cost).sum() / (cost.shape[0] * cost.shape[1])


def response_transport(student: Tensor, teacher: Tensor) -> Tensor:
    """`point_transport` of softmax(response / 2) over the cells, each map being one point of h w coordinates."""
    masses = [(response.flatten(1) / 2).softmax(dim=1)[:, None] for response in (teacher.detach(), student)]  # B 1 hw
    return point_transport(*masses)
