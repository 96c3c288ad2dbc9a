"""Scores on disk and the long table, over a synthetic results folder."""

import numpy as np
import pandas as pd
import pytest
from synthetic import annotations, experiment, write_one_shot, write_results

from had.data.layouts import layout_of
from had.errors import DataError
from had.evaluation import benchmark, metrics
from had.evaluation.final import final_scores
from had.evaluation.rows import folder_of, rows_of
from had.evaluation.scoring import score_tracks


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    one = experiment(tmp_path_factory.mktemp("results"), seeds=[0, 1])
    return one, write_results(one, "coesot")


def test_per_sequence_table_and_curves_say_the_same(made):
    one, truth = made
    folder = folder_of(one, "metrics", "coesot", "had", 1)
    table = pd.read_csv(folder / "per_sequence.csv")
    assert list(table.columns[:6]) == ["tracker", "sequence", "frames", "SR", "PR", "NPR"]
    assert list(table["sequence"]) == [annotation.name for annotation in truth]
    curves = benchmark.read_curves(one, "coesot", "had", 1)
    for name, values in metrics.scores(curves).items():
        np.testing.assert_array_equal(table[name], values)  # full float precision through the text
    flags = benchmark.read_attributes(one, "coesot")
    assert list(flags.columns) == list(layout_of("coesot").attributes)
    assert flags.loc["sim_000", "CM"]
    assert not flags["BOM"].any()


def test_the_long_table_has_every_run_seed_and_sequence_once(made):
    one, truth = made
    table = benchmark.gather(one, "coesot")
    assert list(table.columns) == ["benchmark", "run", "seed", "sequence", "metric", "value"]
    assert not table.duplicated(["run", "seed", "sequence", "metric"]).any()
    trained, controls = len(one.runs) * 2, len(one.controls)
    assert len(table) == len(truth) * (8 * trained + 7 * controls)
    assert table["value"].between(0, 1).all()
    assert list(table["run"].unique()) == [row.run for row in rows_of(one)]
    exact = table[(table["run"] == "ground_truth") & (table["metric"] == "PR")]
    assert set(exact["seed"]) == {0}


def test_without_networks_there_is_no_one_shot_iou(tmp_path):
    one = experiment(tmp_path, runs={}, controls=["static", "ground_truth"])
    write_results(one, "coesot", sequences=3)
    path = folder_of(one, "metrics", "coesot", "static", 0) / "per_sequence.csv"
    assert "one_shot_iou" not in pd.read_csv(path).columns
    assert set(benchmark.gather(one, "coesot")["metric"]) == set(metrics.SCORES)


def test_a_run_that_was_not_evaluated_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no file .*teacher.seed0.per_sequence.csv"):
        benchmark.gather(experiment(tmp_path), "coesot")


def test_runs_on_different_sequences_are_refused(tmp_path):
    one = experiment(tmp_path)
    write_results(one, "eventvot", sequences=3)
    path = folder_of(one, "metrics", "eventvot", "had", 0) / "per_sequence.csv"
    pd.read_csv(path).iloc[1:].to_csv(path, index=False)
    with pytest.raises(DataError, match="same sequences"):
        benchmark.gather(one, "eventvot")


def test_bad_one_shot_tables_and_annotations_are_refused(tmp_path):
    truth = annotations(layout_of("coesot"), sequences=2, frames=9)
    for annotation in truth:
        np.savetxt(tmp_path / f"{annotation.name}.txt", annotation.boxes)
    with pytest.raises(DataError, match="each once"):
        score_tracks("x", tmp_path, truth[:1] * 2)
    write_one_shot(tmp_path / "one_shot.csv", truth[1:], 0.1, 0)
    with pytest.raises(DataError, match="without sim_000"):
        score_tracks("x", tmp_path, truth[:1])


def test_scores_are_the_same_bytes_again(tmp_path):
    first, second = experiment(tmp_path / "a"), experiment(tmp_path / "b")
    for one in (first, second):
        write_results(one, "eventvot", sequences=3)
    for name in ("per_sequence.csv", "curves.npz"):
        paths = [folder_of(one, "metrics", "eventvot", "had", 0) / name for one in (first, second)]
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_final_scores_have_the_fps_of_the_table_of_costs(made):
    scores = final_scores(made[0], "coesot")
    assert set(scores) == {(row.run, seed) for row in rows_of(made[0]) for seed in row.seeds}
    assert scores["had", 1]["FPS"] == 410.0
    assert scores["teacher", 0]["FPS"] == 205.0
    assert not any("FPS" in scores[run, 0] for run in made[0].controls)
    assert {"SR", "PR", "NPR", "one_shot_iou"} <= set(scores["student", 0])
