"""What every recording offers: events in chunks, camera frames, the sensor's size.

A format subclasses `Recording` and decodes; the checks at the border (time order, pixels inside the
sensor, one size) are here, once.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from had.data.frames import EVENT_DTYPE
from had.data.recordings.gaps import JUMP_US, span
from had.data.recordings.sensor_size import SIDE, Stated, agreed_size, sensor_holding
from had.errors import DataError, clipped

log = logging.getLogger(__name__)
CHUNK = 1_000_000
"""Events a chunk at most, unless asked otherwise: 13 MB."""

LATEST_US = 1 << 62
"""Times are smaller, so that the difference of two fits 64 bits; 146,000 years."""
MOST_BYTES = 1 << 28
"""Most bytes that one stored piece of a file may become in memory: a packet, a chunk, an image."""


class CameraFrame(NamedTuple):
    """One frame of the camera beside the event sensor; times in microseconds on the events' clock.

    Attributes:
        t: the time that the file gives to the frame.
        begin, end: read-out of the whole frame; those of the exposure where the file does not state them.
        exposure_begin, exposure_end: exposure.
        image: (H, W, 3) uint8 RGB; a grey camera's value three times.
        read_out_known: whether the file states ``begin`` and ``end``.
    """

    t: int
    begin: int
    end: int
    exposure_begin: int
    exposure_end: int
    image: np.ndarray
    read_out_known: bool = True


class Recording(ABC):
    """A raw recording on disk.

    Attributes:
        path: the file.
        format: e.g. ``"EVT3"``.
        declared: (width, height) that the caller or the file states, or None.
        time_unit: unit of the times in the file; events have microseconds.
        notes: sentences about what of the file is not read, or cannot be known.
        skipped: what the latest pass over the events left out -> how often.
    """

    format = ""
    time_unit = "us"

    def __init__(self, path: Path, *, size: tuple[int, int] | None = None, stated: Sequence[Stated] = ()):
        self.path = path
        self.declared = self._size = agreed_size(path, size, stated)
        self.notes: list[str] = []
        self.skipped: Counter[str] = Counter()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels: stated, or else found by one pass over the events (`sensor_holding`)."""
        if self._size is None:
            largest, done = np.zeros(2, np.int64), 0
            for events in self.decode(CHUNK):
                self.refuse_outside(events, (SIDE, SIDE), done)
                largest, done = np.maximum(largest, [events["x"].max(), events["y"].max()]), done + len(events)
            self._size = sensor_holding(int(largest[0]) + 1, int(largest[1]) + 1)
        return self._size

    def assume_size(self, size: tuple[int, int]) -> None:
        """Take a (width, height) that is known from elsewhere, where neither the caller nor the file states one."""
        if self.declared is None:
            self.declared = self._size = size

    @abstractmethod
    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """The events as they stand in the file, in non-empty `EVENT_DTYPE` arrays; unchecked."""

    def place(self, index: int) -> str:
        """Where event ``index`` stands, for messages."""
        return f"event {index}"

    def last_us(self) -> int | None:
        """Time of the last event, where the file tells it without being read to its end."""
        return None

    def check_end(self) -> None:
        """Look at the last event alone (`DataError` where it was cut off); formats that cannot tell pass."""
        return

    def frames(self) -> Iterator[CameraFrame]:
        """The camera's frames in the file's order; none where there is no camera."""
        return iter(())

    def frames_at(self, numbers: Collection[int]) -> Iterator[CameraFrame]:
        """The camera's frames with these numbers, from 0; formats that can pass over the others do so."""
        return (frame for number, frame in enumerate(self.frames()) if number in numbers)

    def frame_count(self) -> int:
        """Number of camera frames."""
        return 0

    def chunks(self, max_events: int = CHUNK) -> Iterator[np.ndarray]:
        """The events in time order, in non-empty `EVENT_DTYPE` arrays of at most ``max_events``.

        Memory does not depend on the recording's length.

        Raises:
            DataError: broken file, an event outside the sensor, time that runs backwards.
        """
        done, last = 0, None
        for block in self.decode(max_events):
            for events in (block[i : i + max_events] for i in range(0, len(block), max_events)):
                self._check(events, done, last)
                done, last = done + len(events), int(events["t"][-1])
                yield events
        self.warn()

    def warn(self) -> None:
        """Log what of the file is not read, as far as the latest pass over the events knows it."""
        for sentence in (*self.notes, *(f"{count} {what} left out" for what, count in self.skipped.items())):
            log.warning("%s: %s", self.path, clipped(sentence))

    def _check(self, events: np.ndarray, done: int, last: int | None) -> None:
        self.refuse_outside(events, self.declared or (SIDE, SIDE), done)
        t = events["t"]
        before = t[0] if last is None else last
        if t[0] >= before and (t[1:] >= t[:-1]).all():
            return
        raise DataError(
            "times that never run backwards",
            f"{self.first_fall(t, before, done)} of {self.path}",
            "cut the recording there, or undo the timestamp overflow with its maker's software",
        )

    def refuse_outside(self, events: np.ndarray, size: tuple[int, int], done: int) -> None:
        """See that events lie on a sensor of ``size``; ``done`` events came before them (`DataError` otherwise)."""
        width, height = size
        outside = (events["x"] >= width) | (events["y"] >= height)
        if not outside.any():
            return
        first = int(outside.argmax())
        pixel = f"({events['x'][first]}, {events['y'][first]})"
        turned = bool((events["x"] < height).all() and (events["y"] < width).all())
        remedy = "check that the file and the size belong to this sensor, and that the file is not damaged"
        raise DataError(
            f"pixels inside {width}x{height}",
            f"{pixel} at {self.place(done + first)} of {self.path}",
            f"{remedy}{', and that x and y are not exchanged' if turned else ''}",
        )

    def first_fall(self, t: np.ndarray, before: int, done: int) -> str:
        """The first time that runs backwards, in words; ``before`` is the time of event ``done - 1``."""
        steps = np.diff(t, prepend=before)
        first = int((steps < 0).argmax())
        fall = -int(steps[first])
        overflow = 1 << 31 <= fall <= 1 << 32
        what = " (an overflow of 32 bits?)" if overflow else f" (the clock jumped back by {span(fall)})"
        told = what if fall >= JUMP_US else ""
        return f"{t[first]} us after {t[first] + fall} us{told} at {self.place(done + first)}"


def as_events(t: np.ndarray, x: np.ndarray, y: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Columns -> one `EVENT_DTYPE` array; ``on`` is true for rising light."""
    events = np.empty(len(t), EVENT_DTYPE)
    events["t"], events["x"], events["y"] = t, x, y
    events["p"] = np.where(on, 1, -1)
    return events
