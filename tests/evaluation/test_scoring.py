"""`had evaluate` as a user meets it: known answers of the official toolkits, forms of folders, bad input."""

import sys
import tarfile

import numpy as np
import pandas as pd
import pytest

from had import cli
from had.data.layouts import layout_of
from had.evaluation.metrics import Curves

COLUMNS = {"SR": "SR_auc", "OP50": "OP50", "PR": "PR20", "PR_auc": "PR_auc", "NPR": "NPR020", "NPR_auc": "NPR_auc"}
"""Ours and those of the known answers."""
BASELINES = "coesot_baseline_curves/baseline15_curves.npz"


@pytest.fixture
def evaluate(monkeypatch, capsys, caplog):
    """`had evaluate ARGUMENTS` -> exit status, and all that it said."""

    def call(*arguments):
        caplog.clear()
        monkeypatch.setattr(sys, "argv", ["had", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, capsys.readouterr().err + caplog.text

    return call


def unpacked(archive, folder):
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def read(folder, name="overall"):
    return pd.read_csv(folder / f"{name}.csv", dtype={"tracker": str, "sequence": str})


# --- known answers --------------------------------------------------------------------------------


def held_against(folder, expected, output):
    """The written tables beside the known answers of a folder, to 1e-9."""
    ours = read(output, "per_sequence").set_index(["tracker", "sequence"])
    theirs = pd.read_csv(expected / "half_a_expected_per_sequence.csv").set_index(["tracker", "sequence"])
    assert len(ours) == len(theirs)
    ours = ours.loc[theirs.index]
    assert list(ours["frames"]) == list(theirs["n_frames"])
    for name, official in COLUMNS.items():
        np.testing.assert_allclose(ours[name], theirs[official], rtol=0, atol=1e-9)
    overall = read(output)
    attributes = read(output, "per_attribute")
    attributes["tracker"] += "@" + attributes["attribute"]
    both = pd.concat([table for table in (overall, attributes) if len(table)]).set_index("tracker")
    wanted = pd.read_csv(expected / "half_a_expected_overall.csv").set_index("tracker")
    assert set(overall["tracker"]) <= set(wanted.index) <= set(both.index)
    both = both.loc[wanted.index]
    assert list(both["sequences"]) == list(wanted["n_seq"])
    for name in ("SR", "PR", "NPR"):
        np.testing.assert_allclose(both[name], wanted[COLUMNS[name]], rtol=0, atol=1e-9)
        np.testing.assert_allclose(both[f"{name}_all"], wanted[f"{COLUMNS[name]}_allseq"], rtol=0, atol=1e-9)
        assert list(both[f"{name}_kept"]) == list(wanted[f"{name}_nkept"])


def test_coesot_boxes_score_as_the_official_toolkit_says(shared, tmp_path, evaluate):
    data = shared / "data"
    truth = unpacked(data / "coesot_annotations/annotations_half_a.tar.gz", tmp_path / "truth")
    tracks = unpacked(data / "coesot_derived_boxes/half_a_boxes.tar.gz", tmp_path / "tracks")
    arguments = ("--layout", "coco-object-meeting", "--annotations", truth / "coesot_anno", "--tracks", tracks)
    code, said = evaluate(*arguments, "--baselines", data / BASELINES, "--output", tmp_path / "out")
    assert (code, said) == (0, "")
    held_against(tracks, data / "coesot_derived_boxes", tmp_path / "out")
    overall = read(tmp_path / "out")
    assert list(overall.columns[:5]) == ["tracker", "sequences", "SR", "PR", "NPR"]
    stored = np.load(data / BASELINES)
    means = pd.Series(stored["overlap"].mean(axis=(0, 2)), stored["sequences"])
    for tracker, table in read(tmp_path / "out", "per_sequence").groupby("tracker"):
        boc = (table["SR"] * (1 - means[table["sequence"]].to_numpy())).mean()
        assert overall.set_index("tracker").loc[tracker, "BOC"] == pytest.approx(boc, abs=1e-9)


def test_visevent_boxes_score_as_the_official_toolkit_says(shared, tmp_path, evaluate):
    case = shared / "data/visevent_ceutrack"
    root = unpacked(case / "half_a.tar.gz", tmp_path / "published")
    arguments = ("--layout", "visevent", "--annotations", root, "--tracks", root / "ceutrack")
    assert evaluate(*arguments, "--output", tmp_path / "out") == (0, "")
    held_against(root, case, tmp_path / "out")
    assert len(read(tmp_path / "out", "per_attribute")) == 17
    stored, ours = np.load(case / "half_a_expected_curves.npz"), np.load(tmp_path / "out/curves.npz")
    place = {name: index for index, name in enumerate(ours["sequences"])}
    order = [place[name] for name in stored["sequences"]]
    for name in Curves._fields:
        np.testing.assert_allclose(ours[name][order], stored[name], rtol=0, atol=1e-12)
    evaluate(*("--layout", "visevent", "--annotations", root / "gt_rect", *arguments[4:], "--output", tmp_path / "b"))
    assert (tmp_path / "b/overall.csv").read_bytes() == (tmp_path / "out/overall.csv").read_bytes()
    evaluate("--layout", "coesot", *arguments[2:], "--output", tmp_path / "wrong")
    assert read(tmp_path / "wrong")["SR"][0] < 0.2  # its flags mean the opposite


def test_otb_boxes_score_as_the_official_functions_say(shared, tmp_path, evaluate):
    root = unpacked(shared / "data/otb_boxes/half_a.tar.gz", tmp_path / "published")
    arguments = ("--layout", "otb", "--annotations", root / "gt", "--tracks", root, "--output", tmp_path / "out")
    assert evaluate(*arguments) == (0, "")
    held_against(root, shared / "data/otb_boxes", tmp_path / "out")
    assert list(read(tmp_path / "out")["tracker"]) == ["MEEM", "MUSTer", "STRUCK"]
    assert read(tmp_path / "out", "per_attribute").empty


def test_stored_curves_score_as_the_official_scripts_say(shared, tmp_path, evaluate):
    data, file = shared / "data", shared / "data" / BASELINES
    annotations = ("--layout", "coesot", "--annotations", data / "coesot_annotations")
    arguments = (*annotations, "--curves", file, "--baselines", file, "--output", tmp_path / "out")
    assert evaluate(*arguments) == (0, "")
    ours = read(tmp_path / "out").set_index("tracker")
    wanted = pd.read_csv(data / "coesot_baseline_curves/expected_overall.csv").set_index("tracker").loc[ours.index]
    for name, official in {**COLUMNS, "BOC": "BOC"}.items():
        np.testing.assert_allclose(ours[name], wanted[official], rtol=0, atol=1e-9)
    parts = read(tmp_path / "out", "per_attribute").set_index(["tracker", "attribute"])
    by_attribute = pd.read_csv(data / "coesot_baseline_curves/expected_attributes.csv")
    success = by_attribute[by_attribute["curve"] == "SR"].set_index(["tracker", "attribute"])
    np.testing.assert_allclose(parts.loc[success.index, "SR"], success["auc"], rtol=0, atol=1e-9)
    assert read(tmp_path / "out", "per_sequence")["frames"].isna().all()
    assert (np.load(tmp_path / "out/curves.npz")["frames"] == -1).all()


def test_boc_is_left_empty_with_a_reason_where_baselines_lack_a_sequence(shared, tmp_path, evaluate):
    benchmark(tmp_path)
    code, said = evaluate(*call(tmp_path), "--baselines", shared / "data" / BASELINES)
    assert code == 0
    assert "theirs has no BOC: expected baseline curves of all 3 sequences, got none of 3, first a" in said
    assert read(tmp_path / "out")["BOC"].isna().all()


# --- forms of annotation folders ------------------------------------------------------------------

BOXES = np.array([[10.0, 20, 30, 40], [12, 20, 30, 40], [14, 22, 30, 40], [16, 24, 30, 40]])
FLAGS = "1\n1\n0\n1\n"


def write(path, boxes=BOXES):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, boxes, fmt="%g", delimiter=",")


def annotate(root, form, names=("a", "b", "c"), flags=FLAGS):
    """Annotations in one of the published forms."""
    for name in names:
        boxes, absent = {
            "nested": (root / name / "groundtruth.txt", root / name / "absent.txt"),
            "gt_rect": (root / "gt_rect" / f"{name}.txt", root / "absent" / f"{name}.txt"),
            "flat": (root / f"{name}.txt", root / "absent" / f"{name}.txt"),
        }[form]
        write(boxes)
        if flags:
            absent.parent.mkdir(exist_ok=True)
            absent.write_text(flags)


def benchmark(folder, form="nested", names=("a", "b", "c")):
    """Annotations, and exact tracks of them."""
    annotate(folder / "truth", form, names)
    for name in names:
        write(folder / "theirs" / f"{name}.txt")


def call(folder, layout="coesot"):
    places = ("--annotations", folder / "truth", "--tracks", folder / "theirs", "--output", folder / "out")
    return ("--layout", layout, *places)


@pytest.mark.parametrize("form", ["nested", "gt_rect", "flat"])
@pytest.mark.parametrize(
    ("layout", "seen"), [("eventvot", 0.75), ("coesot", 0.75), ("visevent", 0.25), ("lasot", 0.25)]
)
def test_every_form_and_the_layouts_own_meaning_of_a_flag(tmp_path, evaluate, form, layout, seen):
    benchmark(tmp_path, form)
    assert evaluate(*call(tmp_path, layout)) == (0, "")
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
    assert "no attributes of 1 sequences: b" in said


@pytest.mark.parametrize(("one", "other"), [("nested", "gt_rect"), ("nested", "flat"), ("gt_rect", "flat")])
def test_two_annotations_of_one_sequence_are_refused(tmp_path, evaluate, one, other):
    benchmark(tmp_path, one)
    annotate(tmp_path / "truth", other, ["b"], flags="")
    code, said = evaluate(*call(tmp_path))
    assert code == 2
    assert "expected one annotation of b, got both" in said


def test_a_folder_without_annotations_says_which_one_has_some(tmp_path, evaluate):
    benchmark(tmp_path)
    (tmp_path / "truth").rename(tmp_path / "test")
    (tmp_path / "truth").mkdir()
    (tmp_path / "test").rename(tmp_path / "truth/test")
    code, said = evaluate(*call(tmp_path))
    assert code == 2
    assert f"did you mean {tmp_path / 'truth/test'}?" in said


# --- which sequences, which trackers ----------------------------------------------------------------


def test_sequences_on_one_side_only_are_named_and_times_are_none(tmp_path, evaluate):
    benchmark(tmp_path, names=("a", "b", "c", "run_time"))
    (tmp_path / "theirs/b.txt").unlink()
    write(tmp_path / "theirs/unknown.txt")
    (tmp_path / "theirs/a_time.txt").write_text("0.01\n")
    code, said = evaluate(*call(tmp_path))
    assert code == 0
    assert "theirs: 1 sequences without a track, not scored: b\n" in said
    assert "theirs: 1 sequences without an annotation, not scored: unknown\n" in said
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
    assert (code, "annotations of all 2 sequences" in said, "none of 1: d" in said) == (2, True, True)
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
        for sequence in ("a", "b", "c"):
            write(tmp_path / "many" / name / f"{sequence}.txt", BOXES + np.array([shift, 0, 0, 0]))
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


# --- bad input ----------------------------------------------------------------------------------------

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
        str.encode(GOOD + "1,2,3,4\nNaN,NaN,NaN,NaN\n"),
        str.encode(GOOD.replace("\n", ",\n")),
        str.encode(GOOD.replace("10,20,30,40", "nan,nan,-nan,NaN")),
    ],
    ids=["comma", "tab", "blank", "mixed", "mark", "windows", "end", "exponents", "extra", "trailing", "first_nan"],
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
    "gap": (str.encode(GOOD.replace("\n", "\n\n", 1)), "0 values in line 2 of {file}, which is blank", "NaN"),
    "field": (b"1,,2,3,4\n" * 4, "an empty field in line 1 of {file}", "NaN"),
    "infinite": (
        str.encode(GOOD.replace("14", "inf")),
        "'inf' in line 3 of {file}",
        "NaN where the tracker has no box",
    ),
    "overflow": (str.encode(GOOD.replace("14", "1e999")), "in line 3 of {file}", "NaN where the tracker has no box"),
    "underscore": (str.encode(GOOD.replace("14", "1_4")), "'1_4' in line 3 of {file}", "remove headers"),
    "hexadecimal": (str.encode(GOOD.replace("14", "0x14")), "'0x14' in line 3 of {file}", "remove headers"),
    "word": (str.encode(GOOD.replace("16", "None")), "'None' in line 4 of {file}", "remove headers"),
    "image": (b"\x89PNG\r\n\x1a\n\x00\x00", "no UTF-8 text in {file}", "save it as UTF-8"),
    "utf16": (GOOD.encode("utf-16"), "no UTF-8 text in {file}", "save it as UTF-8"),
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
    assert "tracker 'bad' is not scored; the other 1 are in" in last
    assert remedy in last.rpartition("; ")[2]
    assert list(read(tmp_path / "out")["tracker"]) == ["theirs"]
    assert len(read(tmp_path / "out", "per_sequence")) == 3


