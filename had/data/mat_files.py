"""A MATLAB file -> the arrays in it: versions 5 to 7 by `had.data.mat5`, version 7.3, which is HDF5, by h5py."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from had.data.mat5 import matrix_names, read_matrices
from had.errors import DataError

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
        return read()
    except (LookupError, ValueError, TypeError, OSError) as error:
        remedy = "download or make that file again"
        raise DataError(expected, f"{path} ({error})", remedy) from None


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_USER_BLOCK + len(_HDF5))
    return head.startswith(_HDF5) or head[_USER_BLOCK:] == _HDF5


def _read_hdf5(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    import h5py

    with h5py.File(path) as file:
        return {name: _array(file[name]) for name in names}


def _array(stored: Any) -> np.ndarray:
    """MATLAB keeps columns together, HDF5 rows; of an empty array its shape is stored."""
    values = np.asarray(stored[()])
    return np.zeros(values.astype(int)) if stored.attrs.get("MATLAB_empty", 0) else values.T


def _names_hdf5(path: Path) -> set[str]:
    import h5py

    with h5py.File(path) as file:
        return set(file)
