"""`had evaluate` as a user meets it: forms of folders, which sequences, which trackers."""

import numpy as np
import pandas as pd
import pytest
from box_files import BOXES, annotate, benchmark, call, read, write

from had.data.layouts import layout_of
from had.evaluation.score_files import FILES

# --- forms of annotation folders ------------------------------------------------------------------


@pytest.mark.parametrize("form", ["nested", "gt_rect", "flat"])
@pytest.mark.parametrize(
    ("layout", "seen"), [("eventvot", 0.75), ("coesot", 0.75), ("visevent", 0.25), ("lasot", 0.25)]
)
def test_every_form_and_the_layouts_own_meaning_of_a_flag(tmp_path, evaluate, form, layout, seen):
    benchmark(tmp_path, form)
    code, said = evaluate(*call(tmp_path, layout))
    assert (code, "is --layout right?" in said) == (0, seen < 0.5)
    table = read(tmp_path / "out", "per_sequence")
    assert list(table["sequence"]) == ["a", "b", "c"]
    np.testing.assert_allclose(table["PR"], seen, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layout", ["otb", "plain", "fe108"])
@pytest.mark.parametrize("form", ["nested", "gt_rect", "flat"])
def test_without_flags_all_frames_are_present(tmp_path, evaluate, form, layout):
    benchmark(tmp_path, form)
    assert evaluate(*call(tmp_path, layout)) == (0, "")
    assert (read(tmp_path / "out")["PR"] == 1).all()


def test_an_invalid_box_of_a_benchmark_without_flags_counts_as_the_toolkits_count_it(tmp_path, evaluate):
    benchmark(tmp_path, "flat", ["a"])
    truth = BOXES.copy()
    truth[2] = 0
    write(tmp_path / "truth/a.txt", truth)
    assert evaluate(*call(tmp_path, "otb")) == (0, "")
    assert read(tmp_path / "out").loc[0, ["OP50", "PR"]].to_list() == [0.75, 1]


@pytest.mark.parametrize("form", ["nested", "gt_rect"])
def test_a_missing_file_of_flags_is_an_error_that_names_it(tmp_path, evaluate, form):
    benchmark(tmp_path, form)
    missing = tmp_path / "truth" / ("b/absent.txt" if form == "nested" else "absent/b.txt")
    missing.unlink()
    code, said = evaluate(*call(tmp_path))
    assert code == 2
    assert f"no file {missing}" in said
    assert "--layout plain" in said


def test_plain_boxes_of_a_benchmark_with_flags_are_scored_with_a_warning(tmp_path, evaluate):
    annotate(tmp_path / "truth", "flat", flags="")
    for name in ("a", "b", "c"):
        write(tmp_path / "theirs" / f"{name}.txt")
    code, said = evaluate(*call(tmp_path))
    assert code == 0
    assert "all frames count as present" in said


def test_attributes_of_both_published_forms(tmp_path, evaluate):
    benchmark(tmp_path)
    names = list(layout_of("coesot").attributes)
    rows = ["sequence," + ",".join(names), "a," + "1," * 16 + "0", "b,1," + "0," * 15 + "0", "c" + ",0" * 17]
    (tmp_path / "attributes.csv").write_text("\n".join(rows))
    evaluate(*call(tmp_path))
    first = read(tmp_path / "out", "per_attribute")
    assert first.set_index("attribute")["sequences"].to_dict() == {"CM": 2, **dict.fromkeys(names[1:-1], 1)}
    (tmp_path / "attributes.csv").unlink()
    (tmp_path / "truth/att").mkdir()
    for row in rows[1:]:
        (tmp_path / f"truth/att/{row[0]}.txt").write_text(row[2:].replace(",", "\n"))
    evaluate(*call(tmp_path))
    pd.testing.assert_frame_equal(read(tmp_path / "out", "per_attribute"), first)
    (tmp_path / "truth/att/b.txt").unlink()
    code, said = evaluate(*call(tmp_path))
    assert code == 0
    assert "no attributes of 1 sequence: b" in said


def test_unknown_attributes_are_said_once_for_all_trackers_and_shortened(tmp_path, evaluate):
    names = [f"s{number:02d}" for number in range(14)]
    benchmark(tmp_path, names=names)
    (tmp_path / "attributes.csv").write_text("sequence,CM\ns00,1\n")
    for name in names[1:]:
        write(tmp_path / "other" / f"{name}.txt")
    write(tmp_path / "other/s00.txt")
    code, said = evaluate(*call(tmp_path), "--tracks", tmp_path / "other")
    assert code == 0
    assert said.count("no attributes of") == 1
    assert "no attributes of 13 sequences: s01, " in said
    assert "s10 and 3 more" in said
    assert "s11" not in said


@pytest.mark.parametrize(("one", "other"), [("nested", "gt_rect"), ("nested", "flat"), ("gt_rect", "flat")])
def test_two_annotations_of_one_sequence_are_refused(tmp_path, evaluate, one, other):
    benchmark(tmp_path, one)
    annotate(tmp_path / "truth", other, ["b"], flags="")
    code, said = evaluate(*call(tmp_path))
    assert code == 2
    assert "expected one annotation of b, got both" in said


@pytest.mark.parametrize("layout", ["otb", "plain", "coesot", "visevent"])
def test_two_files_of_boxes_in_one_folder_are_refused_and_both_named(tmp_path, evaluate, layout):
    benchmark(tmp_path)
    write(tmp_path / "truth/b/groundtruth_rect.txt", BOXES + 5)
    code, said = evaluate(*call(tmp_path, layout))
    assert code == 2
    assert "expected one annotation of b, got both" in said
    assert "b/groundtruth.txt" in said
    assert "b/groundtruth_rect.txt" in said


def test_boxes_beside_the_only_folder_of_the_same_sequences_are_refused(tmp_path, evaluate):
    benchmark(tmp_path)
    (tmp_path / "truth").rename(tmp_path / "test")
    (tmp_path / "truth").mkdir()
    (tmp_path / "test").rename(tmp_path / "truth/test")
    write(tmp_path / "truth/explained.txt")
    assert evaluate(*call(tmp_path))[0] == 0
    write(tmp_path / "truth/b.txt")
    code, said = evaluate(*call(tmp_path))
    assert (code, "expected one annotation of b, got both" in said) == (2, True)


@pytest.mark.parametrize("form", ["nested", "gt_rect", "flat"])
def test_hidden_files_change_nothing(tmp_path, evaluate, form):
    benchmark(tmp_path, form)
    flags = "0\n" * len(layout_of("coesot").attributes)
    for name in "abc":
        (tmp_path / "truth/att").mkdir(exist_ok=True)
        (tmp_path / f"truth/att/{name}.txt").write_text(flags)
    assert evaluate(*call(tmp_path)) == (0, "")
    before = [(tmp_path / "out" / name).read_bytes() for name in FILES]
    for place in [tmp_path / "truth", *(tmp_path / "truth").rglob("*"), tmp_path / "theirs"]:
        for file in list(place.glob("[!.]*")) if place.is_dir() else ():
            (place / f"._{file.name}").write_bytes(b"\0\5\26\7" + bytes(60))
    (tmp_path / "theirs/.hidden").mkdir()
    write(tmp_path / "theirs/.hidden/a.txt")
    (tmp_path / "truth/.old").mkdir()
    write(tmp_path / "truth/.old/a/groundtruth.txt")
    assert evaluate(*call(tmp_path)) == (0, "")
    assert [(tmp_path / "out" / name).read_bytes() for name in FILES] == before


def test_the_only_folder_with_annotations_below_is_taken_and_of_several_none(tmp_path, evaluate):
    benchmark(tmp_path)
    (tmp_path / "truth").rename(tmp_path / "test")
    (tmp_path / "truth").mkdir()
    (tmp_path / "test").rename(tmp_path / "truth/test")
    (tmp_path / "truth/README.txt").write_text("Annotations of a and others.")
    assert evaluate(*call(tmp_path)) == (0, "")
    assert list(read(tmp_path / "out", "per_sequence")["sequence"]) == ["a", "b", "c"]
    (tmp_path / "truth/README.txt").unlink()
    annotate(tmp_path / "truth/val", "gt_rect")
    code, said = evaluate(*call(tmp_path))
    assert code == 2
    assert "give one of the folders in it: test, val" in said


# --- which sequences, which trackers ----------------------------------------------------------------


def test_sequences_on_one_side_only_are_named_and_times_are_none(tmp_path, evaluate):
    benchmark(tmp_path, names=("a", "b", "c", "run_time"))
    (tmp_path / "theirs/b.txt").unlink()
    write(tmp_path / "theirs/unknown.txt")
    (tmp_path / "theirs/a_time.txt").write_text("0.01\n")
    code, said = evaluate(*call(tmp_path))
    assert code == 0
    assert "theirs: 1 sequence without a track, not scored: b\n" in said
    assert "theirs: 1 sequence without an annotation, not scored: unknown\n" in said
    assert "a_time" not in said
    assert list(read(tmp_path / "out", "per_sequence")["sequence"]) == ["a", "c", "run_time"]


def test_a_list_says_exactly_which_sequences_count(tmp_path, evaluate):
    benchmark(tmp_path)
    names = tmp_path / "names.txt"
    names.write_bytes(b"\xef\xbb\xbfc\r\na\r\n")
    assert evaluate(*call(tmp_path), "--list", names) == (0, "")
    assert list(read(tmp_path / "out", "per_sequence")["sequence"]) == ["c", "a"]
    (tmp_path / "theirs/a.txt").unlink()
    code, said = evaluate(*call(tmp_path), "--list", names)
    assert (code, f"no file {tmp_path / 'theirs/a.txt'}" in said) == (2, True)
    names.write_text("c\nd\n")
    code, said = evaluate(*call(tmp_path), "--list", names)
    assert (code, "annotations of 2 sequences" in said, "none of 1: d" in said) == (2, True, True)
    names.write_text("c\na\nc\n")
    code, said = evaluate(*call(tmp_path), "--list", names)
    assert (code, "'c' more than once in" in said) == (2, True)


def test_the_list_inside_a_folder_is_no_sequence_and_does_not_apply(tmp_path, evaluate):
    benchmark(tmp_path, "flat")
    (tmp_path / "truth/list.txt").write_text("a\n")
    assert evaluate(*call(tmp_path)) == (0, "")
    assert list(read(tmp_path / "out", "per_sequence")["sequence"]) == ["a", "b", "c"]


def test_several_trackers_in_one_call(tmp_path, evaluate):
    benchmark(tmp_path)
    for name, shift in (("x", 3), ("y", 60)):
        moved = BOXES.copy()
        moved[1:, 0] += shift
        for sequence in ("a", "b", "c"):
            write(tmp_path / "many" / name / f"{sequence}.txt", moved)
    start = ("--layout", "coesot", "--annotations", tmp_path / "truth", "--output", tmp_path / "out")
    assert evaluate(*start, "--tracks", tmp_path / "many", "--tracks", tmp_path / "theirs") == (0, "")
    overall = read(tmp_path / "out").set_index("tracker")
    assert list(overall.index) == ["x", "y", "theirs"]
    assert overall.loc["theirs", "SR"] > overall.loc["x", "SR"] > overall.loc["y", "SR"]
    assert overall.loc["y", "SR_kept"] == 3  # the first row is the ground truth's for everybody
    table = read(tmp_path / "out", "per_sequence")
    curves = np.load(tmp_path / "out/curves.npz")
    assert list(curves["trackers"]) == list(table["tracker"])
    np.testing.assert_array_equal(curves["overlap"].mean(axis=1), table["SR"])
    places = ("--tracks", tmp_path / "many/x", "--tracks", tmp_path / "theirs")
    assert evaluate(*start, *places, "--tracker", "one", "--tracker", "two") == (0, "")
    assert list(read(tmp_path / "out")["tracker"]) == ["one", "two"]


def test_other_text_and_annotations_among_the_trackers_are_none(tmp_path, evaluate):
    annotate(tmp_path / "all", "gt_rect", ["a"])
    write(tmp_path / "all/theirs/a.txt")
    (tmp_path / "all/README.txt").write_text("Results of theirs.")
    (tmp_path / "all/att").mkdir()
    (tmp_path / "all/att/a.txt").write_text("0\n" * 17)
    places = ("--tracks", tmp_path / "all", "--output", tmp_path / "out")
    for annotations in (tmp_path / "all", tmp_path / "all/gt_rect"):
        assert evaluate("--layout", "coesot", "--annotations", annotations, *places) == (0, "")
        assert list(read(tmp_path / "out")["tracker"]) == ["theirs"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tracks", "theirs", "--tracks", "copy/theirs"], "'theirs' more than once; name them with --tracker"),
        (["--tracks", "theirs", "--tracker", "a", "--tracker", "b"], "expected 1 names of trackers, got 2"),
        (["--tracks", "copy", "--tracker", "a"], "'a' for 1 folders in copy"),
        (["--tracks", "nowhere"], "no folder nowhere"),
        (["--tracks", "empty"], "expected result files empty/<sequence>.txt, or folders of them"),
        ([], "--tracks with result files, or --curves"),
        (["--tracks", "theirs", "--layout", "coeso"], "did you mean 'coesot'?"),
        (["--tracks", "theirs", "--annotations", "nowhere"], "no folder nowhere; correct --annotations"),
        (["--tracks", "theirs", "--annotations", "empty"], "none of them in empty"),
        (["--curves", "truth/a/absent.txt"], "expected stored curves of trackers"),
        (["--tracks", "others"], "0 that are annotated and tracked (tracker 'others' is not scored; nothing"),
    ],
)
def test_wrong_calls_are_one_sentence(tmp_path, evaluate, monkeypatch, arguments, sentence):
    benchmark(tmp_path)
    for name in ("copy/theirs/a.txt", "others/z.txt"):
        write(tmp_path / name)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    code, said = evaluate("--layout", "coesot", "--annotations", "truth", "--output", "out", *arguments)
    assert code == 2
    assert sentence in said
    assert not (tmp_path / "out").exists()
