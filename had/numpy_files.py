"""Headers of ``.npy`` and ``.npz`` files, checked against the file's size before memory is allocated.

Source: NumPy's description of its ``.npy`` format, and PKWARE's of ZIP.
"""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from typing import IO, NamedTuple

import numpy as np

BROKEN_VALUES = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)
"""What `zipfile` and `exactly` raise at damaged bytes behind a header."""
BROKEN = (
    *(*BROKEN_VALUES, LookupError, TypeError, SyntaxError, MemoryError),
    *(struct.error, tokenize.TokenError),
)
"""What this module and NumPy raise at damaged headers, too."""
_MOST_HEADER = 10_000
_DEFLATE = 1032
"""Times that deflated bytes can become at most."""
_HEADERS = {
    (1, 0): ("<H", np.lib.format.read_array_header_1_0),
    (2, 0): ("<I", np.lib.format.read_array_header_2_0),
}


class Stated(NamedTuple):
    """An array as its header states it; its values begin ``offset`` bytes behind the begin."""

    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool
    offset: int


def members(archive: zipfile.ZipFile, most: int) -> dict[str, zipfile.ZipInfo]:
    """The arrays in an archive, by name (one of `BROKEN`: more than ``most``, or not as NumPy writes them)."""
    found = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    names = {info.filename.removesuffix(".npy"): info for info in found}
    if len(found) > most or len(names) < len(found):
        raise ValueError(f"{len(found)} arrays of {len(names)} names, at most {most} are read")
    for name, info in names.items():
        factor = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: _DEFLATE}.get(info.compress_type)
        if factor is None:
            raise ValueError(f"compression {info.compress_type} of the array {name!r}, which NumPy does not write")
        if info.file_size > factor * info.compress_size:
            raise ValueError(f"{info.file_size} bytes from {info.compress_size} of the array {name!r}")
    return names


def header(stream: IO[bytes], size: int) -> Stated:
    """What a ``.npy`` stream of ``size`` bytes states; it is left at the first value. Of objects it says nothing.

    Raises:
        Exception: one of `BROKEN`: a damaged header, or one that does not fit ``size``.
    """
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"version {version[0]}.{version[1]} of NumPy's format")
    kind, read = _HEADERS[version]
    head = exactly(stream, struct.calcsize(kind))
    (length,) = struct.unpack(kind, head)
    if length > _MOST_HEADER:
        raise ValueError(f"a header of {length} bytes")
    shape, fortran, dtype = read(io.BytesIO(head + exactly(stream, length)))
    stated = Stated(dtype, shape, fortran, stream.tell())
    if len(shape) > 8 or dtype.itemsize == 0 or any(type(side) is not int or side < 0 for side in shape):
        raise ValueError(f"an array of {dtype} of shape {str(shape)[:80]}")
    wanted = stated.offset + math.prod(shape) * dtype.itemsize
    if size != wanted and not dtype.hasobject:
        raise ValueError(f"{size} bytes, its array needs {wanted if wanted < 1 << 63 else 'more than any file has'}")
    return stated


def exactly(stream: IO[bytes], count: int) -> bytes:
    """The next ``count`` bytes (`EOFError`: there are fewer)."""
    content = stream.read(count)
    if len(content) != count:
        raise EOFError("which ends too early")
    return content
