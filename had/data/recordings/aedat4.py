"""AEDAT4 files (iniVation) -> events and camera frames.

The container is a header (FlatBuffers table with an XML description of the streams) and packets
(stream number, size, a compressed FlatBuffers table). It is read here rather than through
dv-processing because that library gives a frame's exposure but not its read-out times, by which the
published benchmarks cut their events; the tests hold both readers against each other.

Source: iniVation's AEDAT 4.0 specification.
"""

from __future__ import annotations

import os
import struct
import xml.etree.ElementTree as ElementTree
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from had.data.recordings.aedat4_contents import decompressed, is_whole, read_contents
from had.data.recordings.aedat4_streams import EVENTS, FRAMES, first_stream, of_kind
from had.data.recordings.flatbuffer import Table
from had.data.recordings.recording import LATEST_US, MOST_BYTES, CameraFrame, Recording, as_events
from had.data.recordings.sensor_size import Stated
from had.errors import DataError, excerpt

_MAGIC = b"#!AER-DAT4.0\r\n"
_CODECS = {0: None, 1: "lz4", 2: "lz4", 3: "zstd", 4: "zstd"}
_EVENT = np.dtype({"names": ["t", "x", "y", "on"], "formats": ["<i8", "<i2", "<i2", "u1"], "itemsize": 16})
_CHANNELS = {0: 1, 16: 3, 24: 4}  # OpenCV's codes of 8-bit images -> channels (grey, BGR, BGRA)
_TO_RGB = {1: "COLOR_GRAY2RGB", 3: "COLOR_BGR2RGB", 4: "COLOR_BGRA2RGB"}
_HEAD_BYTES = 8
_MOST_HEADER = 1 << 24
_REMEDY = "copy or download it again; what was cut off cannot be read"
_UNCHECKED = "all packets before it are there, but cannot be checked against it"


