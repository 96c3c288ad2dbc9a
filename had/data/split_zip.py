"""A split zip archive (``a.z01``, ``a.z02``, ..., ``a.zip``) read as one file, its directory written anew in memory.

In a split archive every place counts from the begin of its piece, in one file it counts from the first byte; the
standard library reads one file only. Records as in PKWARE's APPNOTE 6.3, sections 4.3.12 to 4.3.16 and 4.5.3.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path

from had.data.pieces import Pieces
from had.errors import DataError

_ZIP_END = struct.Struct("<4s4H2LH")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_ZIP64_LOCATOR = struct.Struct("<4sLQL")
_ZIP_ENTRY = struct.Struct("<4s6H3L5H2L")
_FULL = 0xFFFFFFFF


def one_zip(parts: Sequence[Path]) -> io.BufferedReader:
    """A split zip archive as if it had been written in one piece.

    Args:
        parts: ``a.z01``, ``a.z02``, ..., ``a.zip``.

    Raises:
        DataError: pieces are missing, or the end of the last one is not readable.
    """
    sizes = [path.stat().st_size for path in parts]
    begins = [sum(sizes[:number]) for number in range(len(sizes))]
    whole = Pieces(list(zip(parts, sizes, strict=True)))
    broken = DataError(f"a split zip archive {parts[-1]}", "no readable end", "fetch its pieces again")
    with io.BufferedReader(whole) as file:
        end_place, end = _end_of(file, sum(sizes), broken)
        pieces, entries, size, offset, piece = _directory_of(file, end_place, end, begins, broken)
        if pieces != len(parts):
            got = f"{len(parts)} in {parts[0].parent}"
            raise DataError(f"{pieces} pieces of {parts[-1].name}", got, "fetch the missing ones, too")
        begin = begins[piece] + offset
        file.seek(begin)
        directory = file.read(size)
    if len(directory) != size:
        raise broken
    directory = _absolute(directory, entries, begins, broken)
    tail = directory + _ZIP64_END.pack(b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, len(directory), begin)
    tail += _ZIP64_LOCATOR.pack(b"PK\6\7", 0, begin + len(directory), 1)
    tail += _ZIP_END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, _FULL, _FULL, 0)
    kept: list[tuple[Path | bytes, int]] = [
        (path, max(0, min(size, begin - start))) for path, size, start in zip(parts, sizes, begins, strict=True)
    ]
    return io.BufferedReader(Pieces([*kept, (tail, len(tail))]))


def _end_of(file, size: int, broken: DataError) -> tuple[int, tuple]:
    """(place, fields) of the record that ends a zip archive."""
    length = min(size, _ZIP_END.size + 0xFFFF)
    file.seek(size - length)
    tail = file.read(length)
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < _ZIP_END.size:
        raise broken
    return size - length + place, _ZIP_END.unpack_from(tail, place)


def _directory_of(file, end_place: int, end: tuple, begins: list[int], broken: DataError) -> tuple:
    """(pieces, entries, size of the directory, its place in its piece, that piece)."""
    _, last, piece, _, entries, size, offset, _ = end
    file.seek(max(0, end_place - _ZIP64_LOCATOR.size))
    found = file.read(_ZIP64_LOCATOR.size)
    if not found.startswith(b"PK\6\7"):
        if piece >= len(begins):
            return last + 1, 0, 0, 0, 0
        return last + 1, entries, size, offset, piece
    _, end_piece, end_offset, pieces = _ZIP64_LOCATOR.unpack(found)
    if pieces != len(begins) or end_piece >= len(begins):
        return pieces, 0, 0, 0, 0
    file.seek(begins[end_piece] + end_offset)
    record = file.read(_ZIP64_END.size)
    if len(record) != _ZIP64_END.size or not record.startswith(b"PK\6\6"):
        raise broken
    *_, piece, _, entries, size, offset = _ZIP64_END.unpack(record)
    if piece >= len(begins):
        raise broken
    return pieces, entries, size, offset, piece


def _absolute(directory: bytes, entries: int, begins: list[int], broken: DataError) -> bytes:
    """The directory with places that count from the first byte of the first piece, in 64 bits."""
    result, place = bytearray(), 0
    try:
        for _ in range(entries):
            fields = list(_ZIP_ENTRY.unpack_from(directory, place))
            if fields[0] != b"PK\1\2":
                raise broken
            names, extras, comments = fields[10:13]
            place += _ZIP_ENTRY.size
            name, place = directory[place : place + names], place + names
            extra, place = directory[place : place + extras], place + extras
            comment, place = directory[place : place + comments], place + comments
            wide, others = _extras(extra)
            large = b""
            for field in (9, 8):  # the size, then the compressed size
                if fields[field] == _FULL:
                    large, wide = large + wide[:8], wide[8:]
            offset, piece = fields[16], fields[13]
            if offset == _FULL:
                offset, wide = int.from_bytes(wide[:8], "little"), wide[8:]
            if piece == 0xFFFF:
                piece = int.from_bytes(wide[:4], "little")
            large += struct.pack("<Q", begins[piece] + offset)
            extra = struct.pack("<2H", 1, len(large)) + large + others
            fields[11], fields[13], fields[16] = len(extra), 0, _FULL
            result += _ZIP_ENTRY.pack(*fields) + name + extra + comment
    except (struct.error, IndexError):
        raise broken from None
    return bytes(result)


def _extras(extra: bytes) -> tuple[bytes, bytes]:
    """(content of the 64-bit field, all other fields)."""
    wide, others = b"", b""
    while len(extra) >= 4:
        tag, length = struct.unpack_from("<2H", extra)
        if tag == 1:
            wide = extra[4 : 4 + length]
        else:
            others += extra[: 4 + length]
        extra = extra[4 + length :]
    return wide, others
