"""Spatial alignment of boxes: each cell's box is held against the boxes of those cells that it answers to.

Enters: boxes and response log-masses of student and teacher. Leaves: the mean distance of the paired boxes (B,).

    L = sum_ij P_ij |beta_i - beta'_j| / 4

with the entropic transport plan P between the two response distributions (`had.losses.spatial`) and the boxes beta,
beta' that the cells predict, ``cxcywh`` in search-crop widths. Where the student responds one cell beside the teacher,
the plan pairs the two cells, and their boxes should be the same box all the same. The plan is given: a response that
lies wrong is the business of the `spatial` term.
"""

from __future__ import annotations

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
        epsilon, iterations, tolerance: of the plan, as in `had.losses.spatial.sinkhorn_divergence`.

    Returns:
        (B,) in search-crop widths, differentiable in ``student_boxes``; zero iff all paired boxes agree.
    """
    if len(student) == 0:
        return student_boxes.sum(dim=(1, 2))
    plan = sinkhorn_plan(student, teacher, epsilon=epsilon, iterations=iterations, tolerance=tolerance)
    distance = (student_boxes[:, :, None] - teacher_boxes.detach()[:, None]).abs().mean(dim=-1)  # B hw hw
    return (plan.to(distance.dtype) * distance).sum(dim=(1, 2))
