"""Every figure is drawn whole, the same bytes each time, with what a reader needs in it."""

import re
from shutil import copyfile

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from synthetic import PreparedSequence, experiment, write_baselines, write_results

from had.errors import ConfigError, DataError
from had.evaluation import style
from had.evaluation.benchmark import read_attributes, read_profile
from had.evaluation.figures import attributes, curves, failures, losses, ranks, scenes, sequences, speed
from had.evaluation.figures.responses import _in_window, _search_region
from had.evaluation.products import KINDS, OF_NETWORKS, applicable, write_product
from had.evaluation.rows import folder_of, profile_file, rows_of
from had.options.evaluation import EvaluationOptions


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    evaluation = {"comparisons": [["had", "student"], ["had", "hdetrack"]], "least_sequences": 2}
    folder = tmp_path_factory.mktemp("results")
    source = {"coesot": {"baselines": str(folder / "baselines.npz")}}
    one = experiment(folder, seeds=[0, 1], evaluation=evaluation, benchmarks=source, tracking={"starts": {}})
    truth = write_results(one, "coesot", sequences=8, frames=20)
    write_baselines(folder / "baselines.npz", [annotation.name for annotation in truth][::-1])
    return one, truth


@pytest.fixture
def prepared(made, monkeypatch):
    monkeypatch.setattr(scenes, "load_split", lambda folder, split: [PreparedSequence(one) for one in made[1]])
    return made[0]


@pytest.mark.parametrize("kind", KINDS["figure"])
def test_every_kind_is_written_and_the_same_bytes_again(kind, prepared, tmp_path, monkeypatch):
    monkeypatch.setitem(style._SETTINGS, "savefig.dpi", 60)  # the time of a figure is its pixels
    places = []

    def saved(drawn, *arguments, **options):
        Figure.print(drawn, *arguments, **options)
        places.append([axes.get_position().bounds for axes in drawn.axes])

    monkeypatch.setattr(Figure, "print", Figure.savefig, raising=False)
    monkeypatch.setattr(Figure, "savefig", saved)
    for stem in ("a", "b"):
        write_product("figure", kind, experiment=prepared, benchmark="coco-object-meeting", stem=tmp_path / stem)
    for pdf, png in (places[:2], places[2:]):
        np.testing.assert_allclose(pdf, png, atol=1e-9)  # one layout in all files
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
        drawn = curves.draw(made[0], "coesot", kind)
    (axes,), (legend,) = drawn.axes, drawn.legends
    labels = [text.get_text() for text in legend.get_texts()]
    own = len(rows_of(made[0])) - 1  # all but the ground truth
    scores = [float(label[-6:-1]) for label in labels]
    assert scores[:own] == sorted(scores[:own], reverse=True)
    assert scores[own:] == sorted(scores[own:], reverse=True)
    assert {label.partition(" ")[0] for label in labels[own:]} == {"Alpha", "Beta", "Gamma"}
    assert {line.get_color() for line in axes.get_lines()[own : own + 3]} == {style.BASELINE}
    for line, score in zip(axes.get_lines(), scores, strict=False):
        shown = line.get_ydata()
        assert score == pytest.approx({"success": shown.mean()}.get(kind, shown[20]), abs=6e-4)


def test_boxes_on_one_another_all_show():
    looks = style.boxes([5, 1, 0])
    assert list(looks) == [0, 1, 5]
    widths = [look["linewidth"] for look in looks.values()]
    assert np.diff(widths).max() <= -0.5
    assert len({look["linestyle"] for look in looks.values()}) == 3
    assert max(look["linewidth"] for look in style.boxes(range(style.MOST_LINES)).values()) < 3


def test_runs_differ_in_more_than_colour():
    looks = {(style.line(k)["color"], str(style.line(k)["linestyle"])) for k in range(16)}
    assert len(looks) == 16
    assert len({str(style.line(k)["linestyle"]) for k in range(6)}) == 6
    in_grey = {(str(style.line(k)["linestyle"]), style.sparse(k, 21).get("marker")) for k in range(18)}
    assert len(in_grey) == 18
    assert len({style.bar(k)["hatch"] for k in range(style.MOST_LINES)}) == style.MOST_LINES


