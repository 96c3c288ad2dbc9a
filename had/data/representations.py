"""Events -> what networks read: event images and voxel lists. Pure functions on arrays.

Source: the recipes are those of the benchmarks' published preparation scripts, restated in docs/data.md.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from had.data.layouts import VoxelRecipe

ON_RGB = (220, 30, 30)
OFF_RGB = (30, 30, 200)


def event_image(events: np.ndarray, width: int, height: int) -> np.ndarray:
    """Draw events: white ground, ON pixels red, OFF pixels blue over them.

    Args:
        events: structured array with x, y (inside the image) and p in {-1, +1}; its order does not matter.
        width, height: pixels.

    Returns:
        (H, W, 3) uint8 RGB; ON is (220, 30, 30), OFF (30, 30, 200), which files in BGR hold reversed.

    Raises:
        IndexError: an event outside the image.
    """
    image = np.full((height, width, 3), 255, np.uint8)
    first = events["x"].astype(np.intp)
    if len(first) and first.max() >= width:
        raise IndexError(f"an event at x {first.max()} of an image {width} pixels wide")
    first += events["y"] * np.intp(width)
    first *= 3
    off = np.compress(events["p"] <= 0, first)
    # Each channel apart: three scatters of bytes cost a third of one scatter of rows.
    flat = image.reshape(-1)
    for channel, (on_level, off_level) in enumerate(zip(ON_RGB, OFF_RGB, strict=True)):
        flat[channel:][first] = on_level
        if off_level != on_level:
            flat[channel:][off] = off_level
    return image


# --- voxels ---------------------------------------------------------------------------------------


def voxel_cells(
    events: np.ndarray, *, recipe: VoxelRecipe, size: tuple[int, int], begin_us: int, end_us: int
) -> np.ndarray:
    """Events of a slice -> the fullest cells of its time-space grid.

    Time is scaled to [0, 1000) over the slice; events beyond the grid are dropped. A cell remembers
    the polarities of its first ``recipe.events`` events in time (OFF first among simultaneous ones), so
    the result does not depend on the order of ``events``. The ``recipe.kept`` fullest cells are kept, from all
    cells that have events: of the ``recipe.most`` cells that the published conversion fills at most, it takes those
    it meets first in its random order, and of all choices of so many, the fullest hold the ``kept`` fullest of all.

    Args:
        events: structured array with t, x, y, p.
        recipe: cell and grid.
        size: (width, height) of the sensor; cells are ``size / recipe.sensor`` times the recipe's.
        begin_us, end_us: the slice, end outside.

    Returns:
        (V, 3 + recipe.events) int8 rows of cell indices t, x, y and polarities padded by zeros, the
        fullest first; ties in the order of a fixed scramble of the cell's index (not by time or place,
        which would always drop the same end of the slice).
    """
    times = np.array([[begin_us, end_us]])
    return voxel_cells_of_slices(events, np.array([len(events)]), times, recipe=recipe, size=size)[0]


def voxel_cells_of_slices(
    events: np.ndarray, counts: np.ndarray, times: np.ndarray, *, recipe: VoxelRecipe, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """`voxel_cells` of several slices at once, which costs sparse slices a third.

    Args:
        events: structured array with t, x, y, p, slice after slice.
        counts: (S,) events of each slice.
        times: (S, 2) microseconds, begin (inside) and end (outside).

    Returns:
        (V, 3 + recipe.events) int8 cells, slice after slice, and (S,) int64 cells of each.
    """
    keys, widest = _sorted_keys(events, counts, times, recipe, size)
    cell = (keys >> 1) // widest
    changes = np.empty(len(cell), bool)
    changes[:1] = True
    np.not_equal(cell[1:], cell[:-1], out=changes[1:])
    starts = np.flatnonzero(changes)
    filled = np.minimum(np.diff(np.append(starts, len(cell))), recipe.events)
    owner, index = np.divmod(cell[starts], math.prod(recipe.grid))
    chosen = _fullest(index, filled, recipe, owner)
    cells = _rows(index[chosen], keys & 1, starts[chosen], filled[chosen], recipe)
    return cells, np.bincount(owner[chosen], minlength=len(counts))


def _sorted_keys(
    events: np.ndarray, counts: np.ndarray, times: np.ndarray, recipe: VoxelRecipe, size: tuple[int, int]
) -> tuple[np.ndarray, int]:
    """The events inside the grid as rising integers ``(cell * widest + time) * 2 + (1 if ON)``, and ``widest``.

    One sort of one integer orders by slice, cell, then time, then polarity, whatever order came in.
    """
    cells_t, cells_x, cells_y = recipe.grid
    spans = np.maximum(times[:, 1] - times[:, 0], 1)
    since = events["t"] - np.repeat(times[:, 0], counts)
    span = np.repeat(spans, counts)
    columns, rows = _cell_tables(recipe, size)
    place = columns.take(events["x"]) + rows.take(events["y"])
    it = (since * 1000.0 / (span * recipe.cell[0])).astype(np.int64)
    inside = (since >= 0) & (since < span) & (it < cells_t) & (place < cells_x * cells_y)
    cell = (np.repeat(np.arange(len(counts)) * cells_t, counts) + it) * (cells_x * cells_y) + place
    widest = spans.max(initial=1)
    keys = (cell * widest + since) << 1
    keys |= events["p"] > 0
    return np.sort(keys if inside.all() else keys[inside]), widest


def _rows(index: np.ndarray, on: np.ndarray, starts: np.ndarray, filled: np.ndarray, recipe: VoxelRecipe) -> np.ndarray:
    """Cells as int8 rows: their place, and the polarities of the ``filled`` events from ``starts`` on.

    A cell's polarities are moved as one item of so many bytes, three times as fast as one by one.
    """
    _, cells_x, cells_y = recipe.grid
    several = np.dtype(f"V{recipe.events}")
    result = np.empty(len(index), [("place", np.int8, 3), ("told", several)])
    result["place"][:, 0] = index // (cells_x * cells_y)
    result["place"][:, 1] = index // cells_y % cells_x
    result["place"][:, 2] = index % cells_y
    polarities = np.zeros(len(on) + recipe.events, np.int8)
    polarities[: len(on)] = on * 2 - 1
    told = np.ndarray(len(on) + 1, several, polarities, strides=(1,))[starts].view(np.int8)
    mask = np.tri(recipe.events + 1, recipe.events, -1, np.int8).view(several)[:, 0].take(filled).view(np.int8)
    result["told"] = (told * mask).view(several)
    return result.view(np.int8).reshape(-1, 3 + recipe.events)


@lru_cache(maxsize=8)
def _cell_tables(recipe: VoxelRecipe, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Pixel column and pixel row -> their share of the cell's index in its time step; too large beyond the grid."""
    _, cells_x, cells_y = recipe.grid
    pixels = np.arange(1 << 16)
    ix = (pixels / (recipe.cell[1] * size[0] / recipe.sensor[0])).astype(np.int64)
    iy = (pixels / (recipe.cell[2] * size[1] / recipe.sensor[1])).astype(np.int64)
    beyond = cells_x * cells_y
    return np.where(ix < cells_x, ix * cells_y, beyond), np.where(iy < cells_y, iy, beyond)


