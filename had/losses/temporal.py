"""Temporal alignment (TA): recurrent states of teacher and student over a clip of search frames.

Enters: per frame the search tokens, the response map and the boxes of teacher and student, where their search windows
lie, and the target's motion.
Leaves: the student's alignment loss, the teacher state's own loss, and the variance of both states.

HAD (arXiv 2510.19560) aligns two GRUs. Here both run over the T frames of a clip and both are trained: the
teacher's state learns to read the target's motion, so that it has content; the student's state, computed from
events alone, learns to predict the teacher's. Neither exists at test time.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from had.boxes import cell_boxes

LEAST_VARIANCE = 1e-3
"""Added to the variance of a unit of the teacher's state (at most 1), so that a dead unit teaches nothing."""
LEAST_MOTION = 0.1
"""Added to the variance of a batch's motion, in cells^2, so that targets at rest do not outweigh the others."""
CONTENT_SCALE = 0.1
"""Of the standardised content of a pooled token beside its box in cells: at 1, its hundreds of channels drown the
place, and a few hundred steps do not teach the GRU to find the motion."""
SHARPNESS = 2.0
"""Factor of the logits: the many cells without a target together weigh a tenth at 1, and their boxes mean nothing."""
PLACE = 4
"""Numbers of a box."""


class TemporalLosses(NamedTuple):
    """What `TemporalAlignment` returns, all scalars.

    Attributes:
        alignment: mean squared error of the predicted teacher state, each unit standardised over the batch: 0 is
            perfect, 1 as good as a constant.
        motion: share of the motion's variance that the teacher's state does not explain: 0 is perfect, 1 as good as
            a constant.
        teacher_variance, student_variance: mean variance of a state's units over the frames of the batch.
    """

    alignment: Tensor
    motion: Tensor
    teacher_variance: Tensor
    student_variance: Tensor


class TemporalAlignment(nn.Module):
    """The two GRUs, the motion read-out and the student's predictor.

    Args:
        student_dim, teacher_dim: token widths.
        dim: width of both states.
    """

    def __init__(self, *, student_dim: int, teacher_dim: int, dim: int):
        super().__init__()
        self.teacher_gru = nn.GRU(teacher_dim + PLACE, dim, batch_first=True)
        self.student_gru = nn.GRU(student_dim + PLACE, dim, batch_first=True)
        self.motion = nn.Linear(dim, 2)
        self.predictor = nn.Linear(dim, dim)

    def forward(
        self, student: Tensor, teacher: Tensor, motion: Tensor, present: Tensor, *, cells: int
    ) -> TemporalLosses:
        """Losses of a batch of clips.

        Args:
            student, teacher: (B, T, D + 4) from `pooled`; the teacher's is taken without gradient.
            motion: (B, T, 2) displacement since the first frame in search-crop widths.
            present: (B, T) bool; other frames enter the states, not the losses.
            cells: cells of the response grid along an axis, the unit in which motion is read.
        """
        teacher_states, _ = self.teacher_gru(teacher.detach())  # B T dim
        student_states, _ = self.student_gru(student)
        if not present.any():
            nothing = (student_states.sum() + teacher_states.sum()) * 0
            return TemporalLosses(nothing, nothing, nothing.detach(), nothing.detach())
        wanted = teacher_states.detach()[present]  # n dim
        variance = wanted.var(dim=0, correction=0)  # dim
        standard = (wanted - wanted.mean(dim=0)) * torch.rsqrt(variance + LEAST_VARIANCE)
        error = (self.predictor(student_states)[present] - standard).square().mean()
        student_variance = student_states.detach()[present].var(dim=0, correction=0).mean()
        unexplained = self._unexplained(teacher_states, cells * motion, present)
        return TemporalLosses(error, unexplained, variance.mean(), student_variance)

    def _unexplained(self, states: Tensor, motion: Tensor, present: Tensor) -> Tensor:
        """Squared error of the motion read from the states over its variance, on the frames after the first one."""
        later = present & (torch.arange(present.shape[1], device=present.device) > 0)
        read, true = self.motion(states)[later], motion[later]  # n 2
        if len(true) < 2:
            return states.sum() * 0
        spread = (true - true.mean(dim=0)).square().mean()
        return (read - true).square().mean() / (spread + LEAST_MOTION)


def pooled(tokens: Tensor, logits: Tensor, size: Tensor, offset: Tensor, windows: Tensor) -> Tensor:
    """Search tokens and cells' boxes averaged with the response distribution as weight: what is seen, and where.

    Args:
        tokens: (B, h w, D), row-major.
        logits: (B, h, w); a gradient through them moves the response to where the sequence says the target is.
        size, offset: (B, 2, h, w) as in `had.structures.Prediction`; a gradient through them moves the boxes.
        windows: (B, 3) as `had.structures.Sample.windows`.

    Returns:
        (B, D + 4): the mean token, standardised and times `CONTENT_SCALE`, and the mean box, ``cxcywh`` from the middle
        of the clip's first window in cells of that window.
    """
    h, w = logits.shape[-2:]
    weights = (SHARPNESS * logits).flatten(1).softmax(dim=1)[:, None]  # B 1 hw
    mean = (weights @ tokens)[:, 0]
    box = (weights @ cell_boxes(size, offset).flatten(1, 2))[:, 0]  # B 4, in widths of its own window
    side = windows[:, 2:]
    centre = windows[:, :2] + side * (box[:, :2] - 0.5)
    place = torch.cat([centre, side * box[:, 2:]], dim=1) * windows.new_tensor([w, h, w, h])
    return torch.cat([CONTENT_SCALE * F.layer_norm(mean, mean.shape[-1:]), place], dim=1)
