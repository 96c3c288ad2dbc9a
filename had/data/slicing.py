"""A recording -> its time slices: which events belong to which frame. Pure functions on arrays of times.

====================  ==========================================================================
``equal``             equal shares of the recording's duration (EventVOT); its published voxels have their own
``frame``             the read-out of each camera frame (COESOT, VisEvent)
``exposure``          the exposure of each camera frame
``interval``          from each camera frame to the next one
====================  ==========================================================================

Source: the recipes are those of the benchmarks' published preparation scripts, restated in docs/data.md.
"""

from __future__ import annotations

from collections.abc import Sequence as Ordered
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np


class Times(Protocol):
    """(N,) rising times in microseconds: an array, or `had.data.store.StoredTimes`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...

    def searchsorted(self, values: Any, /, side: Literal["left", "right"] = ...) -> Any:
        """As `numpy.ndarray.searchsorted`."""


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


def equal_boundaries(t: Times, slices: int) -> np.ndarray:
    """Indices of the published boundaries of an equally sliced recording.

    Boundary ``i = 1 .. slices`` is the first event later than ``t[0] + i * length`` with
    ``length = int((t[-1] - t[0]) / slices)``, but at least one event behind boundary ``i - 1``, which
    matters in gaps. Boundaries that no event can mark any more are the end of the recording.

    Args:
        t: (N,) rising times in microseconds.
        slices: number of shares.

    Returns:
        (slices,) int64 in [0, N].
    """
    length = int(t[-1] - t[0]) // slices if len(t) else 0
    return _boundaries(t, np.arange(1, slices + 1) * length, "right")


def _boundaries(t: Times, since: np.ndarray, side: Literal["left", "right"]) -> np.ndarray:
    """First events at or after (left) or after (right) ``t[0] + since``, each behind the one before; N for none."""
    if len(t) == 0:
        return np.zeros(len(since), np.int64)
    step = np.arange(len(since))
    later = t.searchsorted(int(t[0]) + since, side=side)
    return np.minimum(np.maximum.accumulate(later - step) + step, len(t))


def equal_slices(t: Times, slices: int) -> Slices:
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


def published_voxel_slices(t: Times, slices: int) -> Slices:
    """The ``slices - 1`` slices of the published voxel conversion, which are not those of the images.

    Boundary ``i = 0 .. slices - 1`` is the first event at or after ``t[0] + i * length`` with ``length =
    int((t[-1] - t[0]) / (slices - 1))``, but at least one event behind the one before: slice k is about one slice
    earlier than image k. Its time runs from its first event to its last, which, at the grid's end, is dropped.

    Args:
        t: (N,) rising times in microseconds.
        slices: number of shares of the images.
    """
    length = int(t[-1] - t[0]) // (slices - 1) if len(t) else 0
    bounds = _boundaries(t, np.arange(slices) * length, "left")
    index = np.stack([bounds[:-1], bounds[1:]], axis=1)
    times = np.zeros((slices - 1, 2), np.int64)
    filled = index[:, 1] > index[:, 0]
    times[filled, 0], times[filled, 1] = t[index[filled, 0]], t[index[filled, 1] - 1]
    return Slices(index, times, times[:, 1])


def window_slices(t: Times, windows: np.ndarray, frame_times: np.ndarray) -> Slices:
    """Slices of given time windows.

    Args:
        t: (N,) rising times in microseconds.
        windows: (F, 2) microseconds, begin (inside) and end (outside).
        frame_times: (F,) microseconds.
    """
    windows = np.asarray(windows, np.int64).reshape(-1, 2)
    index = t.searchsorted(windows.ravel(), side="left").reshape(-1, 2).astype(np.int64)
    index[:, 1] = np.maximum(index[:, 1], index[:, 0])  # an end before its begin holds nothing
    return Slices(index, windows, np.asarray(frame_times, np.int64))


def interval_windows(frame_times: Ordered[int] | np.ndarray) -> np.ndarray:
    """(F, 2) windows from each frame to the next; the last one is as long as the median of the others."""
    begin = np.asarray(frame_times, np.int64)
    last = int(np.median(np.diff(begin))) if len(begin) > 1 else 0
    return np.stack([begin, np.append(begin[1:], begin[-1:] + last)], axis=1)