def test_two_broken_trackers_are_both_named(tmp_path, evaluate):
    benchmark(tmp_path)
    for name in ("bad", "worse"):
        write(tmp_path / name / "a.txt", BOXES[:2])
    places = [part for name in ("bad", "worse") for part in ("--tracks", tmp_path / name)]
    code, said = evaluate(*call(tmp_path), *places)
    assert code == 2
    assert "tracker 'bad' is not scored, nor worse (see above); the other 1 are in" in said.splitlines()[0]
    assert f"worse is left out: expected 4 boxes in {tmp_path / 'worse/a.txt'}, got 2 rows" in said


def test_a_flood_of_nan_is_read_as_misses_and_said(tmp_path, evaluate):
    benchmark(tmp_path)
    (tmp_path / "theirs/b.txt").write_text("NaN,NaN,NaN,NaN\n" * 4)
    code, said = evaluate(*call(tmp_path))
    assert code == 0
    assert "theirs: 1 sequences with NaN in most rows: b" in said
    table = read(tmp_path / "out", "per_sequence").set_index("sequence")
    assert table.loc["b", ["OP50", "PR", "NPR"]].to_list() == [0.25, 0.25, 0.25]  # the first row is given


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("b/groundtruth.txt", "10,20,30\n" * 4, "'10,20,30' in line 1 of"),
        ("b/groundtruth.txt", "1,2,3,2,3,4,1,4\n" * 4, "in line 1 of"),
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


def test_annotations_with_a_mark_and_windows_line_ends_are_read(tmp_path, evaluate):
    benchmark(tmp_path)
    (tmp_path / "truth/b/groundtruth.txt").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    (tmp_path / "truth/b/absent.txt").write_bytes(FLAGS.replace("\n", "\r\n").encode())
    assert evaluate(*call(tmp_path)) == (0, "")
    table = read(tmp_path / "out", "per_sequence").set_index("sequence")
    pd.testing.assert_series_equal(table.loc["b"], table.loc["a"], check_names=False)
