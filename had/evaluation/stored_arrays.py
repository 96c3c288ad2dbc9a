"""An ``.npz`` file of anybody -> the arrays that are asked for; nothing is unpickled, nothing else is read.

What a file states of itself is held against the bytes that it has before memory is asked for: a member's size against
its compressed bytes, an array's shape and type against the size of its member.

Source: NumPy's description of its ``.npy`` format, and PKWARE's of ZIP.
"""

from __future__ import annotations

import ast
import io
import math
import struct
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from had.errors import DataError
from had.files import refuse_pointer

MOST_BYTES = 1 << 30
"""Of one array."""
_MOST_MEMBERS = 100_000
_MOST_HEADER = 10_000
_DEFLATE = 1032
"""Times that deflated bytes can become at most."""
_KINDS = "biufU"
_BROKEN = (
    *(OSError, ValueError, EOFError, LookupError, TypeError, SyntaxError, RecursionError, MemoryError),
    *(NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error),
)
"""What Python's readers raise at damaged bytes."""


def read_arrays(
    path: Path, names: Collection[str] | None = None, *, expected: str, remedy: str
) -> dict[str, np.ndarray]:
    """Arrays of numbers or text.

    Args:
        path: the file.
        names: those that are read where they are there; None: all.
        expected, remedy: what should have been there and what to do, for the message.

    Raises:
        DataError: no such file, or a damaged one; the file is named.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for without end
        raise DataError(expected, f"{path}, which is no file", remedy)
    try:
        refuse_pointer(path, expected)
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in _members(archive)}
            wanted = members if names is None else {name: members[name] for name in names if name in members}
            return {name: _array(archive, info) for name, info in wanted.items()}
    except FileNotFoundError:
        raise DataError(expected, f"no file {path}", remedy) from None
    except _BROKEN as error:
        reason = str(error).strip() or type(error).__name__
        raise DataError(expected, f"other data in {path} ({reason[:200]})", remedy) from None


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    if len(members) > _MOST_MEMBERS or len({info.filename for info in members}) < len(members):
        raise ValueError(f"{len(members)} arrays, some of one name or more than {_MOST_MEMBERS}")
    return members


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    factor = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: _DEFLATE}.get(info.compress_type)
    if factor is None:
        raise ValueError(f"compression {info.compress_type} of {info.filename!r}")
    if not 0 <= info.file_size <= min(factor * info.compress_size, MOST_BYTES):
        raise ValueError(f"{info.file_size} bytes from {info.compress_size} of {info.filename!r}")
    with archive.open(info) as member:
        content = member.read(info.file_size)
        if len(content) != info.file_size or member.read(1):
            raise ValueError(f"{info.filename!r} of another size than stated")
    return parsed_array(content, info.filename)


def parsed_array(content: bytes, name: str) -> np.ndarray:
    """The array of a ``.npy`` file's bytes (`ValueError` and what `ast` raises: damaged, or of Python objects)."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    length = struct.Struct("<H" if version == (1, 0) else "<I")
    (count,) = length.unpack(stream.read(length.size))
    text = stream.read(min(count, _MOST_HEADER))
    if len(text) != count:
        raise ValueError(f"a header of {count} bytes in {name!r}")
    header = ast.literal_eval(text.decode("utf-8" if version == (3, 0) else "latin1").strip())
    dtype, shape, fortran = np.dtype(header["descr"]), header["shape"], header["fortran_order"]
    plain = isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)
    if not plain or dtype.kind not in _KINDS or dtype.itemsize == 0 or len(shape) > 8:
        raise ValueError(f"an array {name!r} of {str(header)[:80]}")
    if math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"{len(content) - stream.tell()} bytes for {shape} of {dtype} in {name!r}")
    values = np.frombuffer(content, dtype, offset=stream.tell())
    if dtype.kind == "U":
        points = values.view(dtype.byteorder + "u4")
        if ((points > 0x10FFFF) | ((points >= 0xD800) & (points < 0xE000))).any():
            raise ValueError(f"no text in {name!r}")
    return values.reshape(shape, order="F" if fortran else "C")