def test_attributes_of_too_few_sequences_stay_out_of_the_radar(made):
    flags = read_attributes(made[0], "coesot").sum(axis=0)
    least = int(flags.max())
    options = made[0].evaluation.model_copy(update={"least_sequences": least})
    with style.applied():
        axes = attributes.draw(made[0].model_copy(update={"evaluation": options}), "coesot", "attributes").axes[0]
    shown = {text.get_text().partition(" ")[0] for text in axes.get_xticklabels()}
    assert shown == set(flags.index[flags >= least])
    assert set(flags.index) - shown


def test_ranks_are_shares_that_add_up_in_both_directions(made):
    with style.applied():
        axes = ranks.draw(made[0], "coesot", "ranks").axes[0]
    (image,) = axes.get_images()
    shares = np.asarray(image.get_array())
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares.shape == (len(rows_of(made[0])) - 1,) * 2
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels[-1].startswith("Static box")
    assert labels[-1].endswith(f"; {len(labels)}]")


def test_rows_that_are_equal_share_their_places(tmp_path):
    rows = {"runs": ["student"], "controls": ["static"], "external": {"same": str(tmp_path)}}
    one = experiment(tmp_path / "results", seeds=[0, 1], **rows)
    write_results(one, "coesot", sequences=6, frames=10)
    for name in ("per_sequence.csv", "curves.npz"):
        folders = (folder_of(one, "metrics", "coesot", run, 0) for run in ("static", "same"))
        copyfile(*(folder / name for folder in folders))
    with style.applied():
        axes = ranks.draw(one, "coesot", "ranks").axes[0]
    (image,) = axes.get_images()
    np.testing.assert_allclose(np.asarray(image.get_array()), [[1, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]])
    assert [text.get_text() for text in axes.texts] == ["100", "50", "50", "50", "50"]
    assert [text.get_text()[-5:] for text in axes.get_yticklabels()[1:]] == [" 2–3]"] * 2
    assert axes.get_xlabel().endswith("equal ones share")


@pytest.mark.parametrize(
    ("seeds", "ranked"), [({}, 0), ({"student": [0, 1]}, 2), ({"student": [0, 1], "teacher": [0, 1]}, 3)]
)
def test_networks_of_one_seed_have_no_rank(tmp_path, seeds, ranked):
    one = experiment(tmp_path / "results", runs=["teacher", "student"], controls=["static"], seeds=[0], run_seeds=seeds)
    write_results(one, "coesot", sequences=6, frames=10)
    with style.applied():
        drawn = ranks.draw(one, "coesot", "ranks")
    names = [text.get_text() for axes in drawn.axes for text in axes.get_yticklabels()]
    said = [" ".join(text.get_text().split()) for text in drawn.findobj(Text)]
    assert len(names) == ranked
    assert any("one training seed" in text for text in said) == (ranked < 3)


def test_networks_that_do_the_same_work_stand_side_by_side_over_all_that_was_measured(prepared, monkeypatch):
    measured = read_profile(prepared, "coesot")
    measured["fps"] = 200.0 + 10 * np.arange(len(measured))
    measured.loc[[("student", 0), ("student", 1)], "macs"] *= 2
    monkeypatch.setattr(speed, "read_profile", lambda experiment, benchmark: measured)
    with style.applied():
        axes = speed.draw(prepared, "coesot", "speed").axes[0]
    groups = [["teacher"], ["student"], [run for run in prepared.runs if run not in ("teacher", "student")]]
    assert len(groups[2]) > 3
    places = [line.get_xdata()[0] for line in axes.lines]  # by SR
    for runs, band in zip(groups, axes.patches, strict=True):
        fps = measured.loc[runs, "fps"]
        left, right = band.get_x(), band.get_x() + band.get_width()
        assert left <= fps.min() < fps.max() <= right
        inside = [place for place in places if abs(place - fps.mean()) < 0.013 * measured["fps"].max() * len(runs)]
        assert np.mean(inside) == pytest.approx(fps.mean())
        assert len(set(inside)) == len(runs)
    assert "grey" in axes.get_xlabel()


