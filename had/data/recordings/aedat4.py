"""AEDAT4 files (iniVation) -> events and camera frames.

The container is a header (FlatBuffers table with an XML description of the streams) and packets
(stream number, size, a compressed FlatBuffers table). It is read here rather than through
dv-processing because that library gives a frame's exposure but not its read-out times, by which the
published benchmarks cut their events; the tests hold both readers against each other.

Source: iniVation's AEDAT 4.0 specification and the FlatBuffers binary format.
"""

from __future__ import annotations

import os
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from had.data.recordings.recording import CameraFrame, Recording, as_events
from had.errors import DataError

_MAGIC = b"#!AER-DAT4.0\r\n"
_CODECS = {0: None, 1: "lz4", 2: "lz4", 3: "zstd", 4: "zstd"}
_EVENT = np.dtype({"names": ["t", "x", "y", "on"], "formats": ["<i8", "<i2", "<i2", "u1"], "itemsize": 16})
_CHANNELS = {0: 1, 16: 3, 24: 4}  # OpenCV's codes of 8-bit images -> channels (grey, BGR, BGRA)
_TO_RGB = {1: "COLOR_GRAY2RGB", 3: "COLOR_BGR2RGB", 4: "COLOR_BGRA2RGB"}
_REMEDY = "copy or download it again; what was cut off cannot be read"


class _Table:
    """A FlatBuffers table: field ``i`` of ``buffer`` at ``position``, or a default where it was not written."""

    def __init__(self, buffer: bytes | memoryview, position: int):
        self.buffer, self.position = buffer, position
        self.vtable = position - self._at("<i", position)
        self.fields = (self._at("<H", self.vtable) - 4) // 2

    def _at(self, kind: str, position: int) -> int:
        return struct.unpack_from(kind, self.buffer, position)[0]

    def where(self, field: int) -> int:
        """The absolute position of a field, 0 where it was not written."""
        relative = self._at("<H", self.vtable + 4 + 2 * field) if field < self.fields else 0
        return self.position + relative if relative else 0

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """A scalar field of the struct format ``kind``."""
        place = self.where(field)
        return self._at(kind, place) if place else default

    def vector(self, field: int) -> tuple[int, int]:
        """(position of the first element, number of elements) of a vector or string field."""
        place = self.where(field)
        if not place:
            return 0, 0
        start = place + self._at("<I", place)
        return start + 4, self._at("<I", start)


