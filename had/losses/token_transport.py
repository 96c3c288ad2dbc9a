"""Spatial alignment over tokens: what the student sees is moved to where the teacher sees it.

Enters: search tokens and response maps of student and teacher. Leaves: the debiased entropic transport cost (B,).

    C_ij = |s_i - t_j|^2 / (2 D) + balance |x_i - x_j|^2

with standardised tokens s, t of width D (unrelated ones cost 1) and cell centres x in search-region widths; the masses
are the two response distributions, so that the target's tokens weigh most. The cost depends on the student, which is
why no kernel can be kept for all maps as in `had.losses.spatial`: the general solver of POT (Flamary et al., JMLR 2021)
solves all maps of a batch at once. By the envelope theorem the plan is the gradient with respect to C.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from had.losses.spatial import axis_cost


def token_transport(
    student: Tensor,
    teacher: Tensor,
    student_logits: Tensor,
    teacher_logits: Tensor,
    *,
    epsilon: float,
    balance: float,
    iterations: int = 200,
    tolerance: float = 1e-4,
) -> Tensor:
    """Sinkhorn divergence between two clouds of tokens.

    Args:
        student, teacher: (B, h w, D) search tokens of one width; the teacher's without gradient.
        student_logits, teacher_logits: (B, h, w) responses; only the masses, without gradient.
        epsilon: regularisation in the cost's unit.
        balance: price of a search-region width, squared.
        iterations: most Sinkhorn iterations.
        tolerance: change of the plan's marginals at which to stop.

    Returns:
        (B,), zero iff tokens and masses agree, differentiable in ``student``.
    """
    if len(student) == 0:
        return student.sum(dim=(1, 2))
    h, w = student_logits.shape[1:]
    ground = balance * (
        axis_cost(h, student.device)[:, None, :, None] + axis_cost(w, student.device)[None, :, None, :]
    ).reshape(h * w, h * w)
    s, t = (F.layer_norm(tokens, tokens.shape[-1:]).double() for tokens in (student, teacher.detach()))
    a, b = (logits.detach().double().flatten(1).softmax(dim=1) for logits in (student_logits, teacher_logits))
    # One batch: student to teacher, student to itself, teacher to itself.
    cost = torch.cat([_squares(s, t), _squares(s, s), _squares(t, t)]) / (2 * s.shape[-1]) + ground
    value = _entropic(cost, torch.cat([a, a, b]), torch.cat([b, a, b]), epsilon, iterations, tolerance)
    across, own, theirs = value.chunk(3)
    return (across - (own + theirs) / 2).to(student.dtype)


def _squares(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances, (B, n, D) x (B, m, D) -> (B, n, m)."""
    return (x.square().sum(-1)[:, :, None] + y.square().sum(-1)[:, None] - 2 * x @ y.mT).clamp(min=0)


def _entropic(cost: Tensor, a: Tensor, b: Tensor, epsilon: float, iterations: int, tolerance: float) -> Tensor:
    """min_P <P, C> + eps KL(P | a b^T), (B,); the gradient with respect to C is the plan P."""
    import ot

    with torch.no_grad():
        options = {"reg": epsilon, "reg_type": "kl", "method": "log_sinkhorn", "grad": "detach"}
        plan = ot.solve_batch(cost, a=a, b=b, max_iter=iterations, tol=tolerance, **options).plan
        product = a[:, :, None] * b[:, None]
        entropy = (torch.xlogy(plan, plan) - torch.xlogy(plan, product)).sum(dim=(1, 2))
    return (plan * cost).sum(dim=(1, 2)) + epsilon * entropy
