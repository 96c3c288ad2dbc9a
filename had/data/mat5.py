"""MATLAB files of numbers (version 5, as `scipy.io.savemat` and MATLAB's ``save -v7`` write them) -> arrays.

Read here rather than through scipy because scipy's reader ends the process (a segmentation fault) at some damaged
files, and a damaged download has to be named. All else that such a file may hold, text, cells, structures, is left out.

Source: MathWorks' "MAT-File Format", version 5: tags, small elements, compressed elements, numeric arrays.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

_HEADER = 128
_HEAD_BYTES = 512
"""Enough for a matrix's shape and name."""
MOST_VALUES = 1 << 22
"""Numbers in an array; a voxel file's largest has 16,000 cells of 16 polarities."""
_LARGEST = 8 * MOST_VALUES + (1 << 16)
"""Bytes of a matrix: its numbers and what it says of itself."""
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMERIC = range(6, 16)
"""Classes of arrays of numbers: double, single, and the integers."""
_COMPLEX = 0x800


class _Element(NamedTuple):
    """One of a file's elements, with the file at its content; ``order`` is ``"<"`` or ``">"``, that of the bytes."""

    file: IO[bytes]
    kind: int
    length: int
    order: str


class _Head(NamedTuple):
    """What a matrix says of itself; ``place`` is where its numbers begin."""

    name: str
    kind: int
    shape: tuple[int, ...]
    place: int


def matrix_names(path: Path) -> set[str]:
    """The names of a file's matrices of numbers, without reading these (`ValueError`, `OSError`: not readable)."""
    with path.open("rb") as file:
        heads = [_head(_content(element, _HEAD_BYTES), element.order) for element in _elements(file)]
        return {head.name for head in heads if head.kind in _NUMERIC}


def read_matrices(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """The matrices of numbers with these names, as they are stored.

    Raises:
        ValueError: no such file format, a file that is cut or damaged, or a matrix that is not there.
        OSError: it cannot be opened.
    """
    found = {}
    with path.open("rb") as file:
        for element in _elements(file):
            place = file.tell()
            head = _head(_content(element, _HEAD_BYTES), element.order)
            if head.name not in names or head.kind not in _NUMERIC:
                continue
            if head.name in found:
                raise ValueError(f"two matrices {head.name}")
            if math.prod(head.shape) > MOST_VALUES:
                raise ValueError(f"the shape {head.shape} of {head.name}, of at most {MOST_VALUES:,} numbers")
            file.seek(place)
            content = _content(element, _LARGEST, whole=True)
            found[head.name] = _numbers(content, element.order, _head(content, element.order))
    if missing := sorted(set(names) - found.keys()):
        raise ValueError(f"no numbers called {', '.join(missing)}")
    return found


def _elements(file: IO[bytes]) -> Iterator[_Element]:
    end = file.seek(0, 2)
    file.seek(0)
    header = file.read(_HEADER)
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128], "")
    version = struct.unpack_from(f"{order}H", header, 124)[0] if order else 0
    if version != 0x100:
        raise ValueError("no MATLAB 5 header")
    place = _HEADER
    while place < end:
        file.seek(place)
        tag = file.read(8)
        kind, length = struct.unpack(f"{order}2I", tag) if len(tag) == 8 else (0, end)
        if place + 8 + length > end:
            raise ValueError(f"cut off after {end} bytes, inside the element at byte {place}")
        yield _Element(file, kind, length, order)
        place += 8 + length + (0 if kind == _COMPRESSED else -length % 8)


def _content(element: _Element, most: int, *, whole: bool = False) -> bytes:
    """The bytes of a matrix, at most ``most``; none of an element that is something else.

    Args:
        whole: all of them, or none are given (`ValueError`).
    """
    if element.kind not in (_MATRIX, _COMPRESSED):
        return b""
    if whole and element.length > most:
        raise ValueError(f"a matrix of {element.length:,} bytes, of at most {most:,}")
    data = element.file.read(min(element.length, most))
    if element.kind == _MATRIX:
        return data
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(data, most)
    except zlib.error as error:
        raise ValueError(f"damaged compressed data ({error})") from None
    inner, size = struct.unpack(f"{element.order}2I", data[:8]) if len(data) >= 8 else (0, 0)
    if inner != _MATRIX or (whole and (not stream.eof or len(data) < 8 + size)):
        raise ValueError("damaged compressed data")
    return data[8 : 8 + size]


def _part(content: bytes, place: int, order: str) -> tuple[int, int, int, int]:
    """(type, begin, bytes, place behind it) of a part of a matrix."""
    if place + 8 > len(content):
        raise ValueError("a matrix without all its parts")
    kind, length = struct.unpack_from(f"{order}2I", content, place)
    if kind >> 16:  # small: the size shares four bytes with the type, the data follow in the other four
        kind, length, begin = kind & 0xFFFF, kind >> 16, place + 4
        return kind, begin, min(length, 4), place + 8
    return kind, place + 8, length, place + 8 + length + -length % 8


def _head(content: bytes, order: str) -> _Head:
    if not content:
        return _Head("", 0, (), 0)
    _, begin, length, place = _part(content, 0, order)
    flags = struct.unpack_from(f"{order}I", content, begin)[0] if length == 8 else 0
    _, begin, length, place = _part(content, place, order)
    shape = tuple(int(side) for side in np.frombuffer(content[begin : begin + length - length % 4], f"{order}i4"))
    _, begin, length, place = _part(content, place, order)
    name = content[begin : begin + length].decode("latin1")
    return _Head(name, 0 if flags & _COMPLEX else flags & 0xFF, shape, place)


def _numbers(content: bytes, order: str, head: _Head) -> np.ndarray:
    kind, begin, length, _ = _part(content, head.place, order)
    if kind not in _TYPES or min(head.shape, default=-1) < 0:
        raise ValueError(f"a damaged matrix {head.name}")
    dtype, count = np.dtype(f"{order}{_TYPES[kind]}"), math.prod(head.shape)
    if begin + length > len(content) or length != count * dtype.itemsize:
        raise ValueError(f"{length} bytes for the shape {head.shape} of {head.name}")
    return np.frombuffer(content, dtype, count, begin).reshape(head.shape, order="F")
