"""HDF5 files of events -> events and camera frames, read by hyperslabs.

Forms: a group with datasets x, y, p and t (DSEC, M3ED, TUM-VIE) or xs, ys, ps and ts (E2VID and its kin); a
structured dataset with these fields (Prophesee's ``CD/events``); N x 4 numbers (MVSEC's ``davis/left/events``).
Which it is follows from the names in the file, not from its maker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from had.data.recordings.columns import ROLES, SAMPLE, ColumnRecording, TimeUnit, order_or_refuse, reason_of
from had.data.recordings.hdf5_layout import find_images, find_sources, stated_sizes
from had.data.recordings.hdf5_stored import refuse_unstored
from had.data.recordings.recording import MOST_BYTES, CameraFrame
from had.errors import DataError, listed

ECF = 0x8ECF
"""Number of Prophesee's event codec, which is in no Python package."""
_BROKEN = (OSError, RuntimeError, KeyError, ValueError, TypeError, NotImplementedError)
"""What h5py raises of damaged files: TypeError and NotImplementedError for types that NumPy does not have."""
_AGAIN = "copy or download it again"


class Hdf5Recording(ColumnRecording):
    """Events in an HDF5 file: its only event stream, or the first by name with a note about the others."""

    format = "HDF5"

    def __init__(self, path: Path, *, size: tuple[int, int] | None = None, time_unit: TimeUnit | None = None):
        self.path = path
        with self._file() as file:
            sources, linked = find_sources(file, path)
            if not sources:
                expected = "datasets x, y, p and t in one group, a structured dataset of these, or N x 4 named events"
                got = f"{', '.join(list(file)[:6]) or 'nothing'} in {path}"
                remedy = "rename the datasets, e.g. events/x, events/y, events/p, events/t"
                if linked:
                    got = f"links to other files in {path} ({listed(linked, 4)}), which are not followed"
                    remedy = "copy the values into the file, if you trust its maker"
                raise DataError(expected, got, remedy)
            self._source = sources[0]
            super().__init__(path, size=size, stated=stated_sizes(file, self._source.name, path))
            if linked:
                self.notes.append(f"links to other files are not followed: {listed(linked, 4)}")
            if len(sources) > 1:
                others = ", ".join(source.name for source in sources[1:4])
                self.notes.append(f"{len(sources)} event streams, of which {sources[0].name} is read (not {others})")
            self._plan(file)
            first = self._source.block(file, 0, min(SAMPLE, self._rows(SAMPLE), self._length), path)
            self._order = self._source.order or self._told(first)
            self.offset_us = self._source.offset_us
            times = self._columns(first)[3]
            self.choose_unit(times, asked=time_unit, stated=self._source.units, usual=self._source.usual)
            self._images = find_images(file, self._source.name)
            if self._images is not None and self._images.refused:
                self.notes.append(f"{self._images.frames} camera frames not read: {self._images.refused}")

    def _plan(self, file: Any) -> None:
        """Length, filters and the rows to be read at once, which a stored chunk's length bounds from below."""
        lengths, chunks, event_bytes = set(), [1], 0
        for name in self._source.datasets:
            dataset = file[name]
            _refuse_missing_filters(dataset, self.path)
            refuse_unstored(dataset, self.path)
            lengths.add(dataset.shape[self._source.axis])
            chunks.append(dataset.chunks[self._source.axis] if dataset.chunks else 1)
            event_bytes += dataset.dtype.itemsize * (dataset.shape[1 - self._source.axis] if dataset.ndim == 2 else 1)
        if len(lengths) != 1:
            got = f"{sorted(lengths)} values under {self._source.name} of {self.path}"
            raise DataError("x, y, p and t of one length", got, "complete the file")
        self._length = lengths.pop()
        self._chunk = max(chunks)
        self._most = MOST_BYTES // event_bytes
        if self._chunk > self._most:
            got = f"{self._chunk} of {event_bytes} bytes in {self._source.name} of {self.path}"
            remedy = "write it with smaller chunks, e.g. by h5repack"
            raise DataError(f"at most {self._most} events in a chunk", got, remedy)

    def _rows(self, max_events: int) -> int:
        """Events to be read at once: whole chunks, so that each is decompressed once, in bounded memory."""
        rows = min(max(1, max_events, self._chunk), self._most)
        return rows - rows % self._chunk

    def _told(self, first: dict[str, np.ndarray]) -> tuple[str, ...]:
        if not self._length:
            return tuple(first)
        sample = np.stack([np.asarray(column, np.float64) for column in first.values()], axis=1)
        remedy = "store the columns as events/x, events/y, events/p and events/t"
        order = self.order_told = order_or_refuse(sample, self.path, remedy)
        return tuple(list(first)[order.index(role)] for role in ROLES)

    def _columns(self, block: dict[str, np.ndarray]) -> list[np.ndarray]:
        """x, y, p, t of a block, logical values as numbers."""
        columns = [block[name] for name in self._order]
        return [values.view(np.uint8) if values.dtype.kind == "b" else values for values in columns]

    @contextmanager
    def _file(self) -> Iterator[Any]:
        """The open file (`DataError` where the library cannot read it)."""
        import h5py
        import hdf5plugin  # noqa: F401  (its codecs register themselves)

        try:
            with h5py.File(self.path, "r") as file:
                yield file
        except _BROKEN as error:
            raise DataError("a whole HDF5 file", f"{self.path} ({reason_of(error)})", _AGAIN) from None

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`."""
        rows = self._rows(max_events)
        with self._file() as file:
            for begin in range(0, self._length, rows):
                block = self._source.block(file, begin, min(begin + rows, self._length), self.path)
                yield self.as_checked(*self._columns(block), done=begin)

    def last_us(self) -> int | None:
        """See `Recording.last_us`; None without events."""
        if not self._length:
            return None
        with self._file() as file:
            block = self._source.block(file, self._length - 1, self._length, self.path)
            return int(self.microseconds(self._columns(block)[3], self._length - 1)[0])

    def check_end(self) -> None:
        """See `Recording.check_end`: the last event can be read."""
        self.last_us()

    def frame_count(self) -> int:
        """Number of camera frames that are read."""
        return 0 if self._images is None or self._images.refused else self._images.frames

    def frames(self) -> Iterator[CameraFrame]:
        """The camera's grey frames by time; of read-out and exposure nothing is stated."""
        if self._images is None or self._images.refused:
            return
        with self._file() as file:
            for time, pixels in self._images.read(file, self.path):
                t = int(self.microseconds(np.array([time]), 0)[0])
                yield CameraFrame(t, t, t, t, t, np.repeat(pixels[..., None], 3, axis=2), False)


def _refuse_missing_filters(dataset: Any, path: Path) -> None:
    """See that all codecs of a dataset are installed."""
    import h5py

    pipeline = dataset.id.get_create_plist()
    for number in range(pipeline.get_nfilters()):
        code, _, _, name = pipeline.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            label = name.decode(errors="replace") or ("ECF" if code == ECF else "")
            maker = "Metavision's ECF codec for HDF5" if code == ECF else "its plugin"
            remedy = f"install {maker} and name its folder in HDF5_PLUGIN_PATH, or convert the file"
            raise DataError("a codec that is installed", f"HDF5 filter {code} {label!r} in {path}", remedy)
