"""Arrays on disk, some rows at a time: the same file as numpy writes, and what is wrong is said."""

import errno

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from had.training.row_files import RowFile

SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(arrays.arrays(st.sampled_from([np.float32, np.float16, np.int64]), SHAPES), st.randoms())
def test_rows_come_back_in_any_order_and_the_file_is_numpys(tmp_path, values, random):
    rows = list(range(len(values)))
    random.shuffle(rows)
    file = RowFile.create(tmp_path / "made.npy", values.shape, values.dtype)
    for row in rows:
        file.write([row], values[row : row + 1])
    file.close()
    np.save(tmp_path / "saved.npy", values)
    assert (tmp_path / "made.npy").read_bytes() == (tmp_path / "saved.npy").read_bytes()
    opened = RowFile.open(tmp_path / "made.npy")
    assert np.array_equal(opened.read(rows), values[rows], equal_nan=values.dtype.kind == "f")
    opened.close()


def test_space_is_taken_when_the_file_is_made(tmp_path, monkeypatch):
    file = RowFile.create(tmp_path / "made.npy", (1000, 1000), np.dtype(np.float32))
    assert (tmp_path / "made.npy").stat().st_blocks * 512 >= 4_000_000
    file.close()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        RowFile.create(tmp_path / "other.npy", (2, 2), np.dtype(np.float32))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4'", bytes(200)])
def test_what_is_no_array_is_refused(tmp_path, content):
    (tmp_path / "made.npy").write_bytes(content)
    with pytest.raises((OSError, ValueError)):
        RowFile.open(tmp_path / "made.npy")
