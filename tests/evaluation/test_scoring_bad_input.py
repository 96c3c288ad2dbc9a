"""`had evaluate` with result files and annotations of every make: read correctly, or refused with a remedy."""

import os
from pathlib import Path

import pandas as pd
import pytest
from box_files import BOXES, FLAGS, benchmark, call, read, write

GOOD = "10,20,30,40\n12,20,30,40\n14,22,30,40\n16,24,30,40\n"


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        str.encode(GOOD.replace(",", "\t")),
        str.encode(GOOD.replace(",", " ").rstrip()),
        str.encode("10,20\t30 40\n12, 20; 30,\t40\n 14 22  30\t\t40\n16,24,30,40\n"),
        str.encode("\ufeff" + GOOD),
        str.encode(GOOD.replace("\n", "\r\n")),
        str.encode(GOOD + "\n\n \n"),
        str.encode(GOOD.replace("40", "4.0e+01").replace("10", "1E1").replace("12", "+12.")),
        str.encode(GOOD.replace("\n", ",\n")),
        str.encode(GOOD.replace("10,20,30,40", "nan,nan,-nan,NaN")),
    ],
    ids=["comma", "tab", "blank", "mixed", "mark", "windows", "end", "exponents", "trailing", "first_nan"],
)
def test_what_is_read_correctly(tmp_path, evaluate, content):
    benchmark(tmp_path)
    (tmp_path / "theirs/b.txt").write_bytes(content)
    assert evaluate(*call(tmp_path)) == (0, "")
    table = read(tmp_path / "out", "per_sequence").set_index("sequence")
    pd.testing.assert_series_equal(table.loc["b"], table.loc["a"], check_names=False)


REFUSED = {
    "short": (
        b"10,20,30,40\n12,20,30,40\n",
        "expected 4 boxes in {file}, got 2 rows",
        "track the whole sequence again",
    ),
    "empty": (b"", "expected 4 boxes in {file}, got 0 rows", "track the whole sequence again"),
    "blank": (b"\n \n", "expected 4 boxes in {file}, got 0 rows", "track the whole sequence again"),
    "header": (b"x,y,w,h\n" + GOOD.encode(), "'x' in line 1 of {file}", "remove headers"),
    "comment": (GOOD.encode() + b"# end\n", "'#' in line 5 of {file}", "remove headers, comments"),
    "polygon": (b"1,2,3,2,3,4,1,4\n" * 4, "8 values in line 1 of {file}", "axis-parallel"),
    "score": (str.encode(GOOD.replace("\n", ",0.9\n")), "5 values in line 1 of {file}", "nothing after h"),
    "decimals": (b"1,5 2,5 3,5 4\n" * 4, "7 values in line 1 of {file}", "a point for decimals"),
    "decimal corners": (b"1,5 2,5 3,5 4,5\n" * 4, "8 values in line 1 of {file}", "a point for decimals"),
    "decimal semicolons": (b"1,5;2,5;3,5;4\n" * 4, "7 values in line 1 of {file}", "a comma parts two numbers"),
    "gap": (str.encode(GOOD.replace("\n", "\n\n", 1)), "0 values in line 2 of {file}, which is blank", "NaN"),
    "field": (b"1,,2,3,4\n" * 4, "an empty field in line 1 of {file}", "NaN"),
    "index column": (str.encode("".join(f",{line}\n" for line in GOOD.split())), "an empty field in line 1 of", "NaN"),
    "later index": (str.encode(GOOD.replace("\n", "\n ;")), "an empty field in line 2 of {file}", "NaN"),
    "doubled at the end": (str.encode(GOOD.replace("\n", ",,\n")), "an empty field in line 1 of {file}", "NaN"),
    "mixed field": (b"1,\t;2,3,4\n" * 4, "an empty field in line 1 of {file}", "NaN"),
    "tabbed field": (b"1\t\t2\t3\t4\n" * 4, "an empty field in line 1 of {file}", "NaN"),
    "tabbed index": (b"\t1\t2\t3\t4\n" * 4, "an empty field in line 1 of {file}", "NaN"),
    "infinite": (
        str.encode(GOOD.replace("14", "inf")),
        "'inf' in line 3 of {file}",
        "NaN where the tracker has no box",
    ),
    "overflow": (str.encode(GOOD.replace("14", "1e999")), "in line 3 of {file}", "NaN where the tracker has no box"),
    "underscore": (str.encode(GOOD.replace("14", "1_4")), "'1_4' in line 3 of {file}", "remove headers"),
    "hexadecimal": (str.encode(GOOD.replace("14", "0x14")), "'0x14' in line 3 of {file}", "remove headers"),
    "word": (str.encode(GOOD.replace("16", "None")), "'None' in line 4 of {file}", "remove headers"),
    "image": (b"\x89PNG\r\n\x1a\n\x00\x00", "no UTF-8 text in line 1 of {file}", "save it as UTF-8"),
    "utf16": (GOOD.encode("utf-16"), "no UTF-8 text in line 1 of {file}", "save it as UTF-8"),
    "zeros": (b"\0" * 100, "other data in {file}", "x,y,w,h"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_with_file_line_and_remedy_hides_no_other_tracker(tmp_path, evaluate, case):
    content, got, remedy = REFUSED[case]
    benchmark(tmp_path)
    for name in ("a", "b", "c"):
        write(tmp_path / "bad" / f"{name}.txt")
    file = tmp_path / "bad/b.txt"
    file.write_bytes(content)
    code, said = evaluate(*call(tmp_path), "--tracks", tmp_path / "bad")
    last = said.splitlines()[0]
    assert code == 2
    assert last.startswith("had: expected ")
    assert got.format(file=file) in last
    assert "tracker 'bad' is not scored; the scores of 1 other are in" in last
    assert remedy in last.rpartition("; ")[2]
    assert list(read(tmp_path / "out")["tracker"]) == ["theirs"]
    assert len(read(tmp_path / "out", "per_sequence")) == 3


def test_a_pipe_is_not_waited_for(tmp_path, evaluate):
    benchmark(tmp_path)
    (tmp_path / "theirs/b.txt").unlink()
    os.mkfifo(tmp_path / "theirs/b.txt")
    os.mkfifo(tmp_path / "curves.npz")
    for more in ((), ("--baselines", tmp_path / "curves.npz")):
        code, said = evaluate(*call(tmp_path), *more)
        assert code == 2
        assert "which is no" in said


@pytest.mark.parametrize("place", [b"theirs/\xff.txt", b"\xff/a.txt"])
def test_names_that_are_no_text_are_refused(tmp_path, evaluate, place):
    benchmark(tmp_path)
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + place))
    write(path)
    code, said = evaluate(*call(tmp_path), *(("--tracks", path.parent) if place.startswith(b"\xff") else ()))
    assert code == 2
    assert "whose bytes are no UTF-8" in said


