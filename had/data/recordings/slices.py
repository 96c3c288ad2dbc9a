"""A recording in time slices, one after the other, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from had.data.frames import EVENT_DTYPE
from had.data.recordings.recording import Recording


def time_slices(
    recording: Recording, windows: Iterable[tuple[int, int]], *, whole: bool = False
) -> Iterator[tuple[int, int, np.ndarray]]:
    """``(begin, end, events with begin <= t < end)`` of each window; an empty array where nothing happened.

    Held in memory are one window and one chunk of the recording, whatever its length.

    Args:
        recording: an open recording.
        windows: (begin, end) in microseconds on the recording's clock, begins that never fall; they may overlap,
            leave gaps, and go on for ever with ``whole``.
        whole: stop before the first window whose end the recording does not reach.

    Raises:
        ValueError: a window that ends before it begins, or begins before the one before it.
        DataError: as `Recording.chunks`.

    Example:
        >>> list(time_slices(recording, [(0, 20_000), (20_000, 40_000)]))  # doctest: +SKIP
    """
    chunks = recording.chunks()
    kept, last_begin = np.empty(0, EVENT_DTYPE), None
    for begin, end in windows:
        if end < begin or (last_begin is not None and begin < last_begin):
            raise ValueError(f"windows in time order, not [{begin}, {end}) after one from {last_begin} on")
        last_begin, parts = begin, [kept[np.searchsorted(kept["t"], begin) :]]
        latest = kept["t"][-1] if len(kept) else None
        while latest is None or latest < end:
            chunk = next(chunks, None)
            if chunk is None:
                break
            latest = chunk["t"][-1]
            if latest >= begin:  # else it would only be kept in memory
                parts.append(chunk[np.searchsorted(chunk["t"], begin) :])
        kept = np.concatenate(parts)
        if whole and (latest is None or latest < end):
            return
        yield begin, end, kept[: np.searchsorted(kept["t"], end)]
