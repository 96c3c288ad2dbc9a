"""A MATLAB file -> the arrays in it: versions 5 to 7 by `had.data.mat5`, version 7.3, which is HDF5, by h5py."""

from __future__ import annotations

import math
import struct
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from had.data.mat5 import MOST_VALUES, matrix_names, read_matrices
from had.errors import DataError
from had.pointers import refuse_pointer

_HDF5 = b"\x89HDF\r\n\x1a\n"
_USER_BLOCK = 512
"""Bytes that version 7.3 has before the HDF5 file."""


def read_mat(path: Path, names: Collection[str], *, expected: str) -> dict[str, np.ndarray]:
    """The named arrays of a file, in MATLAB's order of axes.

    Args:
        expected: what should have been there, for the message.

    Raises:
        DataError: no MATLAB file, a broken one, or one without these arrays.
    """
    return _tried(path, expected, lambda: _read_hdf5(path, names) if _is_hdf5(path) else read_matrices(path, names))


def mat_names(path: Path) -> set[str]:
    """The names of the arrays in a file; none of them is read (`DataError` for no MATLAB file or a broken one)."""
    return _tried(path, "a MATLAB file", lambda: _names_hdf5(path) if _is_hdf5(path) else matrix_names(path))


def _tried(path: Path, expected: str, read: Any) -> Any:
    try:
        if not path.is_file():
            raise ValueError("no file")
        refuse_pointer(path, expected)
        return read()
    except (LookupError, ValueError, TypeError, OSError, RuntimeError, AttributeError, struct.error) as error:
        remedy = "download or make that file again"
        raise DataError(expected, f"{path} ({' '.join(str(error).split())})", remedy) from None


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_USER_BLOCK + len(_HDF5))
    return head.startswith(_HDF5) or head[_USER_BLOCK:] == _HDF5


def _read_hdf5(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    import h5py

    with h5py.File(path) as file:
        return {name: _array(_stored(file, name)) for name in names}


def _stored(file: Any, name: str) -> Any:
    """A dataset of numbers in this file and no other, of which neither values nor chunks are too many."""
    import h5py

    if name not in file:
        raise ValueError(f"no {name}")
    if not isinstance(file.get(name, getlink=True), h5py.HardLink) or not isinstance(file[name], h5py.Dataset):
        raise ValueError(f"{name} is a link or a group")
    stored = file[name]
    if stored.external or stored.is_virtual:
        raise ValueError(f"{name} lies in another file")
    if stored.dtype.kind not in "biuf" or not max(stored.size, math.prod(stored.chunks or ())) <= MOST_VALUES:
        raise ValueError(f"{name} has the type {stored.dtype} and the shape {stored.shape}")
    return stored


def _array(stored: Any) -> np.ndarray:
    """MATLAB keeps columns together, HDF5 rows; of an empty array its shape is stored."""
    values = np.asarray(stored[()])
    if not np.asarray(stored.attrs.get("MATLAB_empty", 0)).any():
        return values.T
    shape = [int(side) for side in values.ravel()]
    if values.dtype.kind not in "iu" or not 0 < len(shape) <= 8 or 0 not in shape or not 0 <= max(shape) <= MOST_VALUES:
        raise ValueError(f"an empty array of the shape {shape[:8]}")
    return np.zeros(shape)


def _names_hdf5(path: Path) -> set[str]:
    import h5py

    with h5py.File(path) as file:
        return set(file)
