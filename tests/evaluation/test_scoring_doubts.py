"""`had evaluate` where what was given is readable: hints that it is of another form, and trackers without scores."""

import warnings

import numpy as np
import pytest
from box_files import BOXES, benchmark, call, read, write

ASIDE = np.array([100, 0, 0, 0])


def test_flags_of_the_other_meaning_are_doubted(tmp_path, evaluate):
    benchmark(tmp_path)
    code, said = evaluate(*call(tmp_path, "lasot"))  # three of four flags are 1: absent, here
    assert code == 0
    assert "LaSOT: the target counts as present in 25% of 12 frames only" in said
    assert "is --layout right?" in said
    assert "--layout right" not in evaluate(*call(tmp_path, "coesot"))[1]


def test_annotations_that_look_like_shares_of_the_picture_are_doubted(tmp_path, evaluate):
    benchmark(tmp_path, names=("a", "b"))
    for place in ("truth/b/groundtruth.txt", "theirs/b.txt"):
        write(tmp_path / place, BOXES / [346, 260, 346, 260])
    code, said = evaluate(*call(tmp_path))
    assert code == 0
    assert "COESOT: all numbers of annotated boxes lie between 0 and 1 in b: are they shares of the picture" in said


def test_a_few_rows_too_many_are_cut_with_a_warning(tmp_path, evaluate):
    benchmark(tmp_path)
    exact = read(tmp_path / "out") if evaluate(*call(tmp_path))[0] == 0 else None
    write(tmp_path / "theirs/b.txt", np.concatenate([BOXES, BOXES[:2]]))
    code, said = evaluate(*call(tmp_path))
    assert code == 0
    assert "theirs: more rows than frames, the last ones are not scored: b (6 rows for 4 frames)" in said
    assert read(tmp_path / "out").equals(exact)


@pytest.mark.parametrize(("rows", "code"), [(149, 0), (199, 0), (200, 2), (233, 2), (600, 2)])
def test_rows_at_another_rate_are_refused(tmp_path, evaluate, rows, code):
    boxes = np.tile([10.0, 10, 20, 20], (rows, 1))
    write(tmp_path / "truth/a.txt", boxes[:100])
    write(tmp_path / "theirs/a.txt", boxes)
    seen, said = evaluate(*call(tmp_path, "plain"))
    assert seen == code
    assert f"{rows} rows" in said
    assert ("times as many" in said) == bool(code)


@pytest.mark.parametrize(
    "boxes",
    [
        np.concatenate([BOXES[:, :2], BOXES[:, :2] + BOXES[:, 2:]], axis=1),  # two corners
        BOXES / [346, 260, 346, 260],  # shares of the picture
        BOXES + ASIDE,  # of another recording
    ],
)
def test_boxes_of_another_form_are_doubted(tmp_path, evaluate, boxes):
    benchmark(tmp_path)
    assert "first row" not in evaluate(*call(tmp_path))[1]
    for name in "abc":
        write(tmp_path / "theirs" / f"{name}.txt", boxes)
    code, said = evaluate(*call(tmp_path))
    assert code == 0
    assert (
        "theirs: in 3 of 3 sequences the first row is not the annotated box: are the rows x, y, w, h in pixels" in said
    )


def test_rounded_boxes_and_single_odd_tracks_are_not_doubted(tmp_path, evaluate):
    benchmark(tmp_path)
    write(tmp_path / "theirs/a.txt", BOXES + ASIDE)
    write(tmp_path / "theirs/b.txt", np.round(BOXES * [1, 1, 0.9, 0.9]))
    assert evaluate(*call(tmp_path))[1] == ""


