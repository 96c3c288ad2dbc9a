"""The few named tuples that cross borders between data, models and losses.

Axes: B batch, T frames of a clip, N tokens, D channels, H W pixels, h w response grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Sample(NamedTuple):
    """One template and a clip of T consecutive search frames of one sequence (batched: a leading B).

    Attributes:
        template: stream name -> network input, (3, Hz, Wz) uint8 for images, (L, 19) float32 for voxels.
        search: stream name -> (T, 3, Hx, Wx) uint8, or (T, L, 19) float32 for voxels.
        boxes: (T, 4) float32, ``cxcywh`` in search-crop widths, [0, 1] inside the crop.
        present: (T,) bool, False where the target is not visible in that frame.
        motion: (T, 2) float32, the target centre's displacement since the clip's first frame in
            search-crop widths, measured in the scene (crop jitter taken out); row 0 is zero.
        windows: (T, 3) float32, x and y of each search window's centre from the first one's, and its side, in widths
            of the first window: what a tracker knows of where it looks. Row 0 is (0, 0, 1).
        labelled: () bool, False where boxes, presence and motion are pseudo-labels: a teacher's track.
    """

    template: dict[str, Tensor]
    search: dict[str, Tensor]
    boxes: Tensor
    present: Tensor
    motion: Tensor
    windows: Tensor
    labelled: Tensor


class TokenLayout(NamedTuple):
    """Where each (role, stream) lies along the token axis of a network.

    Attributes:
        spans: ``(role, stream) -> slice``; role is ``"z"`` (template) or ``"x"`` (search).
        grid_z: (h, w) of one stream's template tokens, row-major.
        grid_x: (h, w) of one stream's search tokens, row-major.
    """

    spans: dict[tuple[str, str], slice]
    grid_z: tuple[int, int]
    grid_x: tuple[int, int]


class Features(NamedTuple):
    """What the distillation losses look at inside a network.

    Attributes:
        tokens: (B, N, D) after the final norm.
        attention: (B, heads, N, N) softmax map of the last block, or None where it was not asked for.
        layout: what the N tokens are.
    """

    tokens: Tensor
    attention: Tensor | None
    layout: TokenLayout


class Whole(NamedTuple):
    """All that a frozen teacher computes for a search crop, as the released losses read it.

    Attributes:
        response: (B, h, w) response map in (0, 1).
        boxes: (B, 4) ``cxcywh`` in search-crop widths, decoded at the response's maximum.
        tokens: (B, 2 N, D) of both streams, in the network's order.
        attention: (B, heads, 2 N, 2 N) among them; None where it was not asked for.
    """

    response: Tensor
    boxes: Tensor
    tokens: Tensor
    attention: Tensor | None


class Lesson(NamedTuple):
    """What a frozen teacher says about one search crop, cut to what its student can be held against.

    Attributes:
        logits: (B, h, w) response map before the sigmoid.
        size, offset: (B, 2, h, w) as in `Prediction`.
        tokens: (B, Nz + Nx, D) of the matched stream, template before search region.
        attention: (B, heads, Nz + Nx, Nz + Nx) among these tokens, rows sum to 1; None where no run asks for it.
        whole: the same uncut, for the released terms; None where no run asks for it, and in lessons that are kept.
    """

    logits: Tensor
    size: Tensor
    offset: Tensor
    tokens: Tensor
    attention: Tensor | None
    whole: Whole | None = None


class Prediction(NamedTuple):
    """What the head says about one search crop.

    Attributes:
        logits: (B, h, w) response map before the sigmoid.
        response: (B, h, w) response map in (0, 1).
        size: (B, 2, h, w) box width and height in search-crop widths, at every cell.
        offset: (B, 2, h, w) x and y offset of the centre inside its cell, in cells.
        boxes: (B, 4) ``cxcywh`` in search-crop widths, decoded at the response's first maximum.
    """

    logits: Tensor
    response: Tensor
    size: Tensor
    offset: Tensor
    boxes: Tensor
