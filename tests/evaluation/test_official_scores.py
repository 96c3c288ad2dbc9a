"""`had evaluate` against the known answers of the official toolkits, to 1e-9."""

import tarfile

import numpy as np
import pandas as pd
import pytest
from box_files import benchmark, call, read

from had.evaluation.metrics import Curves

COLUMNS = {"SR": "SR_auc", "OP50": "OP50", "PR": "PR20", "PR_auc": "PR_auc", "NPR": "NPR020", "NPR_auc": "NPR_auc"}
"""Ours and those of the known answers."""
BASELINES = "coesot_baseline_curves/baseline15_curves.npz"


def unpacked(archive, folder):
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


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