@pytest.mark.parametrize("size", ["1e300", "1e308", "1.7e308"])
def test_boxes_beyond_all_bounds_miss_in_silence(tmp_path, evaluate, size):
    benchmark(tmp_path)
    (tmp_path / "theirs/b.txt").write_text("10,20,30,40\n" + f"{size},{size},{size},{size}\n" * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, said = evaluate(*call(tmp_path))
    assert (code, said) == (0, "")
    table = read(tmp_path / "out", "per_sequence").set_index("sequence")
    assert table.loc["b", ["OP50", "PR", "NPR"]].to_list() == [0.25, 0.25, 0.25]


def test_one_sequence_is_singular(tmp_path, evaluate):
    benchmark(tmp_path)
    (tmp_path / "theirs/c.txt").unlink()
    assert "theirs: 1 sequence without a track, not scored: c" in evaluate(*call(tmp_path))[1]


def test_refused_trackers_are_written_down_and_hide_none(tmp_path, evaluate):
    benchmark(tmp_path)
    write(tmp_path / "short/a.txt", BOXES[:2])
    other = ("--tracks", tmp_path / "short", "--refused", tmp_path / "out/refused.txt")
    code, said = evaluate(*call(tmp_path), *other)
    assert code == 0
    sentence = f"short is not scored on COESOT: expected 4 boxes in {tmp_path / 'short/a.txt'}, got 2 rows; "
    assert sentence in said
    (line,) = (tmp_path / "out/refused.txt").read_text().splitlines()
    assert line.startswith(sentence)
    assert set(read(tmp_path / "out", "per_sequence")["tracker"]) == {"theirs"}
    overall = read(tmp_path / "out").set_index("tracker")
    assert overall["sequences"].to_dict() == {"theirs": 3, "short": 0}
    assert np.isnan(overall.loc["short", "SR"])

    for name in "abc":
        write(tmp_path / "short" / f"{name}.txt")
    assert evaluate(*call(tmp_path), *other)[0] == 0
    assert (tmp_path / "out/refused.txt").read_text() == ""


def test_a_single_refused_tracker_has_tables_without_scores(tmp_path, evaluate):
    benchmark(tmp_path)
    assert evaluate(*call(tmp_path))[0] == 0
    (tmp_path / "theirs/b.txt").write_text("x\n")
    assert evaluate(*call(tmp_path), "--refused", tmp_path / "out/refused.txt")[0] == 0
    assert read(tmp_path / "out", "per_sequence").empty  # not the scores of before
    assert read(tmp_path / "out")["sequences"].to_list() == [0]
    with np.load(tmp_path / "out/curves.npz", allow_pickle=False) as stored:
        assert stored["overlap"].shape == (0, 21)
        assert stored["sequences"].shape == (0,)


def test_a_broken_annotation_is_no_trackers_fault(tmp_path, evaluate):
    benchmark(tmp_path)
    (tmp_path / "truth/b/groundtruth.txt").write_text("1,2,3\n")
    code, said = evaluate(*call(tmp_path), "--refused", tmp_path / "refused.txt")
    assert code == 2
    assert "groundtruth.txt" in said
    assert not (tmp_path / "refused.txt").exists()


@pytest.mark.parametrize("name", ["overall.csv", "per_sequence.csv", "curves.npz", "refused.txt"])
def test_a_folder_in_the_place_of_a_file_leaves_no_other_file(tmp_path, evaluate, name):
    benchmark(tmp_path)
    (tmp_path / "out" / name).mkdir(parents=True)
    code, said = evaluate(*call(tmp_path), "--refused", tmp_path / "out/refused.txt")
    assert code == 2
    assert f"expected a file {tmp_path / 'out' / name}, got a folder" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


def test_an_empty_list_is_called_empty(tmp_path, evaluate):
    benchmark(tmp_path)
    (tmp_path / "list.txt").write_text("\n")
    code, said = evaluate(*call(tmp_path), "--list", tmp_path / "list.txt")
    assert code == 2
    assert f"got none in {tmp_path / 'list.txt'}, which is empty" in said


def test_a_layout_that_is_like_none_is_answered_with_all(tmp_path, evaluate):
    code, said = evaluate(*call(tmp_path, "nope"))
    assert code == 2
    assert "did you mean" not in said
    assert "valid are eventvot, coesot, " in said
    assert "did you mean 'coesot'?" in evaluate(*call(tmp_path, "coseot"))[1]


@pytest.mark.parametrize("place", ["there", "there/below/it"])
def test_an_output_that_is_a_file_is_one_sentence(tmp_path, evaluate, place):
    benchmark(tmp_path)
    (tmp_path / "there").write_text("mine")
    code, said = evaluate(*call(tmp_path)[:-1], tmp_path / place)
    assert code == 2
    assert f"got a file {tmp_path / 'there'}; give another output" in said
    assert (tmp_path / "there").read_text() == "mine"
