"""The files of one prepared sequence: events streamed through disk, voxels, camera frames.

`had.data.prepare` decides what is written and says under which names; `had.data.sequences` reads it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from had.data.clocks import camera_times, check_frame_size
from had.data.frames import EVENT_DTYPE
from had.data.recordings import CameraFrame, Recording
from had.data.recordings.gaps import Gaps

STORED_DTYPE = np.dtype([("x", "<u2"), ("y", "<u2"), ("p", "i1")])
"""One stored event; its time is spent once it has chosen the slice and the voxel."""


def write_camera(recording: Recording, folder: Path | None, first: int, count: int) -> np.ndarray:
    """Times of all camera frames; ``count`` of them from number ``first`` on are written to ``folder`` on the way.

    BMP rather than PNG: sensor noise leaves PNG 40 % of the size, but makes a 346x260 frame cost 6 ms
    instead of 0.5 to write and 1.9 ms instead of 0.3 to read, and training reads four a sample.

    Raises:
        DataError: a frame that is written and has another size than the sensor.
    """

    def frames() -> Iterator[CameraFrame]:
        for number, frame in enumerate(recording.frames()):
            if folder is not None and 0 <= number - first < count:
                check_frame_size(recording, frame)
                write_image(folder / f"{number - first:04d}.bmp", frame.image)
            yield frame

    if folder is not None:
        folder.mkdir()
    return camera_times(frames())


class StoredTimes:
    """(N,) int64 rising microseconds in a file, with as much of an array as slicing asks for.

    Read in blocks, not mapped: the pages that a binary search touches would count as memory, all of them in the end.
    """

    _BLOCK = 1 << 18

    def __init__(self, path: Path):
        self._path = path
        self._length = path.stat().st_size // 8

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int | np.ndarray) -> np.ndarray:
        where = np.asarray(index)
        values = [self.read(int(i) % self._length, 1)[0] for i in where.ravel()]
        return np.array(values, np.int64).reshape(where.shape)

    def read(self, first: int, count: int) -> np.ndarray:
        """``count`` times from ``first`` on."""
        return np.fromfile(self._path, np.int64, count, offset=first * 8)

    def searchsorted(self, values: np.ndarray, side: Literal["left", "right"] = "left") -> np.ndarray:
        """As `numpy.ndarray.searchsorted`: in rising times the places in all blocks add up."""
        blocks = (self.read(first, self._BLOCK) for first in range(0, self._length, self._BLOCK))
        return sum((block.searchsorted(values, side) for block in blocks), np.zeros(np.shape(values), np.int64))


class Spool:
    """All events of a recording in two files: times to search in, events to read span by span.

    Attributes:
        t: their times.
        gaps: the longest times without events.
    """

    def __init__(self, t_path: Path, stored_path: Path, gaps: Gaps):
        self._stored_path, self.gaps = stored_path, gaps
        self.t = StoredTimes(t_path)

    def stored(self, first: int, last: int) -> np.ndarray:
        """Events ``first`` to ``last`` (outside) as `STORED_DTYPE`; read, not mapped, so that they do not add up."""
        offset = int(first) * STORED_DTYPE.itemsize
        return np.fromfile(self._stored_path, STORED_DTYPE, int(last) - int(first), offset=offset)

    def timed(self, first: int, last: int) -> np.ndarray:
        """The same events with their times, `EVENT_DTYPE`."""
        stored = self.stored(first, last)
        events = np.empty(len(stored), EVENT_DTYPE)
        events["t"] = self.t.read(int(first), len(stored))
        for name in ("x", "y", "p"):
            events[name] = stored[name]
        return events


@contextmanager
def spooled(recording: Recording, folder: Path) -> Iterator[Spool]:
    """Stream a recording's events into ``folder`` for the length of the block."""
    t_path, stored_path, gaps = folder / "t.spool", folder / "stored.spool", Gaps()
    with t_path.open("wb") as t_file, stored_path.open("wb") as stored_file:
        for events in recording.chunks():
            gaps.add(events["t"])
            t_file.write(np.ascontiguousarray(events["t"]).tobytes())
            stored = np.empty(len(events), STORED_DTYPE)
            for name in ("x", "y", "p"):
                stored[name] = events[name]
            stored_file.write(stored.tobytes())
    try:
        yield Spool(t_path, stored_path, gaps)
    finally:
        t_path.unlink()
        stored_path.unlink()


def write_events(folder: Path, spool: Spool, spans: np.ndarray) -> int:
    """The events of all spans (F, 2), one after the other, as events.npy and slices.npy; their number."""
    bounds = np.concatenate([[0], np.cumsum(spans[:, 1] - spans[:, 0])])
    np.save(folder / "slices.npy", bounds)
    with (folder / "events.npy").open("wb") as file:
        _write_header(file, STORED_DTYPE, (int(bounds[-1]),))
        for first, last in spans:
            file.write(spool.stored(first, last).tobytes())
    return int(bounds[-1])


def write_voxels(folder: Path, frames: Iterable[tuple[np.ndarray, np.ndarray]]) -> int:
    """Voxel cells of all frames, one after the other, as voxels.npy and voxel_slices.npy; their number.

    Args:
        frames: cells of some frames at a time, and how many each of these has.
    """
    counts, columns = [np.zeros(1, np.int64)], 0
    waiting = folder / "voxels.spool"
    with waiting.open("wb") as file:
        for cells, each in frames:
            file.write(cells.tobytes())
            counts.append(each)
            columns = cells.shape[1]
    bounds = np.cumsum(np.concatenate(counts))
    np.save(folder / "voxel_slices.npy", bounds)
    with waiting.open("rb") as source, (folder / "voxels.npy").open("wb") as file:
        _write_header(file, np.dtype(np.int8), (int(bounds[-1]), columns))
        shutil.copyfileobj(source, file)
    waiting.unlink()
    return int(bounds[-1])


def _write_header(file: BinaryIO, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def write_image(path: Path, image: np.ndarray) -> None:
    """(H, W, 3) uint8 RGB -> an image file of the kind its suffix says."""
    import cv2

    # Encoded in memory: OpenCV's own writer takes a full disk for success.
    _, encoded = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    path.write_bytes(encoded.tobytes())
