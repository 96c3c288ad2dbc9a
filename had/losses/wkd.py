"""WKD, one of the two published alternatives, as the released HAD code adapts it to tracking.

After Lv et al., Wasserstein Distance Rivals Kullback-Leibler Divergence for Knowledge Distillation, NeurIPS 2024.
Enters: the student's and the teacher's tokens and the teacher's response. Leaves: one scalar a term. Of the two
published terms the one on logits has become a constant: its transport problem has one point.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KEPT = 0.2
"""Share of the teacher's cells, the strongest ones, whose tokens are compared."""
RELATED = 0.3
"""Share of the teacher's cells between which the cost of the transport is taken."""
EPSILON = 0.05
"""Regularisation of that transport."""
STABLE = 1e-5


def point_transport_cost(response: Tensor) -> Tensor:
    """The term on logits as released, a mean over the batch: its plan has one entry, 1, whoever the student is.

    ``1 - exp(r - 1) - log EPSILON``, r = (sum of the strongest normalised cells)^2 / cells^2: the mean over all pairs
    of cells of the products of a map of norm 1, of which those among the strongest `RELATED` alone are kept.

    Args:
        response: (B, h, w) of the teacher; no gradient reaches it, nor a student.
    """
    cells = response.detach().flatten(1)
    least = cells.topk(int(RELATED * cells.shape[1]), dim=1).values[:, -1:]
    strongest = (F.normalize(cells, dim=1) * (cells >= least)).sum(dim=1)
    related = (strongest / cells.shape[1]).square()  # B
    return (1 - torch.exp(related - 1) - math.log(EPSILON)).mean()


class GaussianFeatures(nn.Module):
    """Distance of two Gaussians fitted to the tokens: means, and fourth roots of the variances.

    ``2 |m_t - m_s|^2 + sum_d (v_t^(1/2) + v_s^(1/2) - 2 (v_t v_s)^(1/4))``, the student's tokens having passed a
    projector that is never trained. The chosen cells are stretched over all tokens, template and both streams, so
    that they do not say which search tokens are meant.

    Args:
        dim: token width D.
    """

    def __init__(self, *, dim: int):
        super().__init__()
        self.projector = nn.Sequential(nn.Linear(dim, dim), nn.LayerNorm(dim), nn.ReLU(), nn.Linear(dim, dim))
        self.requires_grad_(False)

    def forward(self, student: Tensor, teacher: Tensor, response: Tensor) -> Tensor:
        """Mean over the batch.

        Args:
            student, teacher: (B, N, D) and (B, 2 N, D) tokens.
            response: (B, h, w) of the teacher.
        """
        cells = response.detach().flatten(1)
        strongest = cells.topk(int(KEPT * cells.shape[1]), dim=1).indices
        mask = torch.zeros_like(cells).scatter_(1, strongest, 1)
        m_t, v_t = moments(teacher.detach(), mask)
        m_s, v_s = moments(self.projector(student), mask)
        spread = v_t.sqrt() + v_s.sqrt() - 2 * (v_t * v_s) ** 0.25
        return (2 * (m_t - m_s).square() + spread).sum(dim=1).mean()


def moments(tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance over the chosen tokens, (B, N, D) and (B, cells) of zeros and ones -> (B, D) each."""
    chosen = (F.adaptive_avg_pool1d(mask[:, None], tokens.shape[1])[:, 0] > 0.5).to(tokens.dtype)[..., None]  # B N 1
    count = chosen.sum(dim=1) + STABLE
    mean = (tokens * chosen).sum(dim=1) / count
    variance = ((tokens - mean[:, None]).square() * chosen).sum(dim=1) / count
    return mean, variance + STABLE
