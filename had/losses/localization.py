"""Task losses: where is the target, and how large is it?

Enters: the head's prediction, the true boxes (``cxcywh`` in search-crop widths) and which targets are visible.
Leaves: focal loss on the response map, GIoU and L1 losses of the box, each a mean over the batch.

Heat map and focal loss: CornerNet (Law and Deng, ECCV 2018, section 3.2) and CenterNet (Zhou et al., 2019, eq. 1).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from had.boxes import cell_boxes, cxcywh_to_xyxy, giou
from had.structures import Prediction

MINIMAL_OVERLAP = 0.7
"""IoU that a box shifted by the heat map's radius keeps."""


class Target(NamedTuple):
    """What the response map should look like.

    Attributes:
        heat: (B, h, w) in [0, 1], exactly 1 at the target's cell; all zero where there is no target.
        cell: (B,) row-major index of that cell; 0 where there is none.
        inside: (B,) bool, True where the target is visible and its cell lies on the grid.
    """

    heat: Tensor
    cell: Tensor
    inside: Tensor


def gaussian_radius(width: Tensor, height: Tensor) -> Tensor:
    """Radius in cells of the heat map's Gaussian for boxes of a size in cells, each (...).

    The smallest of the three CornerNet cases, with the published division by 2 where the quadratic's formula
    has 2a.
    """
    o = MINIMAL_OVERLAP
    total, area = width + height, width * height
    shrunk = (total + torch.sqrt(total**2 - 4 * area * (1 - o) / (1 + o))) / 2
    inner = (2 * total + torch.sqrt(4 * total**2 - 16 * (1 - o) * area)) / 2
    outer = (-2 * o * total + torch.sqrt(4 * o**2 * total**2 + 16 * o * (1 - o) * area)) / 2
    return torch.minimum(torch.minimum(shrunk, inner), outer).clamp(min=0)


def heat_target(
    boxes: Tensor, present: Tensor, grid: tuple[int, int], *, centre: str = "floor", radius: int = 1
) -> Target:
    """The Gaussian heat map of each box.

    Args:
        boxes: (B, 4) ``cxcywh`` in search-crop widths.
        present: (B,) bool.
        grid: (h, w) cells.
        centre: ``"floor"``, the cell in which the centre lies, or ``"round"``, the nearest index (published).
        radius: least radius in cells.
    """
    h, w = grid
    boxes = torch.where(present[:, None], boxes, boxes.new_tensor(0.5))
    place = boxes[:, :2] * boxes.new_tensor([w, h])
    cell = place.floor() if centre == "floor" else place.round()  # B 2
    sides = boxes[:, 2:].clamp(min=0) * boxes.new_tensor([w, h])
    reach = gaussian_radius(sides[:, 0], sides[:, 1]).floor().clamp(min=radius)  # B
    dx = torch.arange(w, device=boxes.device) - cell[:, :1]  # B w
    dy = torch.arange(h, device=boxes.device) - cell[:, 1:]  # B h
    deviation = (2 * reach + 1) / 6
    distance = dy[:, :, None] ** 2 + dx[:, None, :] ** 2  # B h w
    within = (dy.abs() <= reach[:, None])[:, :, None] & (dx.abs() <= reach[:, None])[:, None, :]
    heat = torch.exp(-distance / (2 * deviation**2)[:, None, None]) * within * present[:, None, None]
    x, y = cell.long().unbind(1)
    inside = present & (x >= 0) & (x < w) & (y >= 0) & (y < h)
    return Target(heat, torch.where(inside, y * w + x, 0), inside)


def focal_loss(logits: Tensor, heat: Tensor) -> Tensor:
    """Penalty-reduced focal loss, summed over the cells and averaged over the maps.

    ``-(1 - p)^2 log p`` where heat = 1, ``-(1 - heat)^4 p^2 log(1 - p)`` elsewhere, with p = sigmoid(logits).
    The published form divides by the number of positives; each map of a target inside the grid has exactly one,
    so that the two agree there, and maps without a target neither vanish nor grow with the batch.

    Args:
        logits, heat: (B, h, w).
    """
    p = logits.sigmoid()
    positive = heat == 1
    at_target = -((1 - p) ** 2) * F.logsigmoid(logits)
    elsewhere = -((1 - heat) ** 4) * p**2 * F.logsigmoid(-logits)
    return torch.where(positive, at_target, elsewhere).sum() / len(logits)


def released_focal_loss(response: Tensor, heat: Tensor) -> Tensor:
    """The same as the released code computes it: over the cells that are exactly 1, or not normalised without any.

    Args:
        response: (B, h, w) in (0, 1), clamped, so that a saturated cell has no gradient.
        heat: (B, h, w).
    """
    p = response.clamp(min=1e-12)
    positive = heat == 1
    at_target = -((1 - p) ** 2) * torch.log(p)
    elsewhere = -((1 - heat) ** 4) * p**2 * torch.log(1 - p)
    return torch.where(positive, at_target, elsewhere).sum() / positive.sum().clamp(min=1)


def cell_weights(prediction: Prediction, target: Target, choice: str) -> Tensor:
    """How much each cell's box counts, (B, h w), rows sum to 1: one cell, or the normalised heat map."""
    if choice == "gaussian":
        weights = target.heat.flatten(1)
        return weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
    cell = target.cell if choice == "target" else prediction.response.flatten(1).argmax(dim=1)
    return F.one_hot(cell, prediction.response[0].numel()).to(prediction.response.dtype)


def box_losses(
    prediction: Prediction,
    boxes: Tensor,
    target: Target,
    *,
    cell: str = "target",
    counted: Tensor | None = None,
    clip: bool = False,
) -> tuple[Tensor, Tensor]:
    """1 - GIoU and mean absolute error of the corners in search-crop widths, averaged over the counted targets.

    Args:
        boxes: (B, 4) ``cxcywh`` in search-crop widths.
        cell: whose box is supervised: ``"target"``, ``"argmax"`` (published) or ``"gaussian"``.
        counted: (B,) bool; None: those whose cell lies on the grid.
        clip: cut the true boxes to the crop (published).

    Returns:
        Two scalars; both zero when no target counts.
    """
    counted = target.inside if counted is None else counted
    predicted = cxcywh_to_xyxy(cell_boxes(prediction.size, prediction.offset).flatten(1, 2))  # B hw 4
    true = cxcywh_to_xyxy(torch.where(counted[:, None], boxes, boxes.new_tensor(0.5)))[:, None]  # B 1 4
    if clip:
        true = true.clamp(0, 1)
    weights = cell_weights(prediction, target, cell) * counted[:, None]
    count = counted.sum().clamp(min=1)
    overlap = (weights * (1 - giou(predicted, true.expand_as(predicted)))).sum() / count
    distance = (weights * (predicted - true).abs().mean(dim=-1)).sum() / count
    return overlap, distance
