"""Result files of any common make are read alike; others are refused with file and line."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from had.box_text import quick_boxes
from had.errors import DataError
from had.evaluation import track_files
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
        "1.5\t2\t30\t40.25\t\t\n\t2 3 30 40\n",
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


WORDS = st.sampled_from(
    ["1", "-2.5", "+3.", ".5", "1e2", "1E-3", "1e400", "nan", "-NaN", "inf", "e", "1_0", "0x1", "na", "."]
)
GAPS = st.sampled_from(
    [
        ",",
        ";",
        "\t",
        " ",
        ", ",
        ",,",
        ", ;",
        "\n,",
        "\n ;",
        "\t\t",
        "\n\t",
        "\r",
        "\n",
        "\r\n",
        "\n\n",
        " \n",
        "\x0b",
        "\x1c",
        "\ufeff",
        "\u2028",
    ]
)


@given(st.lists(st.tuples(WORDS, GAPS), max_size=12).map(lambda pairs: "".join(word + gap for word, gap in pairs)))
@example("1,2,3,4\n5,6,7,8")
@example("1 2 3 4\r5 6 7 8")
@example("\n1 2 3 4")
@example("1,2,3,4\x0b\n1,2,3,4")
def test_the_quick_way_accepts_nothing_that_the_careful_one_refuses_and_reads_the_same(tmp_path_factory, text):
    quick = quick_boxes(text.encode())
    if quick is not None:
        path = tmp_path_factory.getbasetemp() / "any.txt"
        path.write_bytes(text.encode())
        np.testing.assert_array_equal(quick, track_files._carefully(path))


@given(st.lists(st.lists(st.floats(allow_infinity=False), min_size=4, max_size=4), min_size=1, max_size=5))
def test_the_quick_way_reads_every_number_to_the_last_bit(rows):
    text = "\n".join(",".join(map(repr, row)) for row in rows)
    np.testing.assert_array_equal(quick_boxes(text.encode()), np.array(rows))


def test_usual_files_are_read_the_quick_way(tmp_path, monkeypatch):
    monkeypatch.setattr(track_files, "_carefully", None)
    for content in ("1.5\t2\t30\t40.25\n2\t3\t30\t40\n", "1.5,2,30,40.25\r\n2,3,30,40\r\n"):
        (tmp_path / "track.txt").write_bytes(content.encode())
        np.testing.assert_array_equal(read_boxes(tmp_path / "track.txt"), BOXES)
