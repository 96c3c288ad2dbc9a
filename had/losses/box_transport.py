"""Box distillation, paired by transport: each cell's box is held against the boxes of the cells that it answers to.

This project's own term, in none of the paper's rows: row `had_box`.

Enters: boxes and response log-masses of student and teacher. Leaves: the distance of what the plans pair, (B,).

    L = sum_i | sum_j P_ij beta_j - sum_j Q_ij beta'_j | / 4

with the boxes beta, beta' that the cells of student and teacher predict, ``cxcywh`` in search-crop widths, the entropic
transport plan Q from the student's response distribution to the teacher's, and P from the student's to itself
(`had.losses.spatial`). Where the student responds one cell beside the teacher, Q pairs the two cells, and their boxes
should be the same box all the same. An entropic plan is blurred: a cell is paired with its neighbours, too, whose boxes
may be others. P blurs the student's boxes alike, so that a student that is its teacher pays nothing. The plans are
given: a response that lies wrong is the business of the `spatial` term.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from had.losses.spatial import sinkhorn_plan


def box_transport(
    student_boxes: Tensor,
    teacher_boxes: Tensor,
    student: Tensor,
    teacher: Tensor,
    *,
    epsilon: float,
    iterations: int = 200,
    tolerance: float = 1e-4,
) -> Tensor:
    """Mean absolute difference of the boxes that the transport plan pairs.

    Args:
        student_boxes, teacher_boxes: (B, h w, 4) ``cxcywh`` in search-crop widths, row-major cells; the teacher's
            without gradient.
        student, teacher: (B, h, w) log-masses (log-softmax over the grid), without gradient.
        epsilon, iterations, tolerance: of the plans, as in `had.losses.spatial.sinkhorn_divergence`.

    Returns:
        (B,) in search-crop widths, differentiable in ``student_boxes``; zero where boxes and masses are equal.
    """
    if len(student) == 0:
        return student_boxes.sum(dim=(1, 2))
    solver: dict[str, Any] = {"epsilon": epsilon, "iterations": iterations, "tolerance": tolerance}
    plans = sinkhorn_plan(torch.cat([student, student]), torch.cat([student, teacher]), **solver)
    own, across = plans.to(student_boxes.dtype).chunk(2)  # B hw hw
    return (own @ student_boxes - across @ teacher_boxes.detach()).abs().sum(dim=1).mean(dim=1)
