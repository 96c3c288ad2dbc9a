"""Damaged MATLAB files, versions 5 and 7.3: cells of voxels or our refusal."""

import io
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
from hypothesis import given
from scipy.io import savemat

from had.data.layouts import LAYOUTS
from had.data.mat_files import mat_names
from had.data.published import read_voxel_file
from had.errors import HadError
from tests.fuzz.budget import fuzzed
from tests.fuzz.damage import damaged

COESOT = LAYOUTS["coesot"]
CELLS = {"coor": np.array([[1.0, 2, 3], [4, 5, 6]]), "features": np.eye(2, 16)}
NONE = {"coor": np.zeros((0, 3)), "features": np.zeros((0, 16))}


def version_5(arrays, **options):
    file = io.BytesIO()
    savemat(file, arrays, **options)
    return file.getvalue()


def version_7(arrays, **options):
    file = io.BytesIO()
    with h5py.File(file, "w", userblock_size=512) as content:
        for name, array in arrays.items():
            data = array.T if array.size else np.array(array.shape, np.uint64)
            content.create_dataset(name, data=data, **options).attrs["MATLAB_empty"] = np.uint8(not array.size)
    return b"MATLAB 7.3 MAT-file".ljust(512, b"\0") + file.getvalue()[512:]


WHOLE = [
    version_5(arrays, do_compression=packed) for arrays in (CELLS, NONE, {**CELLS, "x": "text"}) for packed in (0, 1)
]
WHOLE += [version_7(CELLS), version_7(NONE), version_7(CELLS, chunks=(2, 2), compression="gzip")]


@fuzzed
@given(content=damaged(WHOLE))
def test_damaged_voxel_files_are_read_or_refused(tmp_path_factory, content):
    path = Path(tmp_path_factory.getbasetemp()) / "voxels.mat"
    path.write_bytes(content)
    for read in (mat_names, lambda path: read_voxel_file(path, COESOT)):
        with suppress(HadError):
            read(path)
