"""An array on disk (`.npy`) that is written and read some rows at a time, without a memory map.

Through a memory map a full disk, a file that is cut or a failing disk end the process by a signal (SIGBUS), without a
word; reads and writes say what happened.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from had.errors import DataError


class RowFile:
    """An open file; what has the shape (rows, ...) in memory is C-ordered there.

    Attributes:
        path: of the file.
        shape: of the whole array.
        dtype: of its numbers.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype, offset: int, mode: str):
        self.path, self.shape, self.dtype, self._offset = path, shape, dtype, offset
        self._row_bytes = math.prod(shape[1:]) * dtype.itemsize
        self._file = io.FileIO(path, mode)

    @classmethod
    def create(cls, path: Path, shape: tuple[int, ...], dtype: np.dtype) -> RowFile:
        """A new file whose space on the disk is taken at once.

        Raises:
            OSError: no space for it, or no right to write.
        """
        described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, described)
            offset = file.tell()
            file.flush()
            os.posix_fallocate(file.fileno(), offset, math.prod(shape) * dtype.itemsize)
        return cls(path, shape, dtype, offset, "r+b")

    @classmethod
    def open(cls, path: Path) -> RowFile:
        """A file to read.

        Raises:
            OSError, ValueError: it cannot be read, or is no array of numbers of the length that it states.
        """
        mapped = np.lib.format.open_memmap(path, mode="r")  # reads the header alone
        return cls(path, mapped.shape, mapped.dtype, mapped.offset, "rb")

    def write(self, rows: Iterable[int], values: np.ndarray) -> None:
        """Put values (n, ...) at n rows."""
        for row, value in zip(rows, np.ascontiguousarray(values, self.dtype), strict=True):
            self._file.seek(self._offset + row * self._row_bytes)
            rest = memoryview(value.reshape(-1).view(np.uint8))
            while rest:
                rest = rest[self._file.write(rest) :]

    def read(self, rows: list[int]) -> np.ndarray:
        """The values (n, ...) of n rows.

        Raises:
            DataError: there is no such row, or the file has become shorter.
        """
        if rows and not 0 <= min(rows) <= max(rows) < self.shape[0]:
            got = f"rows {min(rows)} to {max(rows)} wanted of {self.shape[0]}"
            raise DataError(f"rows that {self.path} has", got, "write the array again")
        values = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for row, value in zip(rows, values.reshape(len(rows), -1).view(np.uint8), strict=True):
            self._file.seek(self._offset + row * self._row_bytes)
            rest = memoryview(value)  # type: ignore[arg-type]
            while rest:
                count = self._file.readinto(rest)
                if not count:
                    got = f"{self.path}, which ends before row {row}"
                    raise DataError("an array as it was when it was opened", got, "leave it as it is while it is read")
                rest = rest[count:]
        return values

    def close(self) -> None:
        """Nothing is read or written any more."""
        self._file.close()
