"""An ``.npz`` file of anybody -> the arrays that are asked for; nothing is unpickled, nothing else is read."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from had.errors import DataError
from had.numpy_files import BROKEN, exactly, header, members
from had.pointers import refuse_pointer

MOST_BYTES = 1 << 30
"""Of one array."""
_MOST_MEMBERS = 100_000
_KINDS = "biufU"


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
            there = members(archive, _MOST_MEMBERS)
            return {name: _array(archive, info) for name, info in there.items() if names is None or name in names}
    except FileNotFoundError:
        raise DataError(expected, f"no file {path}", remedy) from None
    except BROKEN as error:
        reason = str(error).strip() or type(error).__name__
        raise DataError(expected, f"other data in {path} ({reason[:200]})", remedy) from None


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    if info.file_size > MOST_BYTES:
        raise ValueError(f"{info.file_size} bytes of {info.filename!r}, at most {MOST_BYTES} are read")
    with archive.open(info) as member:
        stated = header(member, info.file_size)
        if stated.dtype.kind not in _KINDS:
            raise ValueError(f"an array of {stated.dtype} in {info.filename!r}")
        values = np.frombuffer(exactly(member, info.file_size - stated.offset), stated.dtype)
        if member.read(1):
            raise ValueError(f"{info.filename!r} longer than stated")
    if values.dtype.kind == "U":
        points = values.view(values.dtype.byteorder + "u4")
        if ((points > 0x10FFFF) | ((points >= 0xD800) & (points < 0xE000))).any():
            raise ValueError(f"no text in {info.filename!r}")
    return values.reshape(stated.shape, order="F" if stated.fortran else "C")
