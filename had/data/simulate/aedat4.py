"""Events and colour frames -> an AEDAT4 file with the frame times that a DAVIS stores.

dv-processing reads these files, but its own writer keeps only the exposure of a frame and not when its
read-out began and ended, which the published slicing of COESOT and VisEvent needs. So the packets, which
are small FlatBuffers, are laid out here byte by byte; nothing in them depends on the clock or the machine.

Format: AEDAT 4.0 of the DV software (https://docs.inivation.com/software/software-advanced-usage/file-formats).
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

EVENTS_A_PACKET = 10000
_MAGIC = b"#!AER-DAT4.0\r\n"
_EVENT_STREAM, _FRAME_STREAM = 0, 1
_LZ4 = 1
_SENSOR = 1  # FrameSource.SENSOR
_COLOUR = 16  # FrameFormat.OPENCV_8U_C3, blue first
_EVENT = np.dtype(
    {"names": ["t", "x", "y", "p"], "formats": ["<i8", "<i2", "<i2", "u1"], "offsets": [0, 8, 10, 12], "itemsize": 16}
)


class Aedat4Writer:
    """Write one recording; use it as a context manager, and feed both streams in the order of time.

    Args:
        path: the file; it is complete only when the context ends.
        size: (width, height) in pixels.
        camera: name of the camera in the header.
    """

    def __init__(self, path: Path, *, size: tuple[int, int], camera: str = "DAVIS346_simulated"):
        import pyarrow

        self._codec = pyarrow.Codec("lz4")
        self._file = Path(path).open("wb")  # noqa: SIM115 (closed by __exit__)
        self._size, self._camera = size, camera
        self._table: list[tuple[int, int, int, int, int, int]] = []
        self._file.write(_MAGIC + self._header(-1))

    def __enter__(self) -> Aedat4Writer:
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            position = self._file.tell()
            self._file.write(self._compressed(_data_table(self._table)))
            self._file.seek(len(_MAGIC))
            self._file.write(self._header(position))
        self._file.close()

    def write_events(self, events: np.ndarray) -> None:
        """Append events, ``EVENT_DTYPE``, not earlier than those already written."""
        for first in range(0, len(events), EVENTS_A_PACKET):
            part = events[first : first + EVENTS_A_PACKET]
            rows = np.zeros(len(part), _EVENT)
            rows["t"], rows["x"], rows["y"], rows["p"] = part["t"], part["x"], part["y"], part["p"] > 0
            # root, identifier, padding, vtable(6, 8, 4), table: vector -> structs at a multiple of 16
            head = struct.pack("<I4s2xHHHiII", 16, b"EVTS", 6, 8, 4, 6, 4, len(rows))
            self._packet(_EVENT_STREAM, head + rows.tobytes(), len(rows), int(part["t"][0]), int(part["t"][-1]))

    def write_frame(self, image: np.ndarray, *, frame: tuple[int, int], exposure: tuple[int, int]) -> None:
        """Append a colour frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            frame: begin and end of the frame (reset, exposure, read-out), microseconds.
            exposure: begin and end of the exposure, microseconds; its middle is the frame's timestamp.
        """
        height, width = image.shape[:2]
        t = (exposure[0] + exposure[1]) // 2
        vtable = struct.pack("<15H", 30, 64, 16, 24, 32, 40, 48, 4, 6, 8, 0, 0, 12, 56, 5)
        table = struct.pack(
            "<ibbhh2xI6q", 30, _COLOUR, _SENSOR, width, height, 52, t, *frame, *exposure, exposure[1] - exposure[0]
        )
        pixels = np.ascontiguousarray(image[..., ::-1]).tobytes()
        head = struct.pack("<I4s6x", 44, b"FRME") + vtable + table + struct.pack("<I", len(pixels))
        self._packet(_FRAME_STREAM, head + pixels, 1, t, t)

    def _packet(self, stream: int, content: bytes, elements: int, begin: int, end: int) -> None:
        packed = self._compressed(content)
        self._file.write(struct.pack("<ii", stream, len(packed)))
        self._table.append((self._file.tell(), stream, len(packed), elements, begin, end))
        self._file.write(packed)

    def _compressed(self, content: bytes) -> bytes:
        content += bytes(-len(content) % 4)
        return self._codec.compress(struct.pack("<I", len(content)) + content, asbytes=True)

    def _header(self, table_position: int) -> bytes:
        info = _information(self._size, self._camera).encode()
        head = struct.pack("<I4s6xHHHHHiiIq", 24, b"IOHE", 10, 20, 4, 12, 8, 10, _LZ4, 12, table_position)
        text = struct.pack("<I", len(info)) + info + b"\0"
        content = head + text + bytes(-(len(head) + len(text)) % 4)
        return struct.pack("<I", len(content)) + content


def _data_table(entries: list[tuple[int, int, int, int, int, int]]) -> bytes:
    """Where each packet lies: (offset, stream, bytes, elements, first time, last time)."""
    vector = 28 + 4 * len(entries)
    vtable = vector
    first = vtable + 14 + (-(vtable + 14 + 12 + 4) % 8)  # 8-byte numbers, 12 into a table, aligned behind the size
    head = struct.pack("<I4s2xHHHiII", 16, b"FTAB", 6, 8, 4, 6, 4, len(entries))
    offsets = b"".join(struct.pack("<I", first + 48 * i - (28 + 4 * i)) for i in range(len(entries)))
    layout = struct.pack("<7H", 14, 44, 12, 4, 20, 28, 36)
    tables = b"".join(
        struct.pack("<iii4q4x", first + 48 * i - vtable, stream, size, offset, elements, begin, end)
        for i, (offset, stream, size, elements, begin, end) in enumerate(entries)
    )
    return head + offsets + layout + bytes(first - vtable - 14) + tables


def _information(size: tuple[int, int], camera: str) -> str:
    streams = "".join(
        f'<node name="{number}" path="/outInfo/{number}/">'
        '<attr key="compression" type="string">LZ4</attr>'
        '<attr key="originalModuleName" type="string">had</attr>'
        f'<attr key="originalOutputName" type="string">{name}</attr>'
        f'<attr key="typeDescription" type="string">{what}</attr>'
        f'<attr key="typeIdentifier" type="string">{kind}</attr>'
        f'<node name="info" path="/outInfo/{number}/info/">'
        f'<attr key="sizeX" type="int">{size[0]}</attr><attr key="sizeY" type="int">{size[1]}</attr>'
        f'<attr key="source" type="string">{camera}</attr></node></node>'
        for number, name, what, kind in (
            (_EVENT_STREAM, "events", "Array of events (polarity ON/OFF).", "EVTS"),
            (_FRAME_STREAM, "frames", "Standard frame (8-bit image).", "FRME"),
        )
    )
    return f'<dv version="2.0"><node name="outInfo" path="/outInfo/">{streams}</node></dv>'
