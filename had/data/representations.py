"""Events -> what networks read: event images and voxel lists; and a recording -> its time slices.

Pure functions on arrays. Slicing says which events belong to which frame:

====================  ==========================================================================
``equal``             equal shares of the recording's duration (EventVOT)
``frame``             the read-out of each camera frame (COESOT, VisEvent)
``exposure``          the exposure of each camera frame
``interval``          from each camera frame to the next one
====================  ==========================================================================

Source: the recipes are those of the benchmarks' published preparation scripts, restated in docs/data.md.
"""

from __future__ import annotations

from collections.abc import Sequence as Ordered
from typing import NamedTuple

import numpy as np

from had.data.layouts import VoxelRecipe

ON_RGB = (220, 30, 30)
OFF_RGB = (30, 30, 200)


class Slices(NamedTuple):
    """Time slices of a recording.

    Attributes:
        spans: (F, 2) int64, first event and the one after the last.
        times: (F, 2) int64 microseconds, begin (inside) and end (outside).
        frame_times: (F,) int64 microseconds, the time to which a frame's annotation belongs.
    """

    spans: np.ndarray
    times: np.ndarray
    frame_times: np.ndarray


# --- slicing --------------------------------------------------------------------------------------


def equal_boundaries(t: np.ndarray, slices: int) -> np.ndarray:
    """Indices of the published boundaries of an equally sliced recording.

    Boundary ``i = 1 .. slices`` is the first event later than ``t[0] + i * length`` with
    ``length = int((t[-1] - t[0]) / slices)``, but at least one event behind boundary ``i - 1``, which
    matters in gaps. Boundaries that no event can mark any more are the end of the recording.

    Args:
        t: (N,) rising times in microseconds; memory-mapped ones are not read through.
        slices: number of shares.

    Returns:
        (slices,) int64 in [0, N].
    """
    if len(t) == 0:
        return np.zeros(slices, np.int64)
    step = np.arange(1, slices + 1)
    length = int(t[-1] - t[0]) // slices
    later = np.searchsorted(t, int(t[0]) + step * length, side="right")
    return np.minimum(np.maximum.accumulate(later - step) + step, len(t))


def equal_slices(t: np.ndarray, slices: int) -> Slices:
    """``slices - 1`` slices between the boundaries of `equal_boundaries`; what lies before the first is dropped.

    A slice's time is its share of the duration, widened where a gap has put later events into it.
    """
    bounds = equal_boundaries(t, slices)
    index = np.stack([bounds[:-1], bounds[1:]], axis=1)
    if len(t) == 0:
        return Slices(index, np.zeros((slices - 1, 2), np.int64), np.zeros(slices - 1, np.int64))
    length = int(t[-1] - t[0]) // slices
    begin = int(t[0]) + np.arange(1, slices) * length + 1
    times = np.stack([begin, begin + max(length, 1)], axis=1)
    filled = index[:, 1] > index[:, 0]
    times[filled, 0] = np.minimum(times[filled, 0], t[index[filled, 0]])
    times[filled, 1] = np.maximum(times[filled, 1], t[index[filled, 1] - 1] + 1)
    return Slices(index, times, begin + length - 1)


def window_slices(t: np.ndarray, windows: np.ndarray, frame_times: np.ndarray) -> Slices:
    """Slices of given time windows.

    Args:
        t: (N,) rising times in microseconds.
        windows: (F, 2) microseconds, begin (inside) and end (outside).
        frame_times: (F,) microseconds.
    """
    windows = np.asarray(windows, np.int64).reshape(-1, 2)
    index = np.searchsorted(t, windows.ravel(), side="left").reshape(-1, 2).astype(np.int64)
    return Slices(index, windows, np.asarray(frame_times, np.int64))


def interval_windows(frame_times: Ordered[int] | np.ndarray) -> np.ndarray:
    """(F, 2) windows from each frame to the next; the last one is as long as the median of the others."""
    begin = np.asarray(frame_times, np.int64)
    last = int(np.median(np.diff(begin))) if len(begin) > 1 else 0
    return np.stack([begin, np.append(begin[1:], begin[-1:] + last)], axis=1)


# --- images ---------------------------------------------------------------------------------------


def event_image(events: np.ndarray, width: int, height: int) -> np.ndarray:
    """Draw events: white ground, ON pixels red, OFF pixels blue over them.

    Args:
        events: structured array with x, y (inside the image) and p in {-1, +1}; its order does not matter.
        width, height: pixels.

    Returns:
        (H, W, 3) uint8 RGB; ON is (220, 30, 30), OFF (30, 30, 200), which files in BGR hold reversed.
    """
    image = np.full((height, width, 3), 255, np.uint8)
    on = events["p"] > 0
    image[events["y"][on], events["x"][on]] = ON_RGB
    image[events["y"][~on], events["x"][~on]] = OFF_RGB
    return image


# --- voxels ---------------------------------------------------------------------------------------


def voxel_cells(
    events: np.ndarray, *, recipe: VoxelRecipe, size: tuple[int, int], begin_us: int, end_us: int
) -> np.ndarray:
    """Events of a slice -> the fullest cells of its time-space grid.

    Time is scaled to [0, 1000) over the slice; events beyond the grid are dropped. A cell remembers
    the polarities of its first ``recipe.events`` events in time (OFF first among simultaneous ones), so
    the result does not depend on the order of ``events``. The ``recipe.kept`` fullest cells are kept,
    from all cells that have events: the published cap on filled cells only bounded a buffer.

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
    cells_t, cells_x, cells_y = recipe.grid
    span = max(int(end_us) - int(begin_us), 1)
    since = events["t"].astype(np.int64) - int(begin_us)
    it = (since * 1000.0 / (span * recipe.cell[0])).astype(np.int64)
    ix = (events["x"] / (recipe.cell[1] * size[0] / recipe.sensor[0])).astype(np.int64)
    iy = (events["y"] / (recipe.cell[2] * size[1] / recipe.sensor[1])).astype(np.int64)
    inside = (since >= 0) & (since < span) & (it < cells_t) & (ix < cells_x) & (iy < cells_y)
    cell = (it * cells_x + ix) * cells_y + iy
    # One sort of one integer orders by cell, then time, then polarity, whatever order came in.
    keys = np.sort((((cell * span + since) << 1) | (events["p"] > 0))[inside])
    cell, rising = (keys >> 1) // span, keys & 1
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    counts = np.diff(starts, append=len(cell))
    which = np.repeat(np.arange(len(starts)), counts)
    rank = np.arange(len(cell)) - starts[which]
    index = cell[starts]
    rows = np.zeros((len(starts), 3 + recipe.events), np.int8)
    rows[:, 0], rows[:, 1], rows[:, 2] = index // (cells_x * cells_y), index // cells_y % cells_x, index % cells_y
    told = rank < recipe.events
    rows[which[told], 3 + rank[told]] = 2 * rising[told] - 1
    return fullest_first(rows, recipe)


def fullest_first(cells: np.ndarray, recipe: VoxelRecipe) -> np.ndarray:
    """The ``recipe.kept`` cells with most polarities, by falling number, ties by Knuth's hash of the index.

    Args:
        cells: (V, 3 + recipe.events) as of `voxel_cells`, in any order.
    """
    t, x, y = (cells[:, i].astype(np.uint64) for i in range(3))
    index = (t * np.uint64(recipe.grid[1]) + x) * np.uint64(recipe.grid[2]) + y
    scrambled = (index * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    empty = (cells[:, 3:] == 0).sum(axis=1, dtype=np.uint64)
    return cells[np.argsort(empty << np.uint64(32) | scrambled)[: recipe.kept]]


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
