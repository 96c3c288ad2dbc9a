"""Result files of any common make are read alike; others are refused with file and line."""

import numpy as np
import pytest

from had.errors import DataError
from had.evaluation.track_files import read_boxes

BOXES = [[1.5, 2, 30, 40.25], [2, 3, 30, 40]]


@pytest.mark.parametrize(
    "content",
    [
        "1.5,2,30,40.25\n2,3,30,40\n",
        "1.5\t2\t30\t40.25\n2\t3\t30\t40",
        "1.5 2 30 40.25\n2 3 30 40\n\n",
        "1.5, 2, 30, 40.25\r\n2, 3, 30, 40\r\n",
        "\ufeff1.5;2;30;40.25\n2;3;30;40\n",
        "1.5e0,2.0,3e1,4.025E+1\n2,\t3,30 40\n",
    ],
)
def test_separators_line_ends_and_exponents(tmp_path, content):
    path = tmp_path / "track.txt"
    path.write_bytes(content.encode())
    np.testing.assert_array_equal(read_boxes(path), BOXES)


def test_extra_rows_are_cut_and_nan_is_kept(tmp_path):
    path = tmp_path / "track.txt"
    path.write_text("1,2,3,4\nNaN,nan,NaN,nan\n5,6,7,8\n")
    boxes = read_boxes(path, frames=2)
    assert boxes.shape == (2, 4)
    assert np.isnan(boxes[1]).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1,2,3,4\n", r"3 boxes in .*track.txt, got 1 rows"),
        (b"", r"3 boxes in .*track.txt, got 0 rows"),
        (b"x,y,w,h\n1,2,3,4\n1,2,3,4\n1,2,3,4", r"'x' in line 1 of .*track.txt"),
        (b"1,2,3,4\n1,2,3,4,5,6,7,8\n", r"8 values in line 2 of .*track.txt"),
        (b"1,2,3,4\n\n1,2,3,4\n1,2,3,4", r"0 values in line 2 of .*track.txt"),
        (b"1,2,,4\n", r"an empty field in line 1 of .*track.txt"),
        (b"\x89PNG\xff\xfe", r"no UTF-8 text in .*track.txt"),
    ],
)
def test_what_is_not_boxes_is_refused(tmp_path, content, message):
    path = tmp_path / "track.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_boxes(path, frames=3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no file .*nothing.txt"):
        read_boxes(tmp_path / "nothing.txt")
