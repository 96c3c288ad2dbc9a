"""Stored curves of published trackers: known answers of the official scripts, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from had.errors import DataError
from had.evaluation.baselines import read_baselines
from had.evaluation.metrics import Curves
from had.evaluation.overall import by_attribute, summary

COLUMNS = {"SR": "SR_auc", "OP50": "OP50", "PR": "PR20", "PR_auc": "PR_auc", "NPR": "NPR020", "NPR_auc": "NPR_auc"}
"""Ours and those of the known answers."""
READINGS = {"SR": ("SR", "OP50"), "PR": ("PR_auc", "PR"), "NPR": ("NPR_auc", "NPR")}
"""Area and value at the threshold of a curve."""


@pytest.fixture(scope="module")
def fifteen(shared):
    return read_baselines(shared / "data/coesot_baseline_curves/baseline15_curves.npz")


def test_overall_and_boc_are_those_of_the_official_scripts(fifteen, shared):
    expected = pd.read_csv(shared / "data/coesot_baseline_curves/expected_overall.csv").set_index("tracker")
    assert list(fifteen.trackers) == list(expected.index)
    assert len(fifteen.sequences) == 527
    for tracker, wanted in expected.iterrows():
        row = summary(fifteen.of(tracker))
        for ours, official in COLUMNS.items():
            assert row[ours] == pytest.approx(wanted[official], abs=1e-9)
            assert row[f"{ours}_all"] == pytest.approx(wanted[f"{official}_allseq"], abs=1e-9)
        for ours in ("SR_kept", "PR_kept", "NPR_kept"):
            assert row[ours] == wanted[ours.replace("_", "_n")]
        success = fifteen.of(tracker).overlap.mean(axis=1)
        assert fifteen.breakout(fifteen.sequences, success) == pytest.approx(wanted["BOC"], abs=1e-9)


def test_scores_by_attribute_are_those_of_the_official_scripts(fifteen, shared):
    expected = pd.read_csv(shared / "data/coesot_baseline_curves/expected_attributes.csv")
    flags = pd.read_csv(shared / "data/coesot_annotations/attributes.csv").set_index("sequence")
    flags = flags.loc[list(fifteen.sequences)]
    assert len(expected) == 15 * 17 * 3
    for tracker, rows in expected.groupby("tracker"):
        ours = by_attribute(fifteen.of(tracker), flags.to_numpy(bool), tuple(flags.columns))
        for row in rows.itertuples():
            area, rank = READINGS[row.curve]
            found = ours[row.attribute]
            assert (found["sequences"], found[f"{row.curve}_kept"]) == (row.n_seq, row.n_kept)
            assert found[area] == pytest.approx(row.auc, abs=1e-9)
            assert found[rank] == pytest.approx(row.at_rank, abs=1e-9)
            assert found[f"{area}_all"] == pytest.approx(row.auc_allseq, abs=1e-9)
            assert found[f"{rank}_all"] == pytest.approx(row.at_rank_allseq, abs=1e-9)


def stored(**changes):
    rng = np.random.default_rng(0)
    arrays = {
        "trackers": np.array(["a", "b"]),
        "sequences": np.array(["x", "y", "z"]),
        "overlap": np.sort(rng.random((2, 3, 21)))[..., ::-1],
        "error": np.sort(rng.random((2, 3, 51))),
        "error_norm": np.sort(rng.random((2, 3, 51))),
    }
    return {name: array for name, array in {**arrays, **changes}.items() if array is not None}


RISING = np.zeros((2, 3, 51))
RISING[1, 2, 7:] = 2e-9


def written(folder, **changes):
    arrays = stored(**changes)
    np.savez(folder / "curves.npz", **arrays)
    return arrays, folder / "curves.npz"


def test_sequences_are_found_by_name_whatever_their_order(tmp_path):
    arrays, path = written(tmp_path)
    baselines = read_baselines(path)
    chosen = baselines.on(["z", "x"])
    np.testing.assert_array_equal(chosen.curves.error, arrays["error"][:, [2, 0]])
    means = arrays["overlap"].mean(axis=(0, 2))
    wanted = (0.5 * (1 - means[2]) + 0.25 * (1 - means[0])) / 2
    assert baselines.breakout(["z", "x"], np.array([0.5, 0.25])) == pytest.approx(wanted, abs=1e-15)
    with pytest.raises(DataError, match="all 2 sequences, got none of 1, first w"):
        baselines.breakout(["x", "w"], np.array([0.5, 0.25]))
    with pytest.raises(DataError, match=r"among a, b, got 'c'"):
        baselines.of("c")


def test_whole_numbers_and_curves_that_waver_by_rounding_are_read(tmp_path):
    _, path = written(tmp_path, overlap=np.ones((2, 3, 21), int), error=0.5 - RISING / 4)
    curves = read_baselines(path).curves
    assert curves.overlap.dtype == float
    assert (curves.overlap == 1).all()


def test_normalised_curves_of_other_trackers_in_another_order(tmp_path):
    rng = np.random.default_rng(1)
    arrays, path = written(tmp_path, trackers_norm=np.array(["c", "b"]), error_norm=np.sort(rng.random((2, 3, 51))))
    baselines = read_baselines(path)
    np.testing.assert_array_equal(baselines.of("b").error_norm, arrays["error_norm"][1])
    assert np.isnan(baselines.of("a").error_norm).all()
    row = summary(baselines.of("a"))
    assert np.isnan([row["NPR"], row["NPR_all"]]).all()
    assert (row["NPR_kept"], row["PR_kept"]) == (0, 3)
    assert not np.isnan(row["SR"])


def test_a_tracker_that_never_hits_has_zero_and_not_nothing():
    nothing = Curves(np.zeros((3, 21)), np.zeros((3, 51)), np.zeros((3, 51)))
    row = summary(nothing)
    assert (row["SR"], row["PR"], row["NPR_auc"], row["SR_kept"]) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"overlap": None}, "no 'overlap' in .*curves.npz"),
        ({"overlap": np.zeros((2, 3, 20))}, r"shape \(2, 3, 21\), got \(2, 3, 20\)"),
        ({"error": np.full((2, 3, 51), np.nan)}, "values outside of 0 to 1"),
        ({"error": np.full((2, 3, 51), 70.0)}, "values outside of 0 to 1"),
        ({"overlap": np.full((2, 3, 21), 70)}, "values outside of 0 to 1 in .*; store fractions of 1, not percent"),
        ({"overlap": np.full((2, 3, 21), "1")}, "numbers as 'overlap', got an array of type <U1"),
        ({"overlap": RISING[..., :21]}, "'overlap' that fall with the threshold, got one of 'b' that rises"),
        ({"error": 1 - RISING}, "'error' that rise with the threshold, got one of 'b' that falls"),
        ({"error_norm": 1 - RISING}, "'error_norm' that rise with the threshold, got one of 'b' that falls"),
        ({"trackers": np.array(["a", "a"])}, "trackers, each once, got 'a' more than once"),
        ({"sequences": np.array(["x", "x", "z"])}, "'x' more than once"),
        ({"thr_overlap": np.arange(21) / 40}, "others in 'thr_overlap'"),
        ({"trackers": np.array([["a"], [1]], dtype=object)}, "other data in"),
    ],
)
def test_what_is_refused(tmp_path, changes, message):
    _, path = written(tmp_path, **changes)
    with pytest.raises(DataError, match=message):
        read_baselines(path)


@pytest.mark.parametrize("content", [b"", b"tracker,SR\n", b"PK\x03\x04 cut", np.arange(3).tobytes()])
def test_a_file_of_another_kind_is_named(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"other data in .*x.npz"):
        read_baselines(tmp_path / "x.npz")
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(DataError, match=r"other data in .*x.npy"):
        read_baselines(tmp_path / "x.npy")
    with pytest.raises(DataError, match=r"no file .*none.npz"):
        read_baselines(tmp_path / "none.npz")
