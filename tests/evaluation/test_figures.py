"""Every figure is drawn whole, the same bytes each time, with what a reader needs in it."""

import re

import cv2
import numpy as np
import pytest
from synthetic import PreparedSequence, experiment, write_results

from had.errors import ConfigError, DataError
from had.evaluation import style
from had.evaluation.figures import attributes, curves, losses, scenes
from had.evaluation.figures.responses import _in_window, _search_region
from had.evaluation.products import KINDS, OF_NETWORKS, applicable, write_product
from had.evaluation.rows import profile_file, rows_of
from had.options.experiment import EvaluationOptions


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    evaluation = {"comparisons": [["had", "student"], ["had", "hdetrack"]]}
    one = experiment(tmp_path_factory.mktemp("results"), seeds=[0, 1], evaluation=evaluation)
    return one, write_results(one, "coesot", sequences=8, frames=20)


@pytest.fixture
def prepared(made, monkeypatch):
    monkeypatch.setattr(scenes, "load_split", lambda folder, split: [PreparedSequence(one) for one in made[1]])
    return made[0]


@pytest.mark.parametrize("kind", KINDS["figure"])
def test_every_kind_is_written_and_the_same_bytes_again(kind, prepared, tmp_path, monkeypatch):
    monkeypatch.setitem(style._SETTINGS, "savefig.dpi", 60)  # the time of a figure is its pixels
    for stem in ("a", "b"):
        write_product("figure", kind, experiment=prepared, benchmark="coco-object-meeting", stem=tmp_path / stem)
    for suffix in ("pdf", "png"):
        first = (tmp_path / f"a.{suffix}").read_bytes()
        assert first == (tmp_path / f"b.{suffix}").read_bytes()
        assert len(first) < 2e6
    image = cv2.imread(str(tmp_path / "a.png"))
    assert style.COLUMN * 60 <= image.shape[1] <= style.PAGE * 60
    assert len(np.unique(image.reshape(-1, 3)[::7], axis=0)) > 8
    assert not re.search(rb"/CreationDate", (tmp_path / "a.pdf").read_bytes())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png", "b.pdf", "b.png"]


@pytest.mark.parametrize("kind", ["success", "precision", "normalized_precision"])
def test_legends_are_sorted_by_the_score_in_brackets(made, kind):
    with style.applied():
        axes = curves.draw(made[0], "coesot", kind).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    scores = [float(label[-6:-1]) for label in labels]
    assert scores == sorted(scores, reverse=True)
    assert len(labels) == len(rows_of(made[0])) - 1  # all but the ground truth
    for line, score in zip(axes.get_lines(), scores, strict=False):
        shown = line.get_ydata()
        assert score == pytest.approx({"success": shown.mean()}.get(kind, shown[20]), abs=6e-4)


def test_runs_differ_in_more_than_colour():
    looks = {(style.line(k)["color"], str(style.line(k)["linestyle"])) for k in range(16)}
    assert len(looks) == 16
    assert len({str(style.line(k)["linestyle"]) for k in range(6)}) == 6


def test_loss_curves_show_each_term_of_the_histories(made):
    with style.applied():
        titles = [axes.get_title() for axes in losses.draw(made[0], "coesot", "losses").axes]
    assert titles[:2] == ["Validation one-shot IoU", "Training loss, all terms"]
    assert {"Classification (focal)", "Box (GIoU)", "Box (L1)", "Spatial alignment (SA)"} <= set(titles)


def test_strips_are_spread_over_the_score():
    scores = {"a": {f"s{k}": k / 9 for k in range(9)}, "b": {f"s{k}": k / 9 for k in range(9)}}
    assert scenes.spread_sequences(scores, ["a", "b"], 3) == ["s7", "s4", "s1"]
    assert scenes.spread_sequences(scores, ["a"], 99) == [f"s{k}" for k in range(8, -1, -1)]


