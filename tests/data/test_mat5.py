"""MATLAB files: what scipy writes is read as scipy reads it; no damage gets further than a `ValueError`."""

import contextlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from had.data.layouts import LAYOUTS
from had.data.mat5 import matrix_names, read_matrices
from had.data.published import read_voxel_file
from had.errors import DataError

NAMES = ("coor", "features")


@pytest.fixture
def write(tmp_path):
    def write(*, compressed: bool = False, **content) -> object:
        path = tmp_path / "frame0000.mat"
        savemat(path, content, do_compression=compressed)
        return path

    return write


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?"])
def test_arrays_are_read_as_scipy_reads_them(write, dtype, compressed):
    rng = np.random.default_rng(0)
    for shape in ((5, 3), (1, 16), (0, 3), (1, 1), (7,)):
        array = rng.integers(0, 2, shape).astype(dtype)
        path = write(coor=array, features=array[..., :1], text="coor", cells=np.array(["a", 1], object))
        expected, found = loadmat(path), read_matrices(path, NAMES)
        for name in NAMES:
            assert found[name].shape == expected[name].shape
            assert (found[name] == expected[name]).all()
        assert matrix_names(path) == set(NAMES)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"coor": np.ones((2, 3))}, "no numbers called features"),
        ({"coor": "text", "features": np.ones(3)}, "no numbers called coor"),
        ({"coor": np.array([1j]), "features": np.ones(3)}, "no numbers called coor"),
    ],
)
def test_what_is_not_there_is_named(write, content, reason):
    with pytest.raises(ValueError, match=reason):
        read_matrices(write(**content), NAMES)


def test_another_version_is_named(tmp_path):
    path = tmp_path / "frame.mat"
    for head in (b"\0\2IM", b"\0\3IM", b"    "):
        path.write_bytes(b"MATLAB".ljust(124) + head)
        with pytest.raises(ValueError, match="no MATLAB 5"):
            matrix_names(path)


@pytest.mark.parametrize("compressed", [False, True])
def test_no_damage_ends_the_process(write, compressed):
    """scipy's own reader has a segmentation fault at some of these."""
    rng = np.random.default_rng(1)
    path = write(coor=rng.integers(0, 20, (9, 3)).astype(float), features=np.ones((9, 16)), compressed=compressed)
    whole, refused = path.read_bytes(), 0
    for trial in range(300):
        data = bytearray(whole)
        if trial % 3:
            data[rng.integers(100, len(data) if trial % 3 == 1 else 260)] = rng.integers(0, 256)
        else:
            del data[rng.integers(0, len(data)) :]
        path.write_bytes(data)
        try:
            read_voxel_file(path, LAYOUTS["eventvot"])
        except DataError:
            refused += 1
        with contextlib.suppress(ValueError):
            matrix_names(path)
    assert refused > 100
    path.write_bytes(whole[:-1])
    with pytest.raises(DataError, match="cut off"):
        read_voxel_file(path, LAYOUTS["eventvot"])
