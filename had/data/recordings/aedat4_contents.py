"""The table of contents that closes an AEDAT4 file: where each packet is, what it holds, and from when to when.

Neither LZ4 nor Zstandard packets carry a checksum as iniVation writes them, so this table is what packets are held
against: their places, numbers of elements, first and last times.

Source: iniVation's AEDAT 4.0 specification (``FileDataTable``).
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from had.data.recordings.flatbuffer import Table
from had.data.recordings.recording import MOST_BYTES

ENTRY = np.dtype(
    [("stream", "<i4"), ("size", "<i4"), ("offset", "<i8"), ("count", "<i8"), ("first", "<i8"), ("last", "<i8")]
)
"""A packet: stream, bytes, place of its first byte after its head, elements, first and last time in microseconds."""
_IDENTIFIER = b"FTAB"


def decompressed(content: bytes, codec: str | None) -> bytes:
    """A packet's or table's bytes (`OSError` where they are broken, which not every change makes them).

    A buffer begins with its size, so that no more than `MOST_BYTES` are ever unpacked, whatever the packet holds.
    """
    import pyarrow

    if codec is None:
        return content
    with pyarrow.CompressedInputStream(pyarrow.BufferReader(content), codec) as stream:
        head = stream.read(4)
        size = int.from_bytes(head, "little")
        if size > MOST_BYTES:
            raise OSError(f"{size} bytes, more than the {MOST_BYTES} that are read at once")
        return head + stream.read(size + 1)  # one more, to see that it ends there


def is_whole(buffer: bytes) -> bool:
    """Whether a size-prefixed buffer has the size that it states."""
    return len(buffer) >= 8 and struct.unpack_from("<I", buffer)[0] + 4 == len(buffer)


def read_contents(content: bytes, codec: str | None, most: int) -> np.ndarray | None:
    """Stored bytes -> one `ENTRY` a packet, in the table's order; None where the table is cut off or broken.

    Args:
        content: the table as stored.
        codec: of pyarrow, or None.
        most: packets that the file has room for.
    """
    import pyarrow

    try:
        buffer = decompressed(content, codec)
        if codec is not None:  # a stream does not miss its last bytes, the one-shot decoder does
            pyarrow.Codec(codec).decompress(content, len(buffer))
        if not is_whole(buffer) or buffer[8:12] != _IDENTIFIER:
            return None
        start, count = Table(buffer, 4 + struct.unpack_from("<I", buffer, 4)[0]).vector(0)
        return _entries(buffer, start, count) if count <= most and start + 4 * count <= len(buffer) else None
    except (OSError, struct.error, ValueError, IndexError):
        return None


def _entries(buffer: bytes, start: int, count: int) -> np.ndarray:
    """The tables of a vector, all at once (there is one for each few milliseconds of a recording)."""
    content = np.frombuffer(buffer, np.uint8)
    places = start + 4 * np.arange(count)
    tables = places + _numbers(content, places, "<u4")
    layouts = tables - _numbers(content, tables, "<i4")
    fields = (_numbers(content, layouts, "<u2") - 4) // 2

    def field(number: int, kind: str, shift: int = 0) -> np.ndarray:
        written = fields > number
        relative = np.zeros(count, np.int64)
        relative[written] = _numbers(content, layouts[written] + 4 + 2 * number, "<u2")
        found = np.zeros(count, np.int64)
        found[relative > 0] = _numbers(content, (tables + relative)[relative > 0] + shift, kind)
        return found

    entries = np.empty(count, ENTRY)
    entries["offset"], entries["stream"], entries["size"] = field(0, "<i8"), field(1, "<i4"), field(1, "<i4", 4)
    entries["count"], entries["first"], entries["last"] = field(2, "<i8"), field(3, "<i8"), field(4, "<i8")
    return entries


def _numbers(content: np.ndarray, places: np.ndarray, kind: Any) -> np.ndarray:
    """(n,) int64: the numbers at ``places``, which need not be aligned (`IndexError` outside ``content``)."""
    if (places < 0).any():
        raise IndexError("a place before the table")
    parts = content[places[:, None] + np.arange(np.dtype(kind).itemsize)]  # n, bytes of a number
    return np.ascontiguousarray(parts).view(kind)[:, 0].astype(np.int64)
