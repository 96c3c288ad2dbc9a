"""Other trackers' result files: a row in the tables, a line in the plots, boxes in strips and films."""

import cv2
import numpy as np
import pandas as pd
import pytest
from synthetic import PreparedSequence, experiment, write_results

from had import films
from had.data.layouts import layout_of
from had.errors import DataError
from had.evaluation import style
from had.evaluation.benchmark import gather
from had.evaluation.figures import scenes, strips
from had.evaluation.final import final_scores
from had.evaluation.page.write import write_page
from had.evaluation.products import write_product
from had.evaluation.refused import refusals, scored
from had.evaluation.rows import external_tracks, folder_of, rows_of, tracks_folder
from had.evaluation.score_files import without_scores, write_scores


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An experiment with the tracker `other`, whose boxes lie outside of the results folder."""
    folder = tmp_path_factory.mktemp("external")
    one = experiment(
        folder / "results",
        external={"other": str(folder / "theirs")},
        figures={"runs": ["other", "had"]},
        evaluation={"resamples": 50},
    )
    return one, write_results(one, "coesot", sequences=4, frames=12)


@pytest.fixture
def prepared(made, monkeypatch):
    class Timed(PreparedSequence):
        frame_times_us = np.arange(12) * 40_000

    monkeypatch.setattr(scenes, "load_split", lambda folder, split: [Timed(one) for one in made[1]])
    return made[0]


def test_its_files_are_read_where_they_are(made):
    one, truth = made
    folder = one.external["other"] / "coesot"
    assert external_tracks(one, "coesot", "other") == [folder / f"{annotation.name}.txt" for annotation in truth]
    assert not (one.results / "tracks" / "coesot" / "other").exists()
    assert tracks_folder(one, "coesot", "had", 0) == one.results / "tracks" / "coesot" / "had" / "seed0"


@pytest.mark.parametrize("kind", ["main", "attributes"])
def test_it_has_its_place_in_the_tables(made, kind, tmp_path):
    write_product("table", kind, experiment=made[0], benchmark="coesot", stem=tmp_path / kind)
    table = pd.read_csv(tmp_path / f"{kind}.csv")
    scores = table.set_index("run").loc["other", ["SR", "PR", "NPR"]] if kind == "main" else table["other"]
    assert scores.between(0.01, 0.99).all()
    assert "other" in (tmp_path / f"{kind}.md").read_text()


@pytest.mark.parametrize("kind", ["success", "attributes", "strips"])
def test_it_is_drawn_in_the_figures(prepared, kind, tmp_path, monkeypatch):
    monkeypatch.setitem(style._SETTINGS, "savefig.dpi", 60)
    write_product("figure", kind, experiment=prepared, benchmark="coesot", stem=tmp_path / kind)
    assert (tmp_path / f"{kind}.png").stat().st_size > 1000


def test_a_row_has_the_same_colour_in_strips_and_films_whatever_the_order(prepared, tmp_path):
    look = {row.run: row.look for row in rows_of(prepared)}
    with style.applied():
        drawn = strips.draw(prepared, "coesot", "strips")
    labels = {text.get_text().split()[0]: line for text, line in zip(
        drawn.legends[0].get_texts(), drawn.legends[0].get_lines(), strict=True
    )}  # fmt: skip
    assert labels["other"].get_color() == style.colour(look["other"])
    assert labels["HAD"].get_color() == style.colour(look["had"])
    for order in (["other", "had"], ["had", "other"]):
        path = tmp_path / f"{order[0]}.webm"
        films.film_sequence(path, experiment=prepared, benchmark="coesot", sequence="sim_000", runs=order)
        there, frame = cv2.VideoCapture(str(path)).read()
        assert there
        legend = frame[-14:-10, 50:64, ::-1].reshape(-1, 3).mean(axis=0)  # the first line of the legend
        wanted = [int(style.colour(look[order[0]])[k : k + 2], 16) for k in (1, 3, 5)]
        assert np.abs(legend - wanted).max() < 60


def test_the_truth_is_not_drawn_where_the_target_is_absent(prepared, made, tmp_path, monkeypatch):
    shown = {}
    monkeypatch.setattr(films, "write_video", lambda path, **given: shown.update(given))
    absent = made[1][3]
    assert not absent.present.all()
    assert (absent.boxes[~absent.present] > 0).all()  # a box is stated all the same, as in real annotations
    films.film_sequence(tmp_path / "x.webm", experiment=prepared, benchmark="coesot", sequence=absent.name, runs=[])
    assert np.isnan(shown["ground_truth"][~absent.present]).all()
    np.testing.assert_array_equal(shown["ground_truth"][absent.present], absent.boxes[absent.present])
    assert scenes.caption(PreparedSequence(absent), int(np.flatnonzero(~absent.present)[0])).endswith(", absent")


def refuse(one, sentence="other is not scored on COESOT: expected 12 boxes, got 3"):
    """What `had evaluate --refused` leaves of the tracker `other`."""
    folder = folder_of(one, "metrics", "coesot", "other", 0)
    nothing = without_scores("other")
    write_scores([nothing], layout=layout_of("coesot"), output=folder)
    (folder / "refused.txt").write_text(f"{sentence}\n")
    return sentence


@pytest.fixture
def two(tmp_path):
    one = experiment(
        tmp_path / "results",
        external={"other": str(tmp_path / "theirs"), "second": str(tmp_path / "second")},
        figures={"runs": ["other", "had"]},
        evaluation={"resamples": 50},
    )
    return one, write_results(one, "coesot", sequences=4, frames=12)


def test_a_tracker_that_could_not_be_scored_is_left_out_and_the_others_keep_their_looks(two, tmp_path, caplog):
    refused, _ = two
    before = {row.run: row.look for row in rows_of(refused)}
    sentence = refuse(refused)
    assert refusals(refused, "coesot") == {"other": sentence}
    after = {row.run: row.look for row in rows_of(scored(refused, "coesot"))}
    assert after == {run: look for run, look in before.items() if run != "other"}
    assert rows_of(refused) == rows_of(scored(refused, "eventvot"))
    for kind in ("main", "attributes", "ablation"):
        write_product("table", kind, experiment=refused, benchmark="coesot", stem=tmp_path / kind)
        assert ("Not scored: other" in (tmp_path / f"{kind}.md").read_text()) == (kind != "ablation")
    assert sentence in caplog.text
    runs = list(pd.read_csv(tmp_path / "main.csv")["run"])
    assert "second" in runs
    assert "other" not in runs
    assert ("other", 0) not in final_scores(refused.model_copy(update={"runs": {}}), "coesot")


@pytest.mark.parametrize("kind", ["success", "ranks", "attributes", "strips"])
def test_figures_are_drawn_without_it(two, kind, tmp_path, monkeypatch):
    monkeypatch.setitem(style._SETTINGS, "savefig.dpi", 60)
    refused, truth = two
    refuse(refused)
    monkeypatch.setattr(scenes, "load_split", lambda folder, split: [PreparedSequence(one) for one in truth])
    write_product("figure", kind, experiment=refused, benchmark="coesot", stem=tmp_path / kind)
    assert (tmp_path / f"{kind}.png").stat().st_size > 1000


def test_where_none_could_be_scored_one_sentence_says_why(two):
    refused, _ = two
    alone = refused.model_copy(update={"runs": {}, "controls": (), "external": {"other": refused.external["other"]}})
    sentence = refuse(alone)
    with pytest.raises(DataError, match=rf"scores on coesot, got none \({sentence}\)"):
        gather(alone, "coesot")


def test_where_none_could_be_scored_the_products_say_so_and_show_no_number(two, tmp_path):
    refused, _ = two
    alone = refused.model_copy(update={"runs": {}, "controls": (), "external": {"other": refused.external["other"]}})
    sentence = refuse(alone)
    for kind in ("main", "attributes"):
        write_product("table", kind, experiment=alone, benchmark="coesot", stem=tmp_path / kind)
        printed = (tmp_path / f"{kind}.md").read_text()
        assert "No row could be scored on COESOT" in printed
        assert sentence in printed
        assert pd.read_csv(tmp_path / f"{kind}.csv").columns.tolist() == ["run"]
    write_product("figure", "success", experiment=alone, benchmark="coesot", stem=tmp_path / "success")
    assert (tmp_path / "success.pdf").stat().st_size > 1000
    here = {"coesot": alone.benchmarks["coesot"]}
    write_page(alone.model_copy(update={"benchmarks": here}), tmp_path / "index.html")
    assert sentence in (tmp_path / "index.html").read_text()


def test_a_missing_or_empty_folder_is_one_sentence(tmp_path):
    one = experiment(tmp_path / "results", external={"other": str(tmp_path / "theirs")})
    with pytest.raises(DataError, match=r"theirs.coesot.<sequence>.txt .* 'other', got no such folder"):
        external_tracks(one, "coesot", "other")
    (tmp_path / "theirs" / "coesot").mkdir(parents=True)
    with pytest.raises(DataError, match="a folder without any"):
        external_tracks(one, "coesot", "other")