def test_networks_that_do_different_work_have_no_band_and_none_is_explained(tmp_path):
    one = experiment(tmp_path / "results", runs=["teacher", "student"], seeds=[0])
    write_results(one, "coesot", sequences=4, frames=10)
    with style.applied():
        axes = speed.draw(one, "coesot", "speed").axes[0]
    assert not axes.patches
    assert axes.get_xlabel() == "Frames a second"


def test_factors_without_recordings_say_so(made, monkeypatch):
    bare = [PreparedSequence(one, events=False) for one in made[1]]
    monkeypatch.setattr(scenes, "load_split", lambda folder, split: bare)
    with style.applied():
        drawn = failures.draw(made[0], "coesot", "failures")
    texts = [text.get_text() for part in drawn.subfigs for axes in part.axes for text in axes.texts]
    assert texts == ["not known:\nno recordings"]


def test_the_difference_of_every_sequence_is_drawn(made):
    with style.applied():
        drawn = sequences.draw(made[0], "coesot", "sequences")
    worst, middle, best = drawn.subfigs[0].axes
    heights = [bar.get_height() for bar in middle.patches]
    assert len(heights) == len(made[1])
    assert heights == sorted(heights, reverse=True)
    assert best.patches[-1].get_width() == heights[0]
    assert worst.patches[-1].get_width() == heights[-1]
    assert len(drawn.subfigs[1].axes) == sequences.COLUMNS  # one more pair, the others' places are empty


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
        others_need = {"comparisons", "sequences", "robustness", *(["boc"] if what == "figure" else [])}
        assert set(KINDS[what]) - set(kinds) == {*OF_NETWORKS[what], *others_need}
        for kind in kinds:
            write_product(what, kind, experiment=others, benchmark="coesot", stem=tmp_path / f"{what}_{kind}")
    with style.applied():
        (text,) = attributes.draw(others, "coesot", "attributes").texts
    assert text.get_text() == "COESOT: no test sequence carries an attribute."


def write_header(path):
    path.write_text("benchmark,tracker,SR,PR,NPR,source,note\n")
    return path


def test_products_that_the_configuration_rules_out(made, tmp_path):
    assert applicable("table", made[0], "coesot") == list(KINDS["table"])
    assert applicable("figure", made[0], "coco-object-meeting") == list(KINDS["figure"])
    assert "attributes" not in applicable("table", made[0], "fe108")
    shown = made[0].figures.model_copy(update={"runs": ("static",)})
    assert "responses" not in applicable("figure", made[0].model_copy(update={"figures": shown}), "coesot")
    unplanned = made[0].model_copy(update={"evaluation": EvaluationOptions()})
    assert "comparisons" not in applicable("table", unplanned, "coesot") + applicable("figure", unplanned, "coesot")
    assert "sequences" in applicable("table", unplanned, "coesot")  # had with student
    assert "boc" not in applicable("figure", made[0], "eventvot")  # no baselines there
    unpublished = made[0].model_copy(update={"published": write_header(tmp_path / "none.csv")})
    assert "published" not in applicable("table", unpublished, "coesot")
    nothing = made[0].model_copy(update={"runs": {}, "controls": ()})
    assert not applicable("table", nothing, "coesot") + applicable("figure", nothing, "coesot")


def test_error_bars_of_equal_values_are_none_and_no_fault():
    """A mean of resampled equal values lies a rounding error beside the mean."""
    value = 0.1 + 0.2
    drawn = Figure()
    drawn.subplots().errorbar(value, 0, xerr=style.reach(value, np.nextafter(value, 1), value))
    assert np.allclose(
        style.reach(np.array([0.5, 0.4]), np.array([0.3, 0.4]), np.array([0.6, 0.3])), [[0.2, 0], [0.1, 0]]
    )