def fullest_first(cells: np.ndarray, recipe: VoxelRecipe) -> np.ndarray:
    """The ``recipe.kept`` cells with most polarities, by falling number, ties by Knuth's hash of the index.

    Args:
        cells: (V, 3 + recipe.events) as of `voxel_cells`, in any order.
    """
    t, x, y = (cells[:, i].astype(np.int64) for i in range(3))
    index = (t * recipe.grid[1] + x) * recipe.grid[2] + y
    return cells[_fullest(index, np.count_nonzero(cells[:, 3:], axis=1), recipe, np.zeros_like(index))]


def _fullest(index: np.ndarray, counts: np.ndarray, recipe: VoxelRecipe, owner: np.ndarray) -> np.ndarray:
    """Which cells are kept of each ``owner`` (0 ..), in their order; ``counts`` are their numbers of polarities."""
    scrambled = (index * 2654435761) & 0xFFFFFFFF
    order = np.argsort((owner << 8 | (recipe.events - counts)) << 32 | scrambled)
    each = np.bincount(owner)
    if each.max(initial=0) <= recipe.kept:
        return order
    rank = np.arange(len(order)) - np.repeat(np.cumsum(each) - each, each)
    return order[rank < recipe.kept]


def voxel_cell(recipe: VoxelRecipe, size: tuple[int, int]) -> tuple[float, float, float]:
    """Width and height of a voxel's cell in pixels of a sensor of ``size``, and its length in slices."""
    x, y = (recipe.cell[1 + i] * size[i] / recipe.sensor[i] for i in range(2))
    return x, y, 1.0 / recipe.grid[0]


def voxel_rows(cells: np.ndarray, *, recipe: VoxelRecipe, size: tuple[int, int]) -> np.ndarray:
    """Cells of `voxel_cells` -> (V, 3 + recipe.events) float32 rows as in `had.data.frames.Frame.voxels`."""
    rows = cells.astype(np.float32)
    rows[:, :3] = (rows[:, (1, 2, 0)] + np.float32(0.5)) * np.array(voxel_cell(recipe, size), np.float32)
    return rows


def voxel_list(
    events: np.ndarray, *, recipe: VoxelRecipe, size: tuple[int, int], begin_us: int, end_us: int
) -> np.ndarray:
    """Events of a slice -> its voxels.

    Arguments and order as in `voxel_cells`; because the fullest come first, the first n rows of any
    window are its n fullest.

    Returns:
        (V, 19) float32 rows x, y (cell centres in pixels), t (cell centre in [0, 1] of the slice), 16 polarities.
    """
    cells = voxel_cells(events, recipe=recipe, size=size, begin_us=begin_us, end_us=end_us)
    return voxel_rows(cells, recipe=recipe, size=size)