class Aedat4Recording(Recording):
    """An AEDAT4 file: its first event stream and its first frame stream."""

    format = "AEDAT4"

    def __init__(self, path: Path, *, size: tuple[int, int] | None = None):
        self._end = path.stat().st_size
        try:
            self._read_header(path)
            self._event_stream, event_size = self._stream("EVTS")
            self._frame_stream, frame_size = self._stream("FRME")
        except (struct.error, ElementTree.ParseError, IndexError, ValueError) as error:
            raise DataError("an AEDAT4 header", f"{path}, whose header is broken ({error})", _REMEDY) from None
        super().__init__(path, size=size or event_size or frame_size)
        self._note_what_is_missing()
        if self._codec not in _CODECS:
            raise DataError("AEDAT4 compression 0 to 4", f"{self._codec} in {path}", "save it again with LZ4")

    def _read_header(self, path: Path) -> None:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise DataError("AEDAT 4.0", f"another version in {path}", "convert it with iniVation's DV")
            length = struct.unpack("<I", file.read(4))[0]
            buffer = file.read(length)
        self._begin = len(_MAGIC) + 4 + length
        header = _Table(buffer, struct.unpack_from("<I", buffer)[0])
        self._codec = header.number(0, "<i")
        table_of_contents = header.number(1, "<q", -1)
        self._closed = table_of_contents > 0
        if self._closed:
            self._end = min(self._end, table_of_contents)
            if table_of_contents > path.stat().st_size:
                got = f"{path} with {path.stat().st_size} bytes of more than {table_of_contents}"
                raise DataError("a whole AEDAT4 file", got, _REMEDY)
        start, count = header.vector(2)
        self._streams = ElementTree.fromstring(buffer[start : start + count].decode()).findall("./node/node")

    def _note_what_is_missing(self) -> None:
        if not self._closed:
            self.notes.append("no table of contents: the recording was interrupted, and its end may be missing")
        for kind, what in (("EVTS", "event"), ("FRME", "frame")):
            numbers = [node.get("name") for node in self._streams if _kind(node) == kind]
            if len(numbers) > 1:
                self.notes.append(f"{len(numbers)} {what} streams, of which number {numbers[0]} is read")

    def _stream(self, kind: str) -> tuple[int | None, tuple[int, int] | None]:
        """(number, size) of the first stream of a kind, (None, None) without one."""
        for node in self._streams:
            if _kind(node) == kind:
                sides = [node.findtext(f"node/attr[@key='{key}']") for key in ("sizeX", "sizeY")]
                size = (int(sides[0]), int(sides[1])) if sides[0] and sides[1] else None
                if size is not None and min(size) <= 0:
                    raise ValueError(f"a sensor of {size[0]}x{size[1]} pixels")
                return int(node.get("name", "")), size
        return None, None

    def _packets(self, stream: int | None) -> Iterator[tuple[int, int]]:
        """(offset, size) of the packets of a stream (`DataError` where the file is cut off)."""
        with self.path.open("rb") as file:
            position = self._begin
            while position < self._end:
                file.seek(position)
                head = file.read(8)
                number, size = struct.unpack("<ii", head) if len(head) == 8 else (0, -1)
                if size < 0 or position + 8 + size > self._end:
                    got = f"{self.path}, which ends or is broken inside the packet at byte {position}"
                    raise DataError("a whole AEDAT4 file", got, _REMEDY)
                position += 8 + size
                if number == stream:
                    yield position - size, size

    def _tables(self, stream: int | None) -> Iterator[tuple[_Table, int]]:
        """(decompressed table, its packet's offset) of the packets of a stream."""
        with self.path.open("rb", buffering=0) as file:
            for offset, size in self._packets(stream):
                yield self._table(file.fileno(), offset, size), offset

    def _table(self, file: int, offset: int, size: int) -> _Table:
        buffer = self._decompress(os.pread(file, size, offset), offset)
        try:
            return _Table(buffer, 4 + struct.unpack_from("<I", buffer, 4)[0])
        except (struct.error, ValueError, IndexError) as error:
            raise self._broken(offset, error) from None

    def _decompress(self, packet: bytes, offset: int) -> bytes:
        import pyarrow

        codec = _CODECS[self._codec]
        if codec is None:
            return packet
        try:
            with pyarrow.CompressedInputStream(pyarrow.BufferReader(packet), codec) as stream:
                return stream.read()
        except OSError as error:
            raise self._broken(offset, error) from None

    def _broken(self, offset: int, error: Exception) -> DataError:
        return DataError("a readable AEDAT4 file", f"{self.path}, broken at byte {offset} ({error})", _REMEDY)

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`."""
        waiting: list[np.ndarray] = []
        count = 0
        for table, offset in self._tables(self._event_stream):
            packet = self._events(table, offset)
            length = len(packet)
            if waiting and count + length > max_events:
                yield np.concatenate(waiting)
                waiting, count = [], 0
            if length:
                waiting.append(as_events(packet["t"], packet["x"], packet["y"], packet["on"] != 0))
                count += length
        if waiting:
            yield np.concatenate(waiting)

    def _events(self, table: _Table, offset: int) -> np.ndarray:
        try:
            start, length = table.vector(0)
            return np.frombuffer(table.buffer, _EVENT, length, start)
        except (struct.error, ValueError) as error:
            raise self._broken(offset, error) from None

    def last_us(self) -> int | None:
        """See `Recording.last_us`: only the packets' heads and the last events are read; None where it is damaged."""
        with self.path.open("rb", buffering=0) as file:
            try:
                for offset, size in reversed(list(self._packets(self._event_stream))):
                    packet = self._events(self._table(file.fileno(), offset, size), offset)
                    if len(packet):
                        return int(packet["t"][-1])
            except DataError:  # the part before the damage can still be read
                return None
        return None

    def check_end(self) -> None:
        """See `Recording.check_end`: the last events and the last camera frame can be decoded."""
        with self.path.open("rb", buffering=0) as file:
            for stream in (self._event_stream, self._frame_stream):
                for offset, size in list(self._packets(stream))[-1:]:
                    table = self._table(file.fileno(), offset, size)
                    if stream == self._event_stream:
                        self._events(table, offset)

    def frame_count(self) -> int:
        """Number of camera frames: one a packet."""
        return sum(1 for _ in self._packets(self._frame_stream))

    def frames(self) -> Iterator[CameraFrame]:
        """The camera's frames in the file's order (`DataError` for a pixel format that is not 8-bit)."""
        for table, offset in self._tables(self._frame_stream):
            try:
                yield self._frame(table)
            except (struct.error, ValueError, KeyError) as error:
                raise self._broken(offset, error) from None

    def _frame(self, table: _Table) -> CameraFrame:
        import cv2

        t, begin, end, exposure_begin, exposure_end = (table.number(field, "<q", -1) for field in range(5))
        duration = table.number(11, "<q")
        exposure_begin = t if exposure_begin < 0 else exposure_begin
        exposure_end = exposure_begin + duration if exposure_end < 0 else exposure_end
        known = begin >= 0 and end > begin
        channels = _CHANNELS[table.number(5, "<b")]
        width, height = table.number(6, "<h"), table.number(7, "<h")
        start, length = table.vector(10)
        pixels = np.frombuffer(table.buffer, np.uint8, length, start).reshape(height, width, channels)
        image = cv2.cvtColor(pixels, getattr(cv2, _TO_RGB[channels]))
        if not known:
            begin, end = exposure_begin, exposure_end
        return CameraFrame(t, begin, end, exposure_begin, exposure_end, image, known)


def _kind(node: ElementTree.Element) -> str | None:
    """What a stream holds: ``EVTS``, ``FRME``, ..."""
    return node.findtext("attr[@key='typeIdentifier']")
