"""Candidate elimination: search tokens that the template does not look at are dropped inside the transformer.

Enters: tokens and the attention of the block that made them. Leaves: fewer tokens, and the places they came from.

After a block, each place of the search region is scored with the attention that chosen template cells pay to it, a
mean over heads and cells, summed over the streams; the best share goes on (OSTrack, Ye et al., ECCV 2022, section
3.2). All streams keep the same places. At the end the dropped places are filled with zeros, so that the head sees the
whole grid. The released code holds the parts but keeps every token.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def keep_ratio_at(epoch: int, *, first: int, last: int, final: float) -> float:
    """The share that is kept in an epoch of training: 1 before ``first``, ``final`` from ``last`` on, half a cosine
    between them.

    Args:
        epoch: counted from 0.
        first, last: epochs.
        final: share in (0, 1].
    """
    if epoch >= last:
        return final
    if epoch < first:
        return 1.0
    return final + (1 - final) * (1 + math.cos(math.pi * (epoch - first) / (last - first))) / 2


def template_cells(choice: str, grid: tuple[int, int]) -> Tensor:
    """The template cells whose attention counts, (h w,) bool, row-major.

    Args:
        choice: ``"point"``, the cell up and left of the middle (that in the middle of an odd grid); ``"centre"``, the
            cells that touch the middle; ``"all"``.
        grid: (h, w) cells.
    """
    cells = torch.zeros(grid, dtype=torch.bool)
    if choice == "all":
        return ~cells.flatten()
    y, x = ((side - 1) // 2 for side in grid)
    if choice == "point":
        cells[y, x] = True
    elif choice == "centre":
        cells[y : grid[0] // 2 + 1, x : grid[1] // 2 + 1] = True
    else:
        raise ValueError(f"no choice of template cells {choice!r}")
    return cells.flatten()


def eliminate(
    tokens: Tensor, attention: Tensor, places: Tensor, *, cells: Tensor, streams: int, ratio: float
) -> tuple[Tensor, Tensor]:
    """Keep the best places.

    Args:
        tokens: (B, N, D), the template's of every stream, then the search region's of every stream.
        attention: (B, heads, N, N), rows look at columns.
        places: (B, n) where the search tokens of each stream come from on the grid.
        cells: (Nz,) bool, the template cells whose attention counts.
        streams: number of streams.
        ratio: share of the n places that is kept, rounded up.

    Returns:
        (B, N', D) tokens and (B, n') places, both in their old order.
    """
    B, n = places.shape
    front = streams * len(cells)
    rows = cells.repeat(streams).nonzero()[:, 0].to(attention.device)
    scores = attention[:, :, rows, front:].mean(dim=(1, 2)).unflatten(1, (streams, n)).sum(dim=1)  # B n
    kept = scores.topk(math.ceil(ratio * n), dim=1).indices.sort(dim=1).values  # B n'
    search = tokens[:, front:].unflatten(1, (streams, n))  # B streams n D
    index = kept[:, None, :, None].expand(B, streams, -1, tokens.shape[2])
    search = search.gather(2, index).flatten(1, 2)
    return torch.cat([tokens[:, :front], search], dim=1), places.gather(1, kept)


def restore(tokens: Tensor, places: Tensor, *, template: int, streams: int, search: int) -> Tensor:
    """Search tokens back in their places, zeros in the others.

    Args:
        tokens: (B, N', D) as `eliminate` leaves them.
        places: (B, n') places on the grid.
        template: template tokens of all streams.
        streams: number of streams.
        search: cells of the search grid.

    Returns:
        (B, N, D) in the order of a network that drops nothing.
    """
    B, n = places.shape
    left = tokens[:, template:].unflatten(1, (streams, n))  # B streams n' D
    whole = left.new_zeros(B, streams, search, tokens.shape[2])
    whole = whole.scatter(2, places[:, None, :, None].expand_as(left), left)
    return torch.cat([tokens[:, :template], whole.flatten(1, 2)], dim=1)
