"""The evaluator against known answers of the official functions, and its laws on generated boxes."""

import tarfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from had.errors import DataError
from had.evaluation import metrics
from had.evaluation.track_files import read_boxes

SEQUENCE_COLUMNS = {
    "SR_auc": "SR",
    "OP50": "OP50",
    "PR20": "PR",
    "PR_auc": "PR_auc",
    "NPR020": "NPR",
    "NPR_auc": "NPR_auc",
}
OVERALL_COLUMNS = {"SR": "SR_auc", "PR": "PR20", "NPR": "NPR020"}


def unpack(archive, folder):
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def official_inputs(case, data, folder):
    """(ground truth and presence of a sequence, path of a track) of one folder of known answers."""
    if case == "coesot_derived_boxes":
        truth = unpack(data / "coesot_annotations/annotations_half_a.tar.gz", folder / "truth") / "coesot_anno"
        tracks = unpack(data / case / "half_a_boxes.tar.gz", folder / "tracks")
        return (
            lambda name: (read_boxes(truth / name / "groundtruth.txt"), np.loadtxt(truth / name / "absent.txt") == 1),
            lambda tracker, name: tracks / tracker / f"{name}.txt",
        )
    root = unpack(data / case / "half_a.tar.gz", folder)
    if case == "visevent_ceutrack":
        return (
            lambda name: (
                read_boxes(root / "gt_rect" / f"{name}.txt"),
                np.loadtxt(root / "absent" / f"{name}.txt") == 0,
            ),
            lambda tracker, name: root / tracker / f"{name}.txt",
        )

    def all_present(name):
        boxes = read_boxes(root / "gt" / f"{name}.txt")
        return boxes, np.ones(len(boxes), bool)

    return all_present, lambda tracker, name: root / tracker / f"{name}.txt"


@pytest.mark.parametrize("case", ["coesot_derived_boxes", "visevent_ceutrack", "otb_boxes"])
def test_equal_to_the_official_functions(case, shared, tmp_path):
    data = shared / "data"
    truth_of, track_of = official_inputs(case, data, tmp_path)
    expected = pd.read_csv(data / case / "half_a_expected_per_sequence.csv")
    expected_overall = pd.read_csv(data / case / "half_a_expected_overall.csv").set_index("tracker")
    for tracker, rows in expected.groupby("tracker"):
        curves = []
        for row in rows.itertuples():
            boxes, present = truth_of(row.sequence)
            assert len(boxes) == row.n_frames
            curves.append(metrics.sequence_curves(read_boxes(track_of(tracker, row.sequence)), boxes, present))
        stacked = metrics.Curves(*map(np.stack, zip(*curves, strict=True)))
        ours = metrics.scores(stacked)
        for column, name in SEQUENCE_COLUMNS.items():
            np.testing.assert_allclose(ours[name], rows[column], rtol=0, atol=1e-9)
        for name, column in OVERALL_COLUMNS.items():
            wanted = expected_overall.loc[tracker]
            assert metrics.overall(stacked)[name] == pytest.approx(wanted[column], abs=1e-9)
            assert metrics.overall(stacked, drop=False)[name] == pytest.approx(wanted[f"{column}_allseq"], abs=1e-9)
            kept = metrics.kept(stacked)[metrics.CURVE_OF[name]].sum()
            assert kept == wanted[f"{name}_nkept"]
        if case == "visevent_ceutrack":
            stored = np.load(data / case / "half_a_expected_curves.npz")
            assert list(stored["sequences"]) == list(rows["sequence"])
            for name in metrics.Curves._fields:
                np.testing.assert_allclose(getattr(stacked, name), stored[name], rtol=0, atol=1e-12)


def test_overall_attributes_and_boc_of_the_stored_curves(shared):
    data = shared / "data"
    stored = np.load(data / "coesot_baseline_curves/baseline15_curves.npz")
    expected = pd.read_csv(data / "coesot_baseline_curves/expected_overall.csv").set_index("tracker")
    by_attribute = pd.read_csv(data / "coesot_baseline_curves/expected_attributes.csv")
    flags = pd.read_csv(data / "coesot_annotations/attributes.csv").set_index("sequence").loc[stored["sequences"]]
    assert list(stored["trackers"]) == list(stored["trackers_norm"])
    np.testing.assert_allclose(stored["thr_overlap"], metrics.OVERLAP_THRESHOLDS, atol=1e-15)
    baselines = stored["overlap"].mean(axis=2)
    stored = {name: stored[name] for name in stored.files}
    columns = {"SR": "SR_auc", "PR": "PR20", "NPR": "NPR020", "OP50": "OP50", "PR_auc": "PR_auc", "NPR_auc": "NPR_auc"}
    for index, tracker in enumerate(stored["trackers"]):
        curves = metrics.Curves(*(stored[name][index] for name in metrics.Curves._fields))
        for name, column in columns.items():
            assert metrics.overall(curves)[name] == pytest.approx(expected.loc[tracker, column], abs=1e-9)
            everything = metrics.overall(curves, drop=False)[name]
            assert everything == pytest.approx(expected.loc[tracker, f"{column}_allseq"], abs=1e-9)
        assert metrics.breakout(baselines[index], baselines) == pytest.approx(expected.loc[tracker, "BOC"], abs=1e-9)
        for row in by_attribute[by_attribute["tracker"] == tracker].itertuples():
            chosen = metrics.Curves(*(curve[flags[row.attribute].to_numpy() == 1] for curve in curves))
            auc, rank = {"SR": ("SR", "OP50"), "PR": ("PR_auc", "PR"), "NPR": ("NPR_auc", "NPR")}[row.curve]
            assert len(chosen.overlap) == row.n_seq
            assert metrics.overall(chosen)[auc] == pytest.approx(row.auc, abs=1e-9)
            assert metrics.overall(chosen)[rank] == pytest.approx(row.at_rank, abs=1e-9)
            assert metrics.overall(chosen, drop=False)[rank] == pytest.approx(row.at_rank_allseq, abs=1e-9)


