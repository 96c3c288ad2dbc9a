"""The bytes of an image file -> its stated size, held against its length and a bound, and its depth; before decoding.

A decoder asks for the memory that a header states: a PNG of 125 KB can state four gigabytes. PNG, JPEG, BMP and TIFF
are known; other decoders are not started.
"""

from __future__ import annotations

import struct

MOST_PIXELS = 1 << 26
"""No camera of a benchmark has more, by far."""
MOST_BYTES = 8 * MOST_PIXELS
"""Of a file: four channels of 16 bits."""
_DEFLATE, _JPEG_PIXELS = 1040, 2048
"""Bytes that Deflate makes of a byte at most, and pixels that a JPEG's byte can stand for in any sensible file."""
_MOST_SCANNED = 1 << 30
"""Pixels of a JPEG times its scans."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""PNG's colour types."""
_BITS_PER_SAMPLE, _MOST_CHANNELS = 258, 5
"""TIFF's tag, and channels that are looked at."""


class TooDeepError(ValueError):
    """An image of more than 8 bits a channel.

    A decoder would keep the upper 8 of 16, and so make values of 12 bits nearly black.
    """

    def __init__(self, bits: int):
        super().__init__(f"{bits} bits a channel")


def checked_size(content: bytes, length: int | None = None) -> tuple[int, int]:
    """(width, height) that an image file states.

    Args:
        content: its bytes; of PNG and BMP the first 33 are enough.
        length: how many it has; None: these.

    Raises:
        ValueError: another format, no size, or one that the file cannot hold.
        TooDeepError: more than 8 bits a channel.
    """
    for begin, size_of in _FORMATS.items():
        if content.startswith(begin):
            try:
                width, height = size_of(content, len(content) if length is None else length)
                if size_of is _png and length is None:
                    _check_chunks(content)
            except struct.error:
                raise ValueError("cut off inside its header") from None
            if not 0 < width * height <= MOST_PIXELS:
                raise ValueError(f"it states {width} x {height} pixels, of at most {MOST_PIXELS:,}")
            return width, height
    raise ValueError("neither PNG, JPEG, BMP nor TIFF")


def _png(content: bytes, size: int) -> tuple[int, int]:
    length, kind, width, height, depth, colour = struct.unpack_from(">I4sIIBB", content, 8)
    if kind != b"IHDR" or length != 13 or depth not in (1, 2, 4, 8, 16) or colour not in _CHANNELS:
        raise ValueError("a broken header")
    stored = height * ((width * depth * _CHANNELS[colour] + 7) // 8)
    if stored > _DEFLATE * size:
        raise ValueError(f"it states {width} x {height} pixels in {size} bytes")
    _refuse_deep(depth)
    return width, height


def _refuse_deep(bits: int) -> None:
    if bits > 8:
        raise TooDeepError(bits)


def _check_chunks(content: bytes) -> None:
    """See that no chunk of a PNG states more bytes than follow, all of which a decoder asks memory for."""
    place, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", content, place)
        place += 12 + length
        if place > len(content):
            raise ValueError("cut off inside a chunk")


def _jpeg(content: bytes, size: int) -> tuple[int, int]:
    place = 2
    while True:
        marker, kind, length = struct.unpack_from(">BBH", content, place)
        if marker != 0xFF:
            raise ValueError("a broken header")
        if kind == 0xFF:  # a filling byte
            place += 1
        elif kind in (0x01, *range(0xD0, 0xD9)):  # markers without content
            place += 2
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            bits, height, width = struct.unpack_from(">BHH", content, place + 4)
            _refuse_deep(bits)
            break
        elif kind in (0xD9, 0xDA) or length < 2:
            raise ValueError("no size")
        else:
            place += 2 + length
    pixels = width * height
    if pixels > _JPEG_PIXELS * size or pixels * content.count(b"\xff\xda") > _MOST_SCANNED:
        raise ValueError(f"it states {width} x {height} pixels in {size} bytes")
    return width, height


def _bmp(content: bytes, size: int) -> tuple[int, int]:
    (header,) = struct.unpack_from("<I", content, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", content, 18)
    return width, abs(height)


def _tiff(content: bytes, size: int) -> tuple[int, int]:
    order = "<" if content.startswith(b"II") else ">"
    (place,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, place)
    stated = {}
    for entry in range(count):
        begin = place + 2 + 12 * entry
        tag, kind, values = struct.unpack_from(f"{order}HHI", content, begin)
        if kind in (3, 4):
            letter = "H" if kind == 3 else "I"
            (stated[tag],) = struct.unpack_from(f"{order}{letter}", content, begin + 8)
            if tag == _BITS_PER_SAMPLE:  # those of many channels lie elsewhere
                each = struct.Struct(f"{order}{min(values, _MOST_CHANNELS)}{letter}")
                inside = values * struct.calcsize(f"={letter}") <= 4
                elsewhere = struct.unpack_from(f"{order}I", content, begin + 8)[0]
                _refuse_deep(max(each.unpack_from(content, begin + 8 if inside else elsewhere), default=0))
    if stated.get(322, 0) * stated.get(323, 0) > MOST_PIXELS:
        raise ValueError("tiles larger than an image may be")
    return stated.get(256, 0), stated.get(257, 0)


_FORMATS = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8\xff": _jpeg,
    b"BM": _bmp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
}
