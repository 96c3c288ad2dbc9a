"""Planned comparisons of rows that are not trained: external trackers, controls, and these with networks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic import experiment, write_results

from had.data.layouts import layout_of
from had.evaluation import style
from had.evaluation.benchmark import gather, read_curves
from had.evaluation.figures import sequences
from had.evaluation.products import applicable, write_product
from had.evaluation.rows import compared_pairs, folder_of
from had.evaluation.score_files import without_scores, write_scores
from had.evaluation.scoring import score_tracks
from had.evaluation.sequences import _pair, pairs_of

KINDS = [("table", "comparisons"), ("table", "sequences"), ("figure", "comparisons"), ("figure", "sequences")]


def trackers(folder, pairs, **options):
    external = {name: str(folder / name) for name in ("My_1.x", "lag7")}
    evaluation = {"resamples": 100, "comparisons": pairs}
    return experiment(folder / "results", external=external, evaluation=evaluation, **options)


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """Two trackers of others and nothing else."""
    monkeypatch.setitem(style._SETTINGS, "savefig.dpi", 60)
    one = trackers(tmp_path, [["My_1.x", "lag7"]], runs={}, controls=[])
    write_results(one, "coesot", sequences=24, frames=20)
    return one


def made(one, what, kind):
    stem = one.results / what / kind
    write_product(what, kind, experiment=one, benchmark="coesot", stem=stem)
    return stem


def test_two_trackers_are_compared_in_tables_and_figures(alone):
    success = [read_curves(alone, "coesot", run, 0).overlap.mean(axis=1) for run in ("My_1.x", "lag7")]
    for what, kind in KINDS:
        assert kind in applicable(what, alone, "coesot")
        stem = made(alone, what, kind)
        assert all(stem.with_suffix(end).stat().st_size for end in ((".csv", ".md") if what == "table" else (".png",)))
    table = pd.read_csv(alone.results / "table/comparisons.csv")
    assert list(zip(table["first"], table["second"], strict=True)) == [("My_1.x", "lag7")]
    kept = [values[values > 0].mean() for values in success]
    assert table["SR"][0] == pytest.approx(kept[0] - kept[1])
    assert table["SR_low"][0] < table["SR"][0] < table["SR_high"][0]
    assert np.isnan(table["seeds"][0])
    assert np.isnan(table["SR_crossed"][0])
    ends = pd.read_csv(alone.results / "table/sequences.csv")
    assert ends["difference"].max() == pytest.approx((success[0] - success[1]).max())
    assert set(ends["end"]) == {"best", "worst"}


def test_what_is_not_trained_is_compared_with_every_seed_of_a_run_in_every_regime(tmp_path):
    pairs = [["My_1.x", "lag7"], ["had", "lag7"], ["static", "student"], ["teacher", "static"]]
    few = {"title": "few", "training": {"sequences": 3}}
    one = trackers(tmp_path, pairs, seeds=[1, 2], regimes={"few": few}, controls=["static"])
    write_results(one, "coesot", sequences=4, frames=12)
    found = [(regime, first.run, second.run) for regime, first, second in compared_pairs(one)]
    usual = [("", *pair) for pair in map(tuple, pairs)]
    assert found == [*usual, ("few", "had_few", "lag7"), ("few", "static", "student_few")]
    stem = made(one, "table", "comparisons")
    table = pd.read_csv(stem.with_suffix(".csv"), dtype={"seeds": str})
    assert table["seeds"].isna().tolist() == [True] + 5 * [False]
    assert list(table["seeds"][1:]) == 5 * ["2"]
    said = stem.with_suffix(".md").read_text()
    assert "| My_1.x − lag7 | – | " in said
    assert "(–: neither row is trained)" in said
    assert said.count(" | 2 | ") == 5
    assert r"My\_1.x $-$ lag7 & -- & " in stem.with_suffix(".tex").read_text()
    scores = gather(one, "coesot")
    sr = scores[scores["metric"] == "SR"].groupby(["run", "seed"])["value"].mean()
    assert table["SR_crossed"][1] == pytest.approx(sr["had"].mean() - sr["lag7"].mean())
    assert table["SR_agreeing"][1] == f"{int((sr['had'] > sr['lag7'][0]).sum())}/2"
    means = [pair.sequences["difference"].mean() for pair in pairs_of(one, "coesot") if pair.first.run == "had"]
    assert means == pytest.approx([sr["had"].mean() - sr["lag7"].mean()])


def test_unknown_attributes_are_called_unknown(tmp_path):
    one = trackers(tmp_path, [], runs={}, controls=[])
    truth = write_results(one, "coesot", sequences=2, frames=12)
    for run in one.external:
        bare = [replace(annotation, attributes={}) for annotation in truth]
        scored = score_tracks(run, one.external[run] / "coesot", bare)
        write_scores([scored], layout=layout_of("coesot"), output=folder_of(one, "metrics", "coesot", run, 0))
    said = made(one, "table", "attributes").with_suffix(".md").read_text()
    assert "The attributes of the test sequences are unknown" in said
    assert "No test sequence carries" not in said


def test_of_a_tracker_that_could_not_be_scored_the_products_say_so(alone):
    folder = folder_of(alone, "metrics", "coesot", "lag7", 0)
    write_scores([without_scores("lag7")], layout=layout_of("coesot"), output=folder)
    (folder / "refused.txt").write_text("lag7 is not scored on COESOT: broken\n")
    for what, kind in KINDS:
        stem = made(alone, what, kind)
        if what == "table":
            assert "Nothing to compare, because it could not be scored: lag7." in stem.with_suffix(".md").read_text()
        else:
            assert stem.with_suffix(".png").stat().st_size > 1000


@pytest.mark.parametrize("noise", [0, -1.5e-17])
def test_of_equal_trackers_the_picture_has_an_axis_that_can_be_read(alone, monkeypatch, noise):
    pair = pairs_of(alone, "coesot")[0]
    pair.sequences["difference"] = noise
    monkeypatch.setattr(sequences, "pairs_of", lambda *_: [pair, pair])
    with style.applied():
        axes = sequences.draw(alone, "coesot", "sequences").axes
    for one in (axes[1], axes[3]):
        low, high = one.get_ylim()
        assert low <= -1e-3 < 1e-3 <= high


def test_a_difference_that_is_rounding_is_none(alone):
    scores = gather(alone, "coesot")
    scores = scores[scores["metric"] == "SR"]
    first, second = compared_pairs(alone)[0][1:]
    means = scores[scores["run"] == first.run].set_index("sequence")["value"]
    equal = scores["run"] == second.run
    scores.loc[equal, "value"] = scores.loc[equal, "sequence"].map(means) * (1 + 2e-16)
    assert (_pair(scores, first, second).sequences["difference"] == 0).all()
