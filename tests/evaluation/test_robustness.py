"""Scores from jittered starts: each scored as any track, averaged as OTB does, paired with the usual ones."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic import experiment, write_results

from had.errors import ConfigError, DataError
from had.evaluation.benchmark import gather
from had.evaluation.metrics import scores, sequence_curves
from had.evaluation.products import applicable
from had.evaluation.robustness import boards, gather_starts, score_starts, table
from had.evaluation.rows import started_rows, starts_file
from had.evaluation.track_files import read_boxes

RUNS = ("had", "student", "static")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    starts = {"scales": [0.8, 1.2], "runs": list(RUNS)}
    one = experiment(folder, run_seeds={"had": [0, 1]}, tracking={"starts": starts})
    return one, write_results(one, "coesot", sequences=6, frames=20)


def test_each_start_is_scored_as_any_track(made):
    one, truth = made
    found = pd.read_csv(starts_file(one, "coesot", "had", 1))
    assert list(found)[:7] == ["tracker", "start", "sequence", "frames", "SR", "PR", "NPR"]
    assert len(found) == 10 * 6
    for start in ("top_left", "scale_1.2"):
        for annotation in truth:
            path = one.results / "starts" / "coesot" / "had" / "seed1" / start / f"{annotation.name}.txt"
            expected = scores(sequence_curves(read_boxes(path), annotation.boxes, annotation.present))
            line = found[(found["start"] == start) & (found["sequence"] == annotation.name)].iloc[0]
            assert all(line[name] == pytest.approx(value, abs=1e-12) for name, value in expected.items())


def test_the_wrong_first_box_itself_is_not_held_against_a_tracker(made):
    """The official evaluators replace the first row by the ground truth."""
    _, truth = made
    boxes = truth[0].boxes
    shifted = boxes.copy()
    shifted[0, :2] += 1000
    same, other = (sequence_curves(track, boxes, truth[0].present) for track in (boxes, shifted))
    assert np.array_equal(same.overlap, other.overlap)


def test_sre_is_the_mean_over_starts_and_seeds_of_official_scores(made):
    one, _ = made
    data = table(one, "coesot", "robustness").data.set_index("run")
    assert list(data.index) == [row.run for row in started_rows(one)] == ["student", "had", "static"]
    for run, seeds in (("had", (0, 1)), ("student", (0,))):
        means = []
        for seed in seeds:
            found = pd.read_csv(starts_file(one, "coesot", run, seed))
            for _, each in found.groupby("start"):
                kept = each["SR"][each["SR"] > 0]
                means.append(kept.mean())
        assert data.loc[run, "SR_sre"] == pytest.approx(np.mean(means), abs=1e-12)
        usual = gather(one, "coesot").query("run == @run and metric == 'SR'").groupby("seed")["value"].mean()
        assert data.loc[run, "SR_ope"] == pytest.approx(usual.mean(), abs=1e-12)
        assert data.loc[run, "SR_difference"] == pytest.approx(data.loc[run, "SR_sre"] - data.loc[run, "SR_ope"])
        shifted, scaled = data.loc[run, "SR_shifted"], data.loc[run, "SR_scaled"]
        assert data.loc[run, "SR_sre"] == pytest.approx((8 * shifted + 2 * scaled) / 10)
        assert (
            data.loc[run, "SR_difference_low"] <= data.loc[run, "SR_difference"] <= data.loc[run, "SR_difference_high"]
        )
    assert data.loc["had", "SR_left"] < data.loc["had", "SR_ope"]


def test_differences_are_paired(made):
    """Every sequence loses about the same: the difference is known far better than either score."""
    one, _ = made
    board = boards(one, "coesot")["student"]
    _, low, high, _ = board.difference("sre", "ope", "SR")
    wide_low, wide_high = board.interval("ope", "SR")
    assert high - low < 0.5 * (wide_high - wide_low)


def test_missing_or_other_starts_are_refused(made, tmp_path):
    one, truth = made
    more = experiment(one.results, run_seeds={"had": [0, 1]}, tracking={"starts": {"runs": list(RUNS)}})
    with pytest.raises(DataError, match=r"12 starts of all sequences.*other starts"):
        gather_starts(more, "coesot")
    wide = experiment(one.results, run_seeds={"had": [0, 1]}, tracking={"starts": {"runs": ["had", "had_ta"]}})
    with pytest.raises(DataError, match=r"no file .*had_ta.*starts\.csv"):
        gather_starts(wide, "coesot")
    with pytest.raises(ConfigError, match="starts: null"):
        gather_starts(experiment(one.results), "coesot")
    path = starts_file(one, "coesot", "static", 0)
    before = path.read_text()
    pd.read_csv(path).assign(SR=np.nan).to_csv(path, index=False)
    with pytest.raises(DataError, match=r"'nan' as SR in row 2 of .*starts\.csv"):
        gather_starts(one, "coesot")
    path.write_text(before)
    broken = one.results / "starts/coesot/static/seed0"
    nobody = [replace(truth[0], name="nobody")]
    with pytest.raises(DataError, match=r"left/nobody\.txt"):
        score_starts(one.tracking.starts, annotations=nobody, tracks=broken, tracker="x", output=tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()


def test_without_starts_there_is_no_such_product(made):
    one, _ = made
    assert all("robustness" in applicable(what, one, "coesot") for what in ("table", "figure"))
    off = experiment(one.results)
    assert not any("robustness" in applicable(what, off, "coesot") for what in ("table", "figure"))