@pytest.mark.parametrize("name", ["", " \t"])
def test_a_blank_name_of_a_tracker_is_refused(tmp_path, evaluate, name):
    benchmark(tmp_path)
    code, said = evaluate(*call(tmp_path), "--tracker", name)
    assert code == 2
    assert f"got {name!r}, which is blank; name it with --tracker" in said


def test_a_name_without_result_files_is_refused(tmp_path, evaluate):
    code, said = evaluate("--layout", "plain", "--curves", "x.npz", "--tracker", "me", "--output", tmp_path / "out")
    assert code == 2
    assert "got 'me' with --curves alone" in said


def test_two_broken_trackers_are_both_named(tmp_path, evaluate):
    benchmark(tmp_path)
    for name in ("bad", "worse"):
        write(tmp_path / name / "a.txt", BOXES[:2])
    places = [part for name in ("bad", "worse") for part in ("--tracks", tmp_path / name)]
    code, said = evaluate(*call(tmp_path), *places)
    assert code == 2
    assert "tracker 'bad' is not scored, nor worse (see above); the scores of 1 other are in" in said.splitlines()[0]
    assert f"worse is not scored: expected 4 boxes in {tmp_path / 'worse/a.txt'}, got 2 rows" in said


@pytest.mark.parametrize("row", ["NaN,NaN,NaN,NaN\n", "0,0,0,0\n", "300,20,-1,40\n"])
def test_a_flood_of_rows_without_a_box_is_read_as_misses_and_said(tmp_path, evaluate, row):
    benchmark(tmp_path)
    (tmp_path / "theirs/b.txt").write_text(row * 4)
    code, said = evaluate(*call(tmp_path))
    assert code == 0
    assert "theirs: 1 sequence without a box (NaN, or a size that is not positive) in most rows: b" in said
    table = read(tmp_path / "out", "per_sequence").set_index("sequence")
    assert table.loc["b", ["OP50", "PR", "NPR"]].to_list() == [0.25, 0.25, 0.25]  # the first row is given


def test_zeros_are_not_doubted_where_the_annotation_has_no_box_either(tmp_path, evaluate):
    benchmark(tmp_path)
    absent = "0,0,0,0\n" * 3
    for name, content in (("b", f"10,20,30,40\n{absent}"), ("c", f"{absent}10,20,30,40\n")):
        (tmp_path / "truth" / name / "groundtruth.txt").write_text(content)
        (tmp_path / "theirs" / f"{name}.txt").write_text(content if name == "b" else absent + "0,0,0,0\n")
    assert "without a box" not in evaluate(*call(tmp_path))[1]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("b/groundtruth.txt", "10,20,30\n" * 4, "'10,20,30' in line 1 of"),
        ("b/groundtruth.txt", "1,2,3,2,3,4,1,4\n" * 4, "in line 1 of"),
        ("b/groundtruth.txt", ",60,30,20,0.9\n" * 4, "in line 1 of"),
        ("b/groundtruth.txt", "60,,30,20,9\n" * 4, "in line 1 of"),
        ("b/groundtruth.txt", "", "an empty file"),
        ("b/absent.txt", "1\n1\n2\n1\n", "'2' in line 3 of"),
        ("b/absent.txt", "1\n1\n", "2 flags in"),
    ],
)
def test_a_broken_annotation_is_named(tmp_path, evaluate, name, content, sentence):
    benchmark(tmp_path)
    (tmp_path / "truth" / name).write_text(content)
    code, said = evaluate(*call(tmp_path))
    assert code == 2
    assert sentence in said
    assert str(tmp_path / "truth" / name) in said
    assert not (tmp_path / "out").exists()


def test_a_sequence_twice_among_the_attributes_is_named(tmp_path, evaluate):
    benchmark(tmp_path)
    (tmp_path / "truth/attributes.csv").write_text("sequence,CM\na,1\nb,0\na,0\n")
    code, said = evaluate(*call(tmp_path))
    assert code == 2
    assert f"'a' again in row 4 of {tmp_path / 'truth/attributes.csv'}" in said


def test_annotations_with_a_mark_and_windows_line_ends_are_read(tmp_path, evaluate):
    benchmark(tmp_path)
    (tmp_path / "truth/b/groundtruth.txt").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    (tmp_path / "truth/b/absent.txt").write_bytes(FLAGS.replace("\n", "\r\n").encode())
    assert evaluate(*call(tmp_path)) == (0, "")
    table = read(tmp_path / "out", "per_sequence").set_index("sequence")
    pd.testing.assert_series_equal(table.loc["b"], table.loc["a"], check_names=False)