class Aedat4Recording(Recording):
    """An AEDAT4 file: its first event stream and its first frame stream."""

    format = "AEDAT4"

    def __init__(self, path: Path, *, size: tuple[int, int] | None = None):
        self.path, self._end = path, path.stat().st_size
        self._contents: np.ndarray | None = None
        try:
            self._read_header(path)
            self._event_stream, event_sizes = first_stream(self._streams, EVENTS)
            self._frame_stream, frame_sizes = first_stream(self._streams, FRAMES)
            if self._event_stream is not None and self._event_stream == self._frame_stream:
                raise ValueError(f"stream {self._event_stream} of both events and frames")
        except (struct.error, ElementTree.ParseError, IndexError, ValueError) as error:
            raise DataError("an AEDAT4 header", f"{path}, whose header is broken ({error})", _REMEDY) from None
        if self._codec not in _CODECS:
            raise DataError("AEDAT4 compression 0 to 4", f"{self._codec} in {path}", "save it again with LZ4")
        image = self._first_image() if frame_sizes else []
        super().__init__(path, size=size, stated=event_sizes or [*frame_sizes, *image])
        if len({one[1:] for one in frame_sizes + image}) > 1:
            self.notes.append(f"camera frames of several sizes: {' and '.join(map(str, frame_sizes + image))}")
        self._contents = self._read_contents()
        self._note_what_is_missing()

    def _read_header(self, path: Path) -> None:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
            if magic != _MAGIC:
                version = excerpt(magic.decode("latin-1").strip())
                raise DataError("AEDAT 4.0", f"another version in {path}, {version}", "convert it with iniVation's DV")
            length = struct.unpack("<I", file.read(4))[0]
            if length > _MOST_HEADER:
                raise ValueError(f"{length} bytes long")
            buffer = file.read(length)
        self._begin = len(_MAGIC) + 4 + length
        header = Table(buffer, struct.unpack_from("<I", buffer)[0])
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

    def _read_contents(self) -> np.ndarray | None:
        """The table of contents, None where there is none or it is broken."""
        if not self._closed:
            return None
        with self.path.open("rb") as file:
            file.seek(self._end)
            stored, room = file.read(MOST_BYTES), (self._end - self._begin) // _HEAD_BYTES
            contents = None if file.read(1) else read_contents(stored, _CODECS[self._codec], room)
        if contents is None:
            self.notes.append(f"the table of contents at its end is cut off or broken: {_UNCHECKED}")
            return None
        contents = np.sort(contents, order="offset")
        there = np.fromiter((offset for offset, *_ in self._heads()), np.int64)
        if np.isin(contents["offset"], there).sum() * 2 < len(there):
            self.notes.append(f"the table of contents at its end is not of these packets: {_UNCHECKED}")
            return None
        return contents

    def _note_what_is_missing(self) -> None:
        if not self._closed:
            self.notes.append("no table of contents: the recording was interrupted, and its end may be missing")
        for kind, what in ((EVENTS, "event"), (FRAMES, "frame")):
            numbers = [node.get("name") for node in of_kind(self._streams, kind)]
            if len(numbers) > 1:
                self.notes.append(f"{len(numbers)} {what} streams, of which number {numbers[0]} is read")

    def _first_image(self) -> list[Stated]:
        """The size of the first camera frame; none where it cannot be read, which `frames` says."""
        try:
            table = next(self._tables(self._frame_stream), (None,))[0]
            sides = () if table is None else (table.number(6, "<h"), table.number(7, "<h"))
            return [Stated("its first image", *sides)] if sides and min(sides) > 0 else []
        except (DataError, struct.error, ValueError, IndexError):
            return []

    def _listed(self, stream: int | None) -> np.ndarray | None:
        """What the table of contents says of a stream's packets, None without one."""
        return None if self._contents is None else self._contents[self._contents["stream"] == stream]

    def _packets(self, stream: int | None) -> Iterator[tuple[int, int]]:
        """(offset, size) of the packets of a stream (`DataError` where they are cut off or not as listed)."""
        listed, seen = self._listed(stream), 0
        for offset, number, size in self._heads():
            if number == stream:
                if listed is not None and listed["offset"][seen : seen + 1].tolist() != [offset]:
                    raise self._unlisted(f"no packet of stream {stream} at byte {offset - 8}")
                seen += 1
                yield offset, size
        if listed is not None and seen < len(listed):
            raise self._unlisted(f"one of stream {stream} at byte {listed['offset'][seen]}, where there is none")

    def _heads(self) -> Iterator[tuple[int, int, int]]:
        """(offset, stream, size) of all packets (`DataError` where one is cut off)."""
        with self.path.open("rb") as file:
            position = self._begin
            while position < self._end:
                file.seek(position)
                head = file.read(_HEAD_BYTES)
                number, size = struct.unpack("<ii", head) if len(head) == _HEAD_BYTES else (0, -1)
                if size <= 0 or position + _HEAD_BYTES + size > self._end:
                    got = f"{self.path}, which ends or is broken inside the packet at byte {position}"
                    raise DataError("a whole AEDAT4 file", got, _REMEDY)
                yield position + _HEAD_BYTES, number, size
                position += _HEAD_BYTES + size

    def _unlisted(self, listed: str) -> DataError:
        got = f"{self.path}, whose table lists {listed}"
        return DataError("packets as the AEDAT4 file's table of contents lists them", got, "copy or download it again")

    def _tables(self, stream: int | None, numbers: Collection[int] | None = None) -> Iterator[tuple[Table, int]]:
        """(decompressed table, its packet's offset) of the packets of a stream, of all or of some numbers."""
        with self.path.open("rb", buffering=0) as file:
            for number, (offset, size) in enumerate(self._packets(stream)):
                if numbers is None or number in numbers:
                    yield self._table(file.fileno(), offset, size), offset

    def _table(self, file: int, offset: int, size: int) -> Table:
        if size > MOST_BYTES:
            raise self._broken(offset, ValueError(f"a packet of {size} bytes, more than {MOST_BYTES}"))
        buffer = self._decompress(os.pread(file, size, offset), offset)
        try:
            return Table(buffer, 4 + struct.unpack_from("<I", buffer, 4)[0])
        except (struct.error, ValueError, IndexError) as error:
            raise self._broken(offset, error) from None

    def _decompress(self, packet: bytes, offset: int) -> bytes:
        try:
            buffer = decompressed(packet, _CODECS[self._codec])
        except OSError as error:
            raise self._broken(offset, error) from None
        if not is_whole(buffer):
            raise self._broken(offset, ValueError(f"a packet of {len(buffer)} bytes, which states another size"))
        return buffer

    def _broken(self, offset: int, error: Exception) -> DataError:
        return DataError("a readable AEDAT4 file", f"{self.path}, broken at byte {offset} ({error})", _REMEDY)

    def decode(self, max_events: int) -> Iterator[np.ndarray]:
        """See `Recording.decode`."""
        waiting: list[np.ndarray] = []
        count = 0
        listed = self._listed(self._event_stream)
        for number, (table, offset) in enumerate(self._tables(self._event_stream)):
            packet = self._events(table, offset)
            length = len(packet)
            if listed is not None:
                self._compare(packet, listed[number], offset)
            if waiting and count + length > max_events:
                yield np.concatenate(waiting)
                waiting, count = [], 0
            if length:
                waiting.append(as_events(packet["t"], packet["x"], packet["y"], packet["on"] != 0))
                count += length
        if waiting:
            yield np.concatenate(waiting)

    def _events(self, table: Table, offset: int) -> np.ndarray:
        try:
            start, length = table.vector(0)
            if length * _EVENT.itemsize > len(table.buffer):
                raise ValueError(f"{length} events in {len(table.buffer)} bytes")
            packet = np.frombuffer(table.buffer, _EVENT, length, start)
        except (struct.error, ValueError) as error:
            raise self._broken(offset, error) from None
        wrong = (packet["t"] >= LATEST_US) | (packet["t"] <= -LATEST_US)
        if wrong.any():
            raise self._broken(offset, ValueError(f"an event at {packet['t'][int(wrong.argmax())]} us"))
        return packet

    def _compare(self, packet: np.ndarray, listed: np.void, offset: int) -> None:
        """Hold a packet of events against what the table of contents states: neither codec has a checksum."""
        found = [len(packet), *(int(packet["t"][i]) for i in (0, -1))] if len(packet) else [0]
        wanted = [int(listed[name]) for name in ("count", "first", "last")][: len(found)]
        if any(stated > 0 and stated != value for stated, value in zip(wanted, found, strict=True)):
            shown = [f"{n[0]} events" + (f" from {n[1]} to {n[2]} us" if n[1:] else "") for n in (found, wanted)]
            raise self._unlisted(f"{shown[1]} at byte {offset}, where {shown[0]} are")

    def last_us(self) -> int | None:
        """See `Recording.last_us`: only the packets' heads and the last events are read; None where it is damaged."""
        with self.path.open("rb", buffering=0) as file:
            try:
                places = np.fromiter(self._packets(self._event_stream), np.dtype("i8,i8"))
                for offset, size in map(np.void.item, places[::-1]):
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
                for offset, size in deque(self._packets(stream), maxlen=1):
                    table = self._table(file.fileno(), offset, size)
                    if stream == self._event_stream:
                        self._events(table, offset)

    def frame_count(self) -> int:
        """Number of camera frames: one a packet."""
        return sum(1 for _ in self._packets(self._frame_stream))

    def frames(self) -> Iterator[CameraFrame]:
        """The camera's frames in the file's order (`DataError` for a pixel format that is not 8-bit)."""
        return self._frames(None)

    def frames_at(self, numbers: Collection[int]) -> Iterator[CameraFrame]:
        """See `Recording.frames_at`."""
        return self._frames(numbers)

    def _frames(self, numbers: Collection[int] | None) -> Iterator[CameraFrame]:
        for table, offset in self._tables(self._frame_stream, numbers):
            try:
                yield self._frame(table)
            except (struct.error, ValueError) as error:
                raise self._broken(offset, error) from None

    def _frame(self, table: Table) -> CameraFrame:
        import cv2

        t, begin, end, exposure_begin, exposure_end = (table.number(field, "<q", -1) for field in range(5))
        duration = table.number(11, "<q")
        exposure_begin = t if exposure_begin < 0 else exposure_begin
        exposure_end = exposure_begin + duration if exposure_end < 0 else exposure_end
        known = begin >= 0 and end > begin
        pixel = table.number(5, "<b")
        if pixel not in _CHANNELS:
            raise ValueError(f"pixels of OpenCV's type {pixel}, not 8-bit grey, BGR or BGRA")
        channels = _CHANNELS[pixel]
        width, height = table.number(6, "<h"), table.number(7, "<h")
        start, length = table.vector(10)
        if min(width, height) <= 0 or length != width * height * channels:
            raise ValueError(f"an image of {width}x{height} pixels in {length} bytes")
        pixels = np.frombuffer(table.buffer, np.uint8, length, start).reshape(height, width, channels)
        image = cv2.cvtColor(pixels, getattr(cv2, _TO_RGB[channels]))
        if not known:
            begin, end = exposure_begin, exposure_end
        return CameraFrame(t, begin, end, exposure_begin, exposure_end, image, known)