def test_a_drawn_search_region_keeps_the_box_on_its_target():
    image = np.zeros((60, 80, 3), np.uint8)
    image[20:30, 40:60] = 255
    window = np.array([30.0, 10.0, 32.0])
    region = _search_region(image, window)
    x, y, w, h = _in_window(np.array([40.0, 20, 20, 10]), window) + np.array([0.5, 0.5, 0, 0])
    inside = region[int(y) + 5 : int(y + h) - 5, int(x) + 5 : int(x + w) - 5]
    assert (inside == 255).all()
    assert (region[..., 0] > 127).sum() == pytest.approx(w * h, rel=0.03)


def test_the_users_own_settings_come_back(made):
    import matplotlib

    before = dict(matplotlib.rcParams)
    with style.applied():
        curves.draw(made[0], "coesot", "success")
    assert dict(matplotlib.rcParams) == before


def test_usual_runs_are_shown_unless_others_are_named(prepared, tmp_path):
    assert [row.run for row in scenes.shown_rows(prepared)] == ["student", "had", "teacher"]
    named = experiment(tmp_path / "empty", figures={"runs": ["static", "had"]})
    assert [row.run for row in scenes.shown_rows(named)] == ["static", "had"]


def test_errors_name_what_is_missing(prepared, tmp_path):
    with pytest.raises(ConfigError, match="'precision'"):
        write_product("figure", "precison", experiment=prepared, benchmark="coesot", stem=tmp_path / "x")
    empty = experiment(tmp_path / "empty")
    with pytest.raises(DataError, match=r"no file .*history.csv"):
        write_product("figure", "losses", experiment=empty, benchmark="coesot", stem=tmp_path / "x")
    with pytest.raises(ConfigError, match="'had'"):
        experiment(tmp_path / "empty", figures={"runs": ["hod"]})
    path = profile_file(prepared, "coesot")
    kept = path.read_text()
    path.write_text(kept[: kept.index("had,1,")])
    with pytest.raises(DataError, match=r"profile.csv without 'had', seed 1"):
        write_product("figure", "speed", experiment=prepared, benchmark="coesot", stem=tmp_path / "x")
    path.write_text(kept)
    assert not list(tmp_path.glob("x*"))


@pytest.fixture
def others(tmp_path, monkeypatch):
    """No network: a control, and sequences of a benchmark whose attributes nobody wrote down."""
    one = experiment(tmp_path / "results", runs={}, controls=["static"])
    truth = write_results(one, "coesot", sequences=4, frames=10, attributes=False)
    monkeypatch.setattr(scenes, "load_split", lambda folder, split: [PreparedSequence(sequence) for sequence in truth])
    return one


def test_what_applies_without_networks_and_attributes_is_made(others, tmp_path):
    for what in ("table", "figure"):
        kinds = applicable(what, others, "coesot")
        assert set(KINDS[what]) - set(kinds) == set(OF_NETWORKS[what])
        for kind in kinds:
            write_product(what, kind, experiment=others, benchmark="coesot", stem=tmp_path / f"{what}_{kind}")
    with style.applied():
        (text,) = attributes.draw(others, "coesot", "attributes").texts
    assert text.get_text() == "COESOT: no test sequence carries an attribute."


def test_products_that_the_configuration_rules_out(made):
    assert applicable("table", made[0], "coesot") == list(KINDS["table"])
    assert applicable("figure", made[0], "coco-object-meeting") == list(KINDS["figure"])
    assert "attributes" not in applicable("table", made[0], "fe108")
    shown = made[0].figures.model_copy(update={"runs": ("static",)})
    assert "responses" not in applicable("figure", made[0].model_copy(update={"figures": shown}), "coesot")
    unplanned = made[0].model_copy(update={"evaluation": EvaluationOptions()})
    assert "comparisons" not in applicable("table", unplanned, "coesot") + applicable("figure", unplanned, "coesot")
    nothing = made[0].model_copy(update={"runs": {}, "controls": ()})
    assert not applicable("table", nothing, "coesot") + applicable("figure", nothing, "coesot")
