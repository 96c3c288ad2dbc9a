"""Which sequences decide, and what makes them hard: known differences, sizes, speeds and bins come back."""

import numpy as np
import pandas as pd
import pytest
from synthetic import Annotation, PreparedSequence, experiment, write_results

from had import films
from had.errors import ConfigError, DataError
from had.evaluation.benchmark import read_curves
from had.evaluation.factors import factors, quartiles
from had.evaluation.products import write_product
from had.evaluation.rows import compared_pairs
from had.evaluation.sequences import EXTREMES, pairs_of


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    evaluation = {"resamples": 100, "comparisons": [["had", "hdetrack"], ["had", "student"]]}
    one = experiment(
        tmp_path_factory.mktemp("results"), seeds=[0, 1], run_seeds={"student": [1]}, evaluation=evaluation
    )
    write_results(one, "coesot", sequences=24, frames=20)
    return one


def test_the_difference_is_that_of_the_seeds_that_both_have(made):
    first, second = pairs_of(made, "coesot")
    assert (first.first.run, first.second.run) == ("had", "student")  # it stands first, though planned second
    assert second.second.run == "hdetrack"
    success = [read_curves(made, "coesot", run, 1).overlap.mean(axis=1) for run in ("had", "student")]
    found = first.sequences.sort_index()["difference"]
    np.testing.assert_allclose(found, success[0] - success[1], atol=1e-12)
    best, worst = first.extremes()
    assert len(best) == len(worst) == EXTREMES
    assert best["difference"].iloc[0] == found.max()
    assert worst["difference"].iloc[0] == found.min()
    assert not set(best.index) & set(worst.index)


def test_the_table_names_both_ends_of_every_pair_and_the_films_that_there_are(made, tmp_path):
    write_product("table", "sequences", experiment=made, benchmark="coesot", stem=tmp_path / "a")
    table = pd.read_csv(tmp_path / "a.csv")
    assert len(table) == 2 * 2 * EXTREMES
    np.testing.assert_allclose(table["difference"], table["first"] - table["second"], atol=1e-12)
    assert table["film"].isna().all()
    assert "Film" not in (tmp_path / "a.md").read_text()
    name = table["sequence"][0]
    film = made.results / "videos" / "coesot" / f"{name}.webm"
    film.parent.mkdir(parents=True)
    film.write_bytes(b"film")
    write_product("table", "sequences", experiment=made, benchmark="coesot", stem=tmp_path / "b")
    assert pd.read_csv(tmp_path / "b.csv")["film"][0] == f"videos/coesot/{name}.webm"
    assert f"videos/coesot/{name}.webm |" in (tmp_path / "b.md").read_text()


def test_each_of_them_gets_a_film_of_its_own(made, tmp_path, monkeypatch):
    filmed = []
    monkeypatch.setattr(films, "film_sequence", lambda path, **options: filmed.append((path, options["sequence"])))
    names = films.film_deciding(tmp_path, experiment=made, benchmark="coesot")
    best, worst = pairs_of(made, "coesot")[0].extremes()
    assert names == [*best.index, *worst.index]
    assert filmed == [(tmp_path / f"{name}.webm", name) for name in names]


def test_without_plans_had_is_compared_with_the_student(made, tmp_path):
    unplanned = experiment(tmp_path)
    assert [(first.run, second.run) for _, first, second in compared_pairs(unplanned)] == [("had", "student")]
    nothing = experiment(tmp_path, runs=["teacher", "student"])
    assert compared_pairs(nothing) == []
    with pytest.raises(ConfigError, match=r"evaluation\.comparisons"):
        pairs_of(nothing, "coesot")


def test_runs_without_a_common_seed_cannot_be_compared(made):
    apart = made.model_copy(update={"run_seeds": {"student": (1,), "had": (0,)}})
    with pytest.raises(DataError, match="seed that both runs"):
        pairs_of(apart, "coesot")


def sequence(boxes, present=None, events=True):
    boxes = np.array(boxes, float)
    present = np.ones(len(boxes), bool) if present is None else np.array(present)
    return PreparedSequence(Annotation("one", boxes, present, {}), events=events)


def test_size_speed_and_events_of_a_target_that_moves_five_pixels_a_frame():
    steady = sequence([[10 + 5 * k, 20, 8, 2] for k in range(5)])
    found = factors({"one": steady}, ["one"]).loc["one"]
    assert found["size"] == pytest.approx(4)
    assert found["speed"] == pytest.approx(5 / 4)
    assert found["events"] == pytest.approx((1000 + 10 * 2) / 1000)


def test_absent_and_empty_boxes_are_not_measured():
    gone = sequence(
        [[0, 0, 4, 4], [3, 0, 4, 4], [500, 0, 400, 400], [9, 0, 0, 4], [9, 0, 4, 4]], [1, 1, 0, 1, 1], False
    )
    gone.present = gone.present.astype(bool)
    found = factors({"one": gone}, ["one"]).loc["one"]
    assert (found["size"], found["speed"]) == (4, 0.75)
    assert np.isnan(found["events"])
    never = sequence([[0, 0, 4, 4]] * 3, [False] * 3)
    assert factors({"one": never}, ["one"]).loc["one", ["size", "speed"]].isna().all()


def test_quartiles_are_equally_full_and_lose_nobody():
    values = pd.Series(np.random.default_rng(0).random(80), index=[f"s{k}" for k in range(80)])
    bins = quartiles(values)
    assert [len(names) for _, names in bins] == [20] * 4
    assert sorted(name for _, names in bins for name in names) == sorted(values.index)
    highest = [values[names].max() for _, names in bins]
    assert highest == sorted(highest)


@pytest.mark.parametrize("values", [[3.0] * 7, [1.0, 1.0, 1.0, 2.0], [5.0], [1.0, np.nan, 2.0]])
def test_equal_values_stay_together(values):
    series = pd.Series(values, index=[f"s{k}" for k in range(len(values))])
    bins = quartiles(series)
    assert sorted(name for _, names in bins for name in names) == sorted(series.dropna().index)
    for value in set(series.dropna()):
        assert sum(value in set(series[names]) for _, names in bins) == 1


def test_nothing_known_makes_no_bins():
    assert quartiles(pd.Series([np.nan, np.nan])) == []