def plain_loop(track, boxes, present):
    """The definitions once more, frame by frame, with nothing vectorised."""
    track = [list(row) for row in track[: len(boxes)]]
    for i in range(1, len(track)):
        if any(np.isnan(track[i])) or track[i][2] <= 0 or track[i][3] <= 0:
            track[i] = track[i - 1]
    track[0] = list(boxes[0])
    success, precision, normalized = np.zeros(21), np.zeros(51), np.zeros(51)
    for (x, y, w, h), (gx, gy, gw, gh), here in zip(track, boxes, present, strict=True):
        if not here:
            continue
        overlap = distance = relative = -1.0
        if min(gx, gy, gw, gh) > 0:
            width = max(0, min(x + w - 1, gx + gw - 1) - max(x, gx) + 1)
            height = max(0, min(y + h - 1, gy + gh - 1) - max(y, gy) + 1)
            overlap = width * height / (w * h + gw * gh - width * height)
            centre, truth = (x + (w - 1) / 2, y + (h - 1) / 2), (gx + (gw - 1) / 2, gy + (gh - 1) / 2)
            distance = ((centre[0] - truth[0]) ** 2 + (centre[1] - truth[1]) ** 2) ** 0.5
            relative = ((centre[0] / gw - truth[0] / gw) ** 2 + (centre[1] / gh - truth[1] / gh) ** 2) ** 0.5
        for k in range(21):
            success[k] += overlap > k * 0.05
        for k in range(51):
            precision[k] += distance <= k
            normalized[k] += relative <= k / 100
    return success / len(boxes), precision / len(boxes), normalized / len(boxes)


@given(st.integers(0, 2**31), st.integers(1, 40))
def test_equal_to_a_plain_loop(seed, frames):
    rng = np.random.default_rng(seed)
    boxes = np.round(rng.uniform(-3, 60, (frames, 4)) * [1, 1, 0.5, 0.5], 1)
    track = boxes + rng.normal(0, 4, (frames, 4)).round(1)
    track[rng.random(frames) < 0.2] = np.nan
    track[0] = np.abs(track[0]) + 1  # a bad first row stays bad, which the loop cannot divide by
    track[0, np.isnan(track[0])] = 1
    present = rng.random(frames) < 0.8
    before = track.copy(), boxes.copy()
    curves = metrics.sequence_curves(np.vstack([track, track]), boxes, present)
    for ours, plain in zip(curves, plain_loop(track, boxes, present), strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-12)
    np.testing.assert_array_equal(before[0], track)
    np.testing.assert_array_equal(before[1], boxes)


@given(arrays(np.int64, (7, 4), elements=st.integers(1, 200)))
def test_a_perfect_track_reaches_twenty_of_twentyone(boxes):
    result = metrics.scores(metrics.sequence_curves(boxes, boxes, np.ones(7, bool)))
    assert result["SR"] == pytest.approx(20 / 21)
    assert result["PR"] == result["NPR"] == result["OP75"] == 1


def test_a_ground_truth_at_the_border_misses_in_sr_and_hits_in_pr():
    boxes = np.array([[5.0, 5, 10, 10], [0, 5, 10, 10], [5, 5, 10, 10]])
    result = metrics.scores(metrics.sequence_curves(boxes, boxes, np.array([True, True, False])))
    assert result["SR"] == pytest.approx(20 / 21 / 3)
    assert result["PR"] == result["NPR"] == pytest.approx(2 / 3)


def test_a_short_track_is_refused():
    with pytest.raises(DataError, match="5 boxes, got 4"):
        metrics.sequence_curves(np.ones((4, 4)), np.ones((5, 4)), np.ones(5, bool))


def test_all_zero_sequences_are_dropped_from_their_curve_only():
    curves = metrics.Curves(np.array([[0.5] * 21, [0.0] * 21]), np.ones((2, 51)), np.ones((2, 51)))
    assert metrics.overall(curves)["SR"] == 0.5
    assert metrics.overall(curves, drop=False)["SR"] == 0.25
    assert metrics.overall(curves)["PR"] == 1
